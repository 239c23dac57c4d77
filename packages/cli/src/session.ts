/**
 * A client for this machine's user, from the configuration: which router, whose keys, under which trust file.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Client, createClient, type Identity, openIdentity, parseTrustFile, type TrustFile } from '@mystranet/sdk'
import { PacketError } from '@mystranet/sdk/errors'
import { isLockedIdentityFile, openIdentityFile } from '@mystranet/sdk/keys/identity-file'
import { readIdentityFile } from '@mystranet/sdk/keys/identity-file/node'
import type { Seed } from '@mystranet/sdk/keys/name'
import type { Config } from './config.ts'
import { UsageError } from './exit.ts'
import { type MemoryFile, openMemory } from './memory-file.ts'
import { readRunning } from './running.ts'
import { takeSlot } from './sender-slot.ts'
import { readFileIfThere, type StateFolder, stateFolder } from './state.ts'

export interface Session {
  readonly client: Client
  readonly identity: Identity
  readonly trust: TrustFile
  readonly router: string
  readonly memory: MemoryFile
}

export interface SessionOptions {
  /** The program is a server, and no single command. */
  readonly stays?: boolean
  readonly signal?: AbortSignal | undefined
}

/** Opens a session: reads trust file, identity and memory, and takes a packet key of its own. */
export async function openSession(config: Config, options: SessionOptions = {}): Promise<Session> {
  return sessionOf({ ...(await openPlace(config)), ...options, seeds: await readSeeds(config) })
}

/** Where a session would be, without one. */
export interface Place {
  readonly state: StateFolder
  readonly router: string
  readonly trust: TrustFile
}

/** @throws {PacketError} `ROUTER_UNREACHABLE` when none is named and none runs here. */
export async function openPlace(config: Config): Promise<Place> {
  const state = stateFolder(config.state)
  const router = config.router ?? (await readRunning(state))?.url
  if (router === undefined) {
    throw new PacketError(
      'ROUTER_UNREACHABLE',
      `Cannot reach a router: none runs in ${state.root} (weave up), and none was named (--router)`,
    )
  }
  return { state, router, trust: await readTrust(config) }
}

export interface SessionParts extends SessionOptions, Place {
  readonly seeds: readonly Seed[]
}

/** {@link openSession} for whoever has the parts at hand. */
export async function sessionOf({
  state,
  router,
  trust,
  seeds,
  stays = false,
  signal,
}: SessionParts): Promise<Session> {
  const whole = await openIdentity(seeds)
  const { packet } = await takeSlot({ state, identity: whole, seeds, stays, signal })
  const identity = { ...whole, packet }
  const memory = await openMemory(state.memory, trust.network)
  const client = createClient({ router, identity, trust, memory: memory.memory })
  return { client, identity, trust, router, memory }
}

/**
 * The trust file that `--trust` names: one that was taken in, by its name, or a file.
 *
 * @throws {UsageError} when there is none; {PacketError} `TRUST_FILE_INVALID`.
 */
export async function readTrust({ state, trust }: Pick<Config, 'state' | 'trust'>): Promise<TrustFile> {
  return parseTrustFile(await readTrustBytes({ state, trust }))
}

/** The bytes of {@link readTrust}. */
export async function readTrustBytes({ state, trust }: Pick<Config, 'state' | 'trust'>): Promise<Uint8Array> {
  const known = isTrustName(trust) ? await readFileIfThere(join(stateFolder(state).trust, `${trust}.trust`)) : undefined
  const bytes = known ?? (await readGiven(trust).catch(() => undefined))
  if (bytes !== undefined) return bytes
  const hint =
    trust === 'local'
      ? 'weave up makes it; weave trust add takes one in'
      : 'wanted a file or a name of weave trust show'
  throw new UsageError([`Cannot find the trust file ${JSON.stringify(trust)}: ${hint}`])
}

/** Names that may be those of files in the trust folder. */
export const isTrustName = (text: string): boolean => /^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$/.test(text)

/** The bytes of a file that somebody named. @throws {UsageError} */
export async function readGiven(path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(path))
  } catch (cause) {
    throw new UsageError([`Cannot read ${path}: ${(cause as NodeJS.ErrnoException).code ?? String(cause)}`])
  }
}

export const identityPath = ({ state, identity }: Pick<Config, 'state' | 'identity'>): string =>
  identity ?? stateFolder(state).userIdentity

/** The seeds of the identity file in force. */
export async function readSeeds(config: Pick<Config, 'state' | 'identity' | 'passphraseFile'>) {
  const path = identityPath(config)
  const bytes = await readIdentityFile(path).catch((error: unknown) => {
    throw error instanceof PacketError && error.code === 'NOT_FOUND'
      ? new PacketError('NOT_FOUND', `${error.message}: weave up makes the local one, weave keys new any other`)
      : error
  })
  if (isLockedIdentityFile(bytes)) return openIdentityFile(bytes, { passphrase: await readPassphrase(config) })
  // Read again as a plain one: then its mode counts.
  return openIdentityFile(await readIdentityFile(path, { plain: true }))
}

export async function readIdentity(config: Pick<Config, 'state' | 'identity' | 'passphraseFile'>): Promise<Identity> {
  return openIdentity(await readSeeds(config))
}

/** @throws {UsageError} when there is no file with one. */
export async function readPassphrase({ passphraseFile }: Pick<Config, 'passphraseFile'>): Promise<string> {
  if (passphraseFile === undefined) {
    throw new UsageError(['Cannot unlock the identity file: no passphrase, wanted --passphrase-file'])
  }
  const passphrase = new TextDecoder().decode(await readGiven(passphraseFile)).replace(/\r?\n$/, '')
  if (passphrase === '') throw new UsageError([`Cannot use ${passphraseFile}: it is empty, wanted a passphrase`])
  return passphrase
}

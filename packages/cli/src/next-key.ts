/**
 * The operational key that comes next (docs/protocol.md §9, `next_key_hash`): made before it is needed, announced in the
 * delegation in force, kept in a file of its own. Whoever steals the root key cannot delegate to any other.
 *
 * @module
 */
import { rename } from 'node:fs/promises'
import { newSeeds } from '@mystranet/sdk'
import { PacketError } from '@mystranet/sdk/errors'
import { nextKeyHash } from '@mystranet/sdk/keys/event'
import {
  isLockedIdentityFile,
  lockIdentityFile,
  openIdentityFile,
  plainIdentityFile,
} from '@mystranet/sdk/keys/identity-file'
import { readIdentityFile, writeIdentityFile } from '@mystranet/sdk/keys/identity-file/node'
import type { Seed } from '@mystranet/sdk/keys/name'
import { localSigner, type Signer } from '@mystranet/sdk/keys/signer'
import type { Config } from './config.ts'
import { identityPath, readPassphrase } from './session.ts'

type KeyConfig = Pick<Config, 'state' | 'identity' | 'passphraseFile'>

export interface NextKey {
  readonly seed: Seed
  readonly signer: Signer
  /** What a delegation announces it by. */
  readonly hash: Uint8Array
}

/** Where the next key lies unless `--next-key` says otherwise: beside the identity file, to be carried away from there. */
export const nextKeyPath = (config: KeyConfig, given?: string): string => given ?? `${identityPath(config)}.next`

/** Makes a next key in a file that must not exist, mode 0600, locked when there is a passphrase. */
export async function makeNextKey(path: string, config: KeyConfig): Promise<NextKey> {
  const seed = newSeeds().find(({ kind }) => kind === 'operational') as Seed
  const isLocked = config.passphraseFile !== undefined
  const file = isLocked
    ? await lockIdentityFile([seed], { passphrase: await readPassphrase(config) })
    : plainIdentityFile([seed])
  await writeIdentityFile(path, file)
  return keyOf(seed)
}

/** @throws {PacketError} `NOT_FOUND`, or `IDENTITY_FILE_INVALID` when it holds no operational key. */
export async function readNextKey(path: string, config: KeyConfig): Promise<NextKey> {
  const bytes = await readIdentityFile(path)
  const seeds = isLockedIdentityFile(bytes)
    ? await openIdentityFile(bytes, { passphrase: await readPassphrase(config) })
    : await openIdentityFile(await readIdentityFile(path, { plain: true }))
  const seed = seeds.find(({ kind }) => kind === 'operational')
  if (seed === undefined) {
    throw new PacketError(
      'IDENTITY_FILE_INVALID',
      `Cannot use ${path}: it holds no operational key, wanted the next one`,
    )
  }
  return keyOf(seed)
}

/** The key after the next: made before the next is used, and found again by a rotation that was interrupted. */
export async function keyAfterNext(path: string, config: KeyConfig): Promise<NextKey> {
  const after = afterPath(path)
  try {
    return await readNextKey(after, config)
  } catch (error) {
    if (!(error instanceof PacketError) || error.code !== 'NOT_FOUND') throw error
    return makeNextKey(after, config)
  }
}

/** The key after the next is now the next one. */
export const promoteNextKey = (path: string): Promise<void> => rename(afterPath(path), path)

const afterPath = (path: string) => `${path}.after`

async function keyOf(seed: Seed): Promise<NextKey> {
  const signer = await localSigner(seed.bytes)
  return { seed, signer, hash: nextKeyHash(signer.publicKey) }
}

/** The flag of verbs that need it. */
export const NEXT_KEY_FLAG = {
  type: 'string',
  placeholder: 'FILE',
  about: 'The operational key that comes next, to be kept offline. Default: the identity file with .next.',
} as const

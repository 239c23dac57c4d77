/**
 * Which packet key a program on this machine signs with.
 *
 * A router keeps the two newest epochs of a key, and every program begins one: a third program that signs with the same
 * key would make the first one's packets `EPOCH_STALE`. So programs that run at once sign with different keys: number 0
 * is the identity file's own, the others are derived from it. A program holds its number by a lock that its end, however
 * sudden, gives back.
 *
 * @module
 */
import { hkdfSync } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Identity } from '@mystranet/sdk'
import { toHex } from '@mystranet/sdk/bytes'
import { PacketError } from '@mystranet/sdk/errors'
import type { Seed } from '@mystranet/sdk/keys/name'
import { localSigner, type Signer } from '@mystranet/sdk/keys/signer'
import { makeFolder, type StateFolder } from './state.ts'

/** Programs of one identity that run at once; more of them wait. */
export const SLOTS = 16

export interface SenderSlot {
  readonly number: number
  /** The packet key of this number. */
  readonly packet: Signer
  release(): void
}

export interface SlotWish {
  readonly state: StateFolder
  readonly identity: Identity
  /** Of the identity file. */
  readonly seeds: readonly Seed[]
  /** Programs that stay begin at the other end, so that number 0 is free for the short ones. */
  readonly stays: boolean
  readonly signal?: AbortSignal | undefined
}

/**
 * Takes a free number.
 *
 * An identity without its operational key cannot make derived keys known: it has number 0 only, and no lock.
 *
 * @throws {PacketError} `CANCELLED` when `signal` was aborted while all were taken.
 */
export async function takeSlot({ state, identity, seeds, stays, signal }: SlotWish): Promise<SenderSlot> {
  if (identity.operational === undefined) return { number: 0, packet: identity.packet, release: () => {} }
  const folder = join(state.senders, toHex(identity.instance).slice(0, 16))
  await makeFolder(folder)
  const numbers = Array.from({ length: SLOTS }, (_, at) => (stays ? SLOTS - 1 - at : at))
  for (;;) {
    for (const number of numbers) {
      const release = tryLock(join(folder, `${number}.lock`))
      if (release !== undefined) return { number, packet: await slotKey(identity, seeds, number), release }
    }
    if (signal?.aborted) throw new PacketError('CANCELLED', 'Cannot wait for a sender key: stopped')
    await sleep(50)
  }
}

/** The packet keys of all numbers. */
export const slotKeys = (identity: Identity, seeds: readonly Seed[]): Promise<Signer[]> =>
  Promise.all(Array.from({ length: SLOTS }, (_, number) => slotKey(identity, seeds, number)))

async function slotKey(identity: Identity, seeds: readonly Seed[], number: number): Promise<Signer> {
  const own = seeds.findLast(({ kind }) => kind === 'packet')
  if (number === 0 || own === undefined) return identity.packet
  const info = `mystranet-weave/cli/packet-key/${number}`
  return localSigner(new Uint8Array(hkdfSync('sha256', own.bytes, new Uint8Array(0), info, 32)))
}

/** SQLite's lock is the system's own, on every platform: it ends with the process. @returns how to give it back. */
function tryLock(path: string): (() => void) | undefined {
  const file = new DatabaseSync(path, { timeout: 0 })
  try {
    file.exec('BEGIN EXCLUSIVE')
    return () => file.close()
  } catch {
    file.close()
    return undefined
  }
}

/**
 * Every write of attempts and keys on a disk that refuses it, or that did it and says otherwise: a coded error, and when it
 * is asked again, by this process or by the next, the same as if nothing had happened.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { DISK_FAULTS, DISK_OUTCOMES, failNextCommit, withRoomFor } from '../../../../scripts/faults/failing-disk.ts'
import type { AttemptStore, KeyStore, StoredKey } from '../ports.ts'
import { sqliteAttempts } from './sqlite-attempts.ts'
import { sqliteKeys } from './sqlite-keys.ts'

const folder = mkdtempSync(join(tmpdir(), 'weave-disk-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0

const bytes = (fill: number, length = 32) => new Uint8Array(length).fill(fill)
const NOW = 1_800_000_000_000
const packetId = bytes(1)
const start = { packetId, attempt: 1, header: bytes(2, 300), expiresMs: NOW + 60_000, nowMs: NOW }
const begun = (store: AttemptStore) => store.begin({ ...start, ack: bytes(3) })
const opened = { packetId, attempt: 1, open: bytes(5, 500), responseNonce: bytes(6) }
const ended = { packetId, attempt: 1, state: 'finished' as const, close: bytes(10, 400), frames: [bytes(7, 70)] }
const grave = { packetId, sender: bytes(12), correlationId: bytes(13, 16), code: 67, untilMs: NOW }
const key: StoredKey = { id: 'aa', kind: 'packet', seed: bytes(14), suite: 0, createdMs: NOW, endsMs: NOW + 1 }

interface Write<T> {
  before?(store: T): Promise<unknown>
  act(store: T): Promise<unknown>
  seen(store: T): Promise<unknown>
}

const entry = async (store: AttemptStore) => [await store.find(packetId), await store.frames(packetId)]

const ATTEMPT_WRITES: Readonly<Record<string, Write<AttemptStore>>> = {
  begin: { act: begun, seen: entry },
  'refuse, at once': { act: (store) => store.refuse({ ...start, nack: bytes(4) }), seen: entry },
  'refuse, once begun': { before: begun, act: (store) => store.refuse({ ...start, nack: bytes(4) }), seen: entry },
  open: { before: begun, act: (store) => store.open(opened), seen: entry },
  checkpoint: {
    before: begun,
    act: (store) => store.checkpoint({ packetId, attempt: 1, document: bytes(11, 200) }),
    seen: entry,
  },
  finish: { before: begun, act: (store) => store.finish(ended), seen: entry },
  bury: { act: (store) => store.bury(grave), seen: (store) => store.tombstone(packetId) },
  prune: { before: begun, act: (store) => store.prune(NOW + 1e12), seen: entry },
}

const list = (store: KeyStore) => store.list()

const KEY_WRITES: Readonly<Record<string, Write<KeyStore>>> = {
  add: { act: (store) => store.add([key, { ...key, id: 'bb' }]), seen: list },
  confirm: { before: (store) => store.add([key]), act: (store) => store.confirm('aa', bytes(15, 600)), seen: list },
  remove: { before: (store) => store.add([key]), act: (store) => store.remove('aa'), seen: list },
  nextEpoch: {
    before: (store) => store.add([key]),
    act: (store) => store.nextEpoch('aa', NOW),
    // A number that was given and not heard of may be lost; none comes twice.
    seen: async (store) => (await store.nextEpoch('aa', 0)) > NOW,
  },
}

function writesSurvive<T extends { close(): Promise<void> }>(
  open: (path: string) => T,
  writes: Readonly<Record<string, Write<T>>>,
): void {
  const fresh = () => {
    const path = join(folder, `${++files}.db`)
    return { path, store: open(path) }
  }
  async function wanted({ before, act, seen }: Write<T>): Promise<unknown> {
    const { store } = fresh()
    await before?.(store)
    await act(store)
    const found = await seen(store)
    await store.close()
    return found
  }
  /** By this process when `store` is given, else by the next. */
  async function again({ act, seen }: Write<T>, path: string, store = open(path)): Promise<unknown> {
    await act(store)
    const found = await seen(store)
    await store.close()
    return found
  }

  describe.each(Object.entries(writes))('%s', (_, write) => {
    for (const fault of DISK_FAULTS) {
      for (const outcome of DISK_OUTCOMES) {
        it.each([['this process'], ['the next process']])(
          `${outcome}, ${fault}: says STORE_FAILED, and is whole when %s asks again`,
          async (who) => {
            const { path, store } = fresh()
            await write.before?.(store)
            const armed = failNextCommit(fault, outcome)
            try {
              await expect(write.act(store)).rejects.toMatchObject({ code: 'STORE_FAILED' })
              expect(armed.hasStruck).toBe(true)
            } finally {
              armed.disarm()
            }
            if (who === 'the next process') await store.close()
            const found = await again(write, path, who === 'this process' ? store : undefined)
            expect(found).toEqual(await wanted(write))
          },
        )
      }
    }

    it.runIf(process.platform === 'linux')('written in part by the system itself: the same', async () => {
      const { path, store } = fresh()
      await write.before?.(store)
      const room = statSync(`${path}-wal`).size + 50
      await withRoomFor(room, () => expect(write.act(store)).rejects.toMatchObject({ code: 'STORE_FAILED' }))
      await store.close()
      expect(await again(write, path)).toEqual(await wanted(write))
    })
  })
}

describe('attempts', () => writesSurvive(sqliteAttempts, ATTEMPT_WRITES))
describe('keys', () => writesSurvive(sqliteKeys, KEY_WRITES))

/**
 * The agent's stores in memory, for tests: given to the next instance they survive a "crash"; faults are set on them.
 *
 * @module
 */
import { toHex } from '@mystranet/sdk/bytes'
import { PacketError } from '@mystranet/sdk/errors'
import {
  type AttemptEntry,
  type AttemptKey,
  type AttemptStore,
  type Fault,
  type KeyStore,
  RETENTION_MS,
  type StoredKey,
  type Tombstone,
} from '../ports.ts'

/** The write to strike, by its name; `none` strikes nothing. */
export interface Faulty {
  fault: Fault
  /** Only writes of this name are struck; undefined: the next of any. */
  faultOn: string | undefined
}

/** Runs one write under the fault set; each fault strikes once. */
function strike<T>(store: Faulty, name: string, write: () => T): T {
  const { fault } = store
  if (fault === 'none' || (store.faultOn !== undefined && store.faultOn !== name)) return write()
  store.fault = 'none'
  const failed = () => new PacketError('STORE_FAILED', `Cannot ${name}: the fault set is "${fault}"`)
  if (fault === 'fail') throw failed()
  write()
  throw failed()
}

type Row = AttemptEntry & { readonly frames: readonly Uint8Array[]; readonly recordedMs: number }

export function memoryAttempts(): AttemptStore & Faulty {
  const rows = new Map<string, Row>()
  const tombstones = new Map<string, Tombstone>()
  const rowOf = ({ packetId, attempt }: AttemptKey): Row | undefined => {
    const row = rows.get(toHex(packetId))
    return row?.attempt === attempt ? row : undefined
  }
  const isFree = (key: AttemptKey): boolean => {
    const row = rows.get(toHex(key.packetId))
    return row === undefined || (row.attempt < key.attempt && row.state !== 'finished')
  }
  return {
    fault: 'none',
    faultOn: undefined,
    async find(packetId) {
      return rows.get(toHex(packetId))
    },
    async frames(packetId) {
      return rows.get(toHex(packetId))?.frames ?? []
    },
    async running() {
      return [...rows.values()].filter(({ state }) => state === 'running')
    },
    async begin({ nowMs, ...start }) {
      return strike(this, 'begin', () => {
        if (!isFree(start)) return 'taken'
        rows.set(toHex(start.packetId), { ...start, state: 'running', frames: [], recordedMs: nowMs })
        return 'begun'
      })
    },
    async refuse({ nowMs, ...start }) {
      return strike(this, 'refuse', () => {
        const row = rowOf(start)
        if (!isFree(start) && (row?.state !== 'running' || row.open !== undefined)) return 'taken'
        rows.set(toHex(start.packetId), { ...start, state: 'refused', frames: [], recordedMs: nowMs })
        return 'refused'
      })
    },
    async open(reply) {
      return strike(this, 'open', () => {
        const row = rowOf(reply)
        if (row?.state !== 'running' || row.open !== undefined) return 'taken'
        rows.set(toHex(reply.packetId), { ...row, ...reply })
        return 'opened'
      })
    },
    async checkpoint({ document, ...key }) {
      strike(this, 'checkpoint', () => {
        const row = rowOf(key)
        if (row?.state === 'running') rows.set(toHex(key.packetId), { ...row, checkpoint: document })
      })
    },
    async finish(end) {
      return strike(this, 'finish', () => {
        const row = rowOf(end)
        if (row?.state !== 'running') return 'taken'
        rows.set(toHex(end.packetId), { ...row, ...end })
        return 'finished'
      })
    },
    async bury(tombstone) {
      strike(this, 'bury', () => {
        const id = toHex(tombstone.packetId)
        if (!tombstones.has(id)) tombstones.set(id, tombstone)
      })
    },
    async tombstone(packetId) {
      return tombstones.get(toHex(packetId))
    },
    async prune(nowMs) {
      strike(this, 'prune', () => {
        for (const [id, row] of rows) {
          if (nowMs > Math.max(row.expiresMs, row.recordedMs + RETENTION_MS)) rows.delete(id)
        }
        for (const [id, { untilMs }] of tombstones) if (nowMs > untilMs) tombstones.delete(id)
      })
    },
    async close() {},
  }
}

export function memoryKeys(): KeyStore & Faulty {
  const keys = new Map<string, StoredKey>()
  const epochs = new Map<string, number>()
  return {
    fault: 'none',
    faultOn: undefined,
    async list() {
      return [...keys.values()]
    },
    async add(added) {
      strike(this, 'add', () => {
        for (const key of added) if (!keys.has(key.id)) keys.set(key.id, { ...key, seed: key.seed.slice() })
      })
    },
    async confirm(id, receipt) {
      strike(this, 'confirm', () => {
        const key = keys.get(id)
        if (key !== undefined) keys.set(id, { ...key, receipt })
      })
    },
    async nextEpoch(id, nowMs) {
      if (!keys.has(id)) throw new RangeError(`Cannot begin an epoch: key ${id} is not here`)
      return strike(this, 'nextEpoch', () => {
        const epoch = Math.max(nowMs, (epochs.get(id) ?? 0) + 1)
        epochs.set(id, epoch)
        return epoch
      })
    },
    async remove(id) {
      strike(this, 'remove', () => {
        keys.get(id)?.seed.fill(0)
        keys.delete(id)
      })
    },
    async close() {},
  }
}

/**
 * The log: takes drafts, gives receipts. Group commit without a timer: while one round (`round.ts`) is on its way, the
 * next one gathers.
 *
 * @module
 */
import { toHex } from '@mystranet/sdk/bytes'
import { PacketError } from '@mystranet/sdk/errors'
import { createCosigning, type WitnessFault } from './cosigning.ts'
import { assertDraft, type LeafDraft, leafBuilder } from './leaves.ts'
import type { ConfirmedRound, WitnessLink } from './ports.ts'
import { recover } from './recover.ts'
import {
  advance,
  confirm,
  findReceipt,
  type LeafName,
  type LogReceipt,
  type RoundConfig,
  type RoundState,
} from './round.ts'
import { createSlots, keyOf, type Slot, type Unit } from './slots.ts'
import { createTileWriter } from './tile-writer.ts'
import type { LogTree } from './tree.ts'

export interface LogConfig extends RoundConfig {
  readonly witnesses: readonly WitnessLink[]
  /** Milliseconds since 1970. */
  now?(): number
  /** Milliseconds that `append` waits, by default 2,000. */
  readonly deadlineMs?: number
  /** Least milliseconds between the beginnings of two rounds, by default 10. An idle log does not wait. */
  readonly roundFloorMs?: number
  /** Drafts that may wait for a round, by default 16,384. */
  readonly maxBacklog?: number
  onWitnessFault?(fault: WitnessFault): void
  /** The log stopped for good: what a store or the signer said. Only opening it anew may go on. */
  onStop?(cause: unknown): void
}

export interface AppendOptions {
  /** Milliseconds that `append` waits; by default the log's. */
  readonly deadlineMs?: number
  /**
   * Milliseconds that the drafts may wait for a round that others begin, by default 0: then they begin one. For what is
   * logged after the fact, so that it costs no round of its own when another leaf follows it closely.
   */
  readonly patienceMs?: number
}

export interface Log {
  readonly origin: string
  /**
   * Logs the drafts in one batch and in their order. A draft whose kind, attempt and subject are logged already is not
   * logged again and gets the receipt of the first, for ever.
   *
   * @throws {PacketError} `LOG_BUSY`: nothing was appended. `LOG_UNCONFIRMED`: past the deadline, or the log stopped; the
   *   leaves may be in it, and only the same drafts may be appended again.
   * @throws RangeError for a draft that cannot be encoded.
   */
  append(drafts: readonly LeafDraft[], options?: AppendOptions): Promise<LogReceipt[]>
  /** The receipt of a confirmed leaf, or undefined. */
  find(name: LeafName): Promise<LogReceipt | undefined>
  /** The newest cosigned checkpoint. */
  published(): ConfirmedRound | undefined
  /** Inclusion path of any entry, or consistency path between any sizes, up to the published one. */
  readonly tree: Pick<LogTree, 'inclusion' | 'consistency'>
  readonly stopped: boolean
  /** Takes no more drafts, finishes what waits within the deadline, gives the lease back. */
  close(): Promise<void>
}

const MAX_ROUND_ENTRIES = 4_096
const MAX_ROUND_BYTES = 1024 * 1024
/** Leaf, framing and index: what an entry weighs besides its addendum. */
const ENTRY_BYTES = 250

/**
 * Opens the log: replays the write-ahead log, checks it against the stored checkpoint, writes the tiles again, and sends
 * the very checkpoint that was stored to the witnesses if no quorum had it.
 *
 * @throws {PacketError} `STORE_FAILED` when the stores contradict each other: nothing was signed.
 */
export async function openLog(config: LogConfig): Promise<Log> {
  const builder = leafBuilder(config.index, config.now ?? Date.now)
  const writer = createTileWriter(config.tiles)
  const recovered = await recover(config, builder, writer)
  const published = await config.index.latestRound()
  const { tree } = recovered
  const cosigning = createCosigning(
    {
      policy: config.trust.policy,
      witnesses: config.witnesses,
      consistency: (oldSize, treeSize) => tree.consistency(oldSize, treeSize),
      ...(config.onWitnessFault && { onFault: config.onWitnessFault }),
    },
    published,
  )
  return start(config, {
    ...recovered,
    config,
    builder,
    writer,
    cosigning,
    published,
    trimmedAt: config.wal.firstIndex,
  })
}

function start(config: LogConfig, state: RoundState): Log {
  const { deadlineMs = 2_000, roundFloorMs = 10, maxBacklog = 16_384 } = config
  const abort = new AbortController()
  const slots = createSlots()
  const queue: Unit[] = []
  let backlog = 0
  let closing = false
  let stopped = false
  let wake = Promise.withResolvers<void>()

  // A crash may have left entries whose senders ask again: they wait for these, and log nothing twice.
  const left: Unit = { drafts: [], state: 'running', isPatient: false }
  for (const { indexed } of state.unconfirmed) slots.open(toHex(indexed.key), left)

  const loop = async () => {
    let begun = Number.NEGATIVE_INFINITY
    while (!(closing && queue.length === 0)) {
      const signed = state.signedSize > config.index.size
      const isDue = closing || queue.some(({ isPatient }) => !isPatient)
      if (!signed && !isDue && state.unconfirmed.length === 0) {
        await wake.promise
        wake = Promise.withResolvers()
        continue
      }
      const rest = roundFloorMs - (performance.now() - begun)
      if (rest > 0) await new Promise((resolve) => setTimeout(resolve, rest))
      begun = performance.now()
      // Rule 3: a checkpoint that a crash kept from its quorum goes first, as it is.
      if (!signed) {
        const batch = takeBatch(queue)
        backlog -= batch.length
        await advance(state, batch)
      }
      for (const { entry, receipt } of await confirm(state, abort.signal))
        slots.resolve(toHex(entry.indexed.key), receipt)
    }
  }
  const stop = (cause: unknown) => {
    stopped = true
    abort.abort(cause)
    queue.length = 0
    slots.rejectAll(({ state: at }) =>
      at === 'running' ? unconfirmed('the log stopped', cause) : busy('the log stopped', cause),
    )
  }
  const running = loop().then(
    () => stop(new Error('closed')),
    (cause: unknown) => {
      stop(cause)
      if (!closing) config.onStop?.(cause)
    },
  )

  /** Settles what the index knows already; queues the rest. */
  const look = async (unit: Unit): Promise<void> => {
    const fresh: LeafDraft[] = []
    for (const draft of unit.drafts) {
      const receipt = await findReceipt(state, draft)
      if (receipt === undefined) fresh.push(draft)
      else slots.resolve(keyOf(draft), receipt)
    }
    backlog -= unit.drafts.length
    if (unit.state === 'abandoned' || fresh.length === 0) return
    if (stopped || closing) throw busy('the log stopped')
    unit.drafts = fresh
    unit.state = 'queued'
    queue.push(unit)
    backlog += fresh.length
    if (!unit.isPatient) wake.resolve()
  }
  const hurry = (unit: Unit) => {
    if (!unit.isPatient) return
    unit.isPatient = false
    wake.resolve()
  }
  const giveUp = (units: ReadonlySet<Unit>): PacketError => {
    for (const unit of units) {
      if (unit.state === 'running') continue
      const at = queue.indexOf(unit)
      if (at >= 0) {
        queue.splice(at, 1)
        backlog -= unit.drafts.length
      }
      unit.state = 'abandoned'
      slots.reject(unit, busy('no round began before the deadline'))
    }
    const begun = [...units].some(({ state: at }) => at === 'running')
    return begun ? unconfirmed('no quorum before the deadline') : busy('no round began before the deadline')
  }

  return {
    origin: config.signer.keyName,
    tree: state.tree,
    get stopped() {
      return stopped
    },
    async append(drafts, options) {
      for (const draft of drafts) assertDraft(draft)
      if (stopped || closing) throw busy('the log stopped')
      const keys = drafts.map(keyOf)
      const known = new Set<string>()
      const fresh = drafts.filter((_, i) => {
        const key = keys[i] as string
        return !slots.get(key) && !known.has(key) && known.add(key)
      })
      const { patienceMs = 0 } = options ?? {}
      const unit: Unit = { drafts: fresh, state: 'looked-up', isPatient: patienceMs > 0 }
      if (backlog + fresh.length > maxBacklog) throw busy(`${backlog} drafts wait, wanted at most ${maxBacklog}`)
      // The slot is taken before the first await: of two equal drafts at once only one is logged.
      for (const key of known) slots.open(key, unit)
      backlog += fresh.length
      const joined = keys.map((key) => slots.get(key) as Slot)
      look(unit).catch((error: unknown) => slots.reject(unit, error))
      const units = new Set(joined.map((slot) => slot.unit))
      // Who is in a hurry does not wait because the same draft came from somebody patient first.
      if (patienceMs === 0) for (const each of units) hurry(each)
      const timer = patienceMs > 0 ? setTimeout(() => hurry(unit), patienceMs) : undefined
      const receipts = Promise.all(joined.map(({ promise }) => promise))
      return within(receipts, options?.deadlineMs ?? deadlineMs, () => giveUp(units)).finally(() => clearTimeout(timer))
    },
    find: (name) => findReceipt(state, name),
    published: () => state.published,
    async close() {
      closing = true
      wake.resolve()
      const timer = setTimeout(() => abort.abort(new Error('closing')), deadlineMs)
      await running
      clearTimeout(timer)
      await config.wal.close()
    },
  }
}

/** Units from the head of the queue, whole, up to the caps; the first goes always, or a large one would wait for ever. */
function takeBatch(queue: Unit[]): LeafDraft[] {
  const batch: LeafDraft[] = []
  let bytes = 0
  for (let unit = queue[0]; unit !== undefined; unit = queue[0]) {
    const weight = unit.drafts.reduce((sum, { addendum }) => sum + ENTRY_BYTES + (addendum?.length ?? 0), 0)
    const full = batch.length + unit.drafts.length > MAX_ROUND_ENTRIES || bytes + weight > MAX_ROUND_BYTES
    if (full && batch.length > 0) break
    queue.shift()
    unit.state = 'running'
    batch.push(...unit.drafts)
    bytes += weight
  }
  return batch
}

async function within<T>(promise: Promise<T>, ms: number, giveUp: () => Error): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(giveUp()), ms)
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

const busy = (reason: string, cause?: unknown) =>
  new PacketError('LOG_BUSY', `Cannot append: ${reason}; nothing was appended`, { cause, retryAfterMs: 1_000 })

const unconfirmed = (reason: string, cause?: unknown) =>
  new PacketError('LOG_UNCONFIRMED', `Cannot confirm the entries: ${reason}; they may be in the log`, {
    cause,
    retryAfterMs: 1_000,
  })

/**
 * One log, seen over time: every checkpoint is held to those before it by a consistency proof (docs/protocol.md §10.1).
 *
 * @module
 */
import { equalBytes, toHex } from '../bytes.ts'
import { isPacketError, PacketError } from '../errors.ts'
import { type VerifiedCheckpoint, verifyCheckpoint } from '../proof/checkpoint.ts'
import type { TreeHead } from '../proof/merkle.ts'
import type { TrustFile } from '../proof/trust-file.ts'
import { keepFork, type Memory } from './memory.ts'
import type { Router } from './router.ts'
import type { findForks } from './tile-walk.ts'

/** How the log stands to what was seen of it before. A fork is no standing: it is thrown. */
export type LogStanding =
  | { readonly result: 'pass'; readonly reason: string }
  /** Its tiles could not be fetched: nothing is known, nothing is remembered. Ask again. */
  | { readonly result: 'skipped'; readonly reason: string; readonly cause: PacketError }

export interface LogView {
  /**
   * Holds checkpoints to the newest one that was seen, and them to each other; remembers the newest when all agree. Costs
   * nothing for those that were held before, else some tiles. Notes that the trust file does not vouch for, and those of
   * another log than the remembered one's, are left to the verdict.
   *
   * @throws {PacketError} `CHECKPOINT_ROLLED_BACK` for a fork, whose evidence is in the memory then; `PROOF_INVALID` when
   *   the tiles are not those of the newest checkpoint.
   */
  hold(notes: readonly Uint8Array[]): Promise<LogStanding>
  /** Whether the last answer to {@link hold} was a refusal: nothing should be sent before it holds again. */
  readonly refused: boolean
}

export interface LogViewDeps {
  /** Of `tile-walk.ts`; given, so that it may be loaded when it is first needed. */
  readonly findForks: typeof findForks
  readonly router: Pick<Router, 'tile'>
  readonly trust: TrustFile
  readonly memory: Memory
}

/** Heads that are proven; when there are more, all are proven anew. */
const MAX_PROVEN = 1_024

type Head = TreeHead & { readonly note?: Uint8Array | undefined }

export function createLogView({ findForks, router, trust, memory }: LogViewDeps): LogView {
  const proven = new Set<string>()
  const name = ({ treeSize, rootHash }: TreeHead) => `${treeSize} ${toHex(rootHash)}`
  let origin: string | undefined
  // A fork that an earlier run saw: nothing is sent before the log holds again.
  let refused = (memory.forks ?? []).length > 0
  let turn: Promise<unknown> = Promise.resolve()

  async function holdNow(notes: readonly Uint8Array[]): Promise<LogStanding> {
    const heads = (await Promise.all(notes.map((note) => trusted(note, trust)))).filter((head) => head !== undefined)
    origin ??= heads[0]?.origin
    const fresh = heads.filter((head) => head.origin === origin && !proven.has(name(head)))
    const seen = memory.checkpoint
    if (fresh.length === 0) return { result: 'pass', reason: 'it was held before' }
    // What was proven before is the beginning of what is remembered: that stands for all of it.
    const all: readonly Head[] = seen ? [seen, ...fresh] : fresh
    const last = all.reduce((a, b) => (b.treeSize > a.treeSize ? b : a))
    const unproven = await withoutForks(all, last)
    if ('cause' in unproven) return unproven
    if (proven.size + all.length > MAX_PROVEN) proven.clear()
    for (const head of all) proven.add(name(head))
    memory.checkpoint = { treeSize: last.treeSize, rootHash: last.rootHash, note: last.note }
    const reason = seen ? `size ${last.treeSize} continues size ${seen.treeSize}` : 'nothing was seen of it before'
    return { result: 'pass', reason }
  }

  async function withoutForks(all: readonly Head[], last: Head): Promise<LogStanding> {
    const twin = all.find(
      ({ treeSize, rootHash }) => treeSize === last.treeSize && !equalBytes(rootHash, last.rootHash),
    )
    if (twin) throw forked(twin, last, `the log shows another root for size ${last.treeSize}`)
    const olders = all.filter(({ treeSize }) => treeSize < last.treeSize && treeSize > 0n)
    if (olders.length > 0) {
      try {
        const [fork] = await findForks((id) => router.tile(id), olders, last)
        if (fork) throw forked(fork, last, `size ${last.treeSize} does not continue size ${fork.treeSize}`)
      } catch (cause) {
        if (!isPacketError(cause) || REFUSALS.has(cause.code)) throw cause
        const reason = `the log could not be held to what was seen of it: ${cause.message}`
        return { result: 'skipped', reason, cause }
      }
    }
    return { result: 'pass', reason: '' }
  }

  function forked(older: Head, newer: Head, why: string): PacketError {
    if (older.note && newer.note) keepFork(memory, { older: older.note, newer: newer.note })
    return new PacketError('CHECKPOINT_ROLLED_BACK', `Cannot believe the log: ${why}: a fork`)
  }

  return {
    hold(notes) {
      const held = turn.then(() => holdNow(notes))
      turn = held.then(
        ({ result }) => {
          if (result === 'pass') refused = false
        },
        () => {
          refused = true
        },
      )
      return held
    },
    get refused() {
      return refused
    },
  }
}

const REFUSALS: ReadonlySet<string> = new Set(['CHECKPOINT_ROLLED_BACK', 'PROOF_INVALID'])

async function trusted(note: Uint8Array, trust: TrustFile): Promise<VerifiedCheckpoint | undefined> {
  try {
    return await verifyCheckpoint(note, trust)
  } catch (error) {
    if (isPacketError(error)) return undefined
    throw error
  }
}

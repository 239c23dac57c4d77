/**
 * Gathers cosignatures: each witness is asked about the newest checkpoint, one request in flight each, and told what it
 * lacks when it answers 409.
 *
 * @module
 */
import { fromUtf8 } from '@mystranet/sdk/bytes'
import { isPacketError } from '@mystranet/sdk/errors'
import { parseDecimal } from '@mystranet/sdk/proof/checkpoint'
import { verifyCosignature } from '@mystranet/sdk/proof/cosignature'
import type { Hash } from '@mystranet/sdk/proof/merkle'
import {
  encodeNote,
  isSignedBy,
  type NoteSignature,
  parseNote,
  parseSignatureLines,
  type SignedNote,
} from '@mystranet/sdk/proof/note'
import { holdsQuorum, type Policy } from '@mystranet/sdk/proof/policy'
import { encodeAddCheckpoint } from '../witness/request.ts'
import type { WitnessAnswer, WitnessLink } from './ports.ts'

/** What went wrong with one witness. The log goes on while a quorum answers. */
export interface WitnessFault {
  readonly witness: string
  /**
   * - `unreachable`: no answer, or one that is no answer;
   * - `ahead`: it cosigned a larger tree than ours: we, or it, lost state, or the log forked;
   * - `regressed`: it knows less than it cosigned before;
   * - `inconsistent`: it holds another history: keep everything.
   */
  readonly kind: 'unreachable' | 'ahead' | 'regressed' | 'inconsistent'
  readonly detail: string
}

export interface CosigningConfig {
  readonly policy: Policy
  readonly witnesses: readonly WitnessLink[]
  /** Consistency path between two sizes of our tree. */
  consistency(oldSize: number, treeSize: number): Promise<Hash[]>
  onFault?(fault: WitnessFault): void
  /** Milliseconds for one request. */
  readonly requestMs?: number
  /** Milliseconds before a witness that failed is asked again. */
  readonly retryMs?: number
}

export interface Cosigning {
  /**
   * Resolves to the note with the cosignatures there are once they are a quorum; keeps asking until then.
   *
   * @param signal Aborts the waiting (never the note: it was signed).
   */
  cosign(note: Uint8Array, treeSize: number, signal: AbortSignal): Promise<Uint8Array>
}

interface Target {
  readonly treeSize: number
  readonly signed: SignedNote
  readonly note: Uint8Array
  readonly lines: Map<string, NoteSignature>
  readonly done: PromiseWithResolvers<Uint8Array>
  readonly signal: AbortSignal
}

/** Makes a {@link Cosigning}. `lastNote` is the newest cosigned note known: it tells which witness knew what. */
export function createCosigning(config: CosigningConfig, lastNote?: { note: Uint8Array; treeSize: number }): Cosigning {
  let target: Target | undefined
  const workers = config.witnesses.map((link) => createWorker(config, link, () => target, lastNote))
  return {
    async cosign(note, treeSize, signal) {
      const signed = parseNote(note)
      const next: Target = { treeSize, signed, note, lines: new Map(), done: Promise.withResolvers(), signal }
      target = next
      const stop = () => next.done.reject(signal.reason)
      signal.addEventListener('abort', stop, { once: true })
      // A policy without witnesses is a quorum already.
      settle(config.policy, next)
      for (const worker of workers) worker.wake()
      try {
        return await next.done.promise
      } finally {
        signal.removeEventListener('abort', stop)
      }
    },
  }
}

function settle(policy: Policy, { signed, lines, done }: Target): void {
  if (!holdsQuorum(policy, lines.keys())) return
  const order = policy.witnesses.flatMap(({ name }) => lines.get(name) ?? [])
  done.resolve(encodeNote({ text: signed.text, signatures: [...signed.signatures, ...order] }))
}

function createWorker(
  config: CosigningConfig,
  link: WitnessLink,
  current: () => Target | undefined,
  lastNote: { note: Uint8Array; treeSize: number } | undefined,
) {
  const { policy, onFault, requestMs = 2_000, retryMs = 100 } = config
  const key = policy.witnesses.find(({ name }) => name === link.name)?.key
  if (key === undefined) throw new RangeError(`Cannot ask witness ${link.name}: the policy does not name it`)
  const knew = lastNote !== undefined && parseNote(lastNote.note).signatures.some((line) => isSignedBy(line, key))
  let size = lastNote?.treeSize ?? 0
  let cosigned: { note: Uint8Array; treeSize: number } | undefined = knew ? lastNote : undefined
  let busy = false
  const fault = (kind: WitnessFault['kind'], detail: string) => onFault?.({ witness: link.name, kind, detail })

  /** Asks once. Answers whether to ask again at once. */
  const ask = async (target: Target, note: Uint8Array): Promise<boolean> => {
    const oldSize = Math.min(size, target.treeSize)
    const path = await config.consistency(oldSize, target.treeSize)
    const body = encodeAddCheckpoint({ oldSize: BigInt(oldSize), path, note })
    const answer = await link.addCheckpoint(body, AbortSignal.timeout(requestMs))
    if (answer.status === 409) return correct(target, answer)
    if (answer.status !== 200) {
      fault(answer.status === 422 ? 'inconsistent' : 'unreachable', `${answer.status} ${fromUtf8(answer.body).trim()}`)
      return false
    }
    const line = parseSignatureLines(fromUtf8(answer.body)).find((candidate) => isSignedBy(candidate, key))
    if (line === undefined) throw new TypeError('its answer lacks its cosignature')
    await verifyCosignature(target.signed.text, line, key)
    size = target.treeSize
    target.lines.set(link.name, line)
    const { text, signatures } = target.signed
    cosigned = { note: encodeNote({ text, signatures: [...signatures, line] }), treeSize: target.treeSize }
    settle(policy, target)
    return false
  }

  const correct = async (target: Target, answer: WitnessAnswer): Promise<boolean> => {
    const told = Number(parseDecimal(fromUtf8(answer.body).replace(/\n$/, '')) ?? -1n)
    if (!Number.isSafeInteger(told) || told < 0) throw new TypeError('its 409 names no size')
    if (told > target.treeSize) {
      fault('ahead', `it cosigned ${told}, ours has ${target.treeSize}`)
      return false
    }
    const asked = size
    size = told
    if (cosigned !== undefined && told < cosigned.treeSize) {
      fault('regressed', `it says ${told} and cosigned ${cosigned.treeSize}`)
      // Its own signature is the proof: shown to it, an honest witness cosigns no more.
      const path = await config.consistency(told, cosigned.treeSize)
      const body = encodeAddCheckpoint({ oldSize: BigInt(told), path, note: cosigned.note })
      await link.addCheckpoint(body, AbortSignal.timeout(requestMs))
      return false
    }
    return told !== asked
  }

  const run = async () => {
    busy = true
    for (let target = current(); target !== undefined; target = current()) {
      if (target.lines.has(link.name) || target.signal.aborted) break
      let again = false
      try {
        again = await ask(target, target.note)
      } catch (error) {
        fault('unreachable', isPacketError(error) || error instanceof Error ? error.message : 'no answer')
      }
      const settled = target.lines.has(link.name)
      if (!again && !settled && current() === target) await new Promise((wake) => setTimeout(wake, retryMs).unref?.())
    }
    busy = false
  }
  return {
    wake() {
      if (!busy) void run()
    },
  }
}

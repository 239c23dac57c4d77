/**
 * The battery put to a model, prompt after prompt, each answer kept before the next prompt goes out.
 *
 * @module
 */
import { DetectorError } from '../errors.ts'
import type { Battery } from './battery.ts'
import type { PromptItem } from './item.ts'
import { type Journal, memoryJournal } from './journal.ts'
import { type BatteryResult, type Outcome, resultOf } from './result.ts'
import { answerOf, type PromptTarget, REFUSED_CODES } from './target.ts'

export type { BatteryResult } from './result.ts'

const JOURNAL_FORMAT = 'weave-prompt-battery/1'
const DEFAULT_MAX_TOKENS = 48
const DEFAULT_PROMPT_MS = 120_000

export interface RunOptions {
  readonly battery: Battery
  readonly target: PromptTarget
  /** What is tried, as the journal is to know it: digest of the file, runtime. A journal of another subject is refused. */
  readonly subject: Readonly<Record<string, string>>
  /** Default: one that ends with this process. */
  readonly journal?: Journal | undefined
  /** Of each answer; default 48. */
  readonly maxTokens?: number | undefined
  /** Milliseconds after which a single answer is given up, and the run with it. Default 120,000. */
  readonly promptMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: RunProgress) => void) | undefined
}

export interface RunProgress {
  /** Prompts answered, those of earlier runs among them. */
  readonly done: number
  readonly total: number
  /** Answered by an earlier run of this journal. */
  readonly resumed: number
  /** Of the prompt that goes out next; of the last one when all is done. */
  readonly item: PromptItem
}

/**
 * Runs what the journal does not hold yet, and judges all of it. Judging is not kept: the same answers give the same result.
 *
 * @throws {DetectorError} `DOCUMENT_MALFORMED` when the journal is of another battery, seed, length of answers or subject, or none at all;
 *   `MODEL_UNAVAILABLE` when the model failed or took too long: what was answered stays in the journal; `STORE_FAILED` when the journal
 *   cannot be written; `CANCELLED`.
 */
export async function runBattery(options: RunOptions): Promise<BatteryResult> {
  const { battery, journal = memoryJournal(), signal, onProgress } = options
  const { items } = battery
  const outcomes = await opened(journal, options)
  const resumed = items.filter(({ id }) => outcomes.has(id)).length
  let done = resumed
  for (const item of items) {
    if (outcomes.has(item.id)) continue
    if (signal?.aborted) throw cancelled(signal)
    onProgress?.({ done, total: items.length, resumed, item })
    const outcome = await put(item, options)
    await kept(journal, JSON.stringify({ id: item.id, ...outcome }))
    outcomes.set(item.id, outcome)
    done += 1
  }
  const last = items.at(-1)
  if (last !== undefined) onProgress?.({ done, total: items.length, resumed, item: last })
  return resultOf(items, outcomes)
}

/** The journal's answers; an empty one gets its first line. */
async function opened(journal: Journal, options: RunOptions): Promise<Map<string, Outcome>> {
  const [first, ...lines] = await journal.read()
  const head = headOf(options)
  if (first === undefined) {
    await kept(journal, head)
    return new Map()
  }
  if (first !== head) {
    const state = first.includes(`"${JOURNAL_FORMAT}"`) ? 'it is of another run' : 'it is no journal of a battery'
    throw new DetectorError(
      'DOCUMENT_MALFORMED',
      `Cannot go on with the journal: ${state}, wanted ${head}, found ${first.slice(0, 400)}`,
    )
  }
  const outcomes = new Map<string, Outcome>()
  for (const [at, line] of lines.entries()) {
    const entry = entryOf(line)
    if (entry === undefined) {
      throw new DetectorError('DOCUMENT_MALFORMED', `Cannot go on with the journal: its line ${at + 2} is no answer`)
    }
    // A write that failed and was made all the same stands twice; the first one counts.
    if (!outcomes.has(entry.id)) outcomes.set(entry.id, entry.outcome)
  }
  return outcomes
}

const headOf = ({ battery, subject, maxTokens = DEFAULT_MAX_TOKENS }: RunOptions): string => {
  const digest = [...battery.digest].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  return JSON.stringify({ format: JOURNAL_FORMAT, battery: digest, seed: battery.seed, maxTokens, ...subject })
}

function entryOf(line: string): { readonly id: string; readonly outcome: Outcome } | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { id, text, refused } = value as Readonly<Record<string, unknown>>
  if (typeof id !== 'string') return undefined
  if (typeof text === 'string') return { id, outcome: { text } }
  return typeof refused === 'string' ? { id, outcome: { refused } } : undefined
}

async function put(item: PromptItem, options: RunOptions): Promise<Outcome> {
  const { battery, target, signal, maxTokens = DEFAULT_MAX_TOKENS, promptMs = DEFAULT_PROMPT_MS } = options
  const late = AbortSignal.timeout(promptMs)
  const stop = signal === undefined ? late : AbortSignal.any([signal, late])
  const { id, messages } = item
  const request = { messages, sampling: { temperature: 0, seed: battery.seed, maxTokens }, label: id } as const
  try {
    return { text: await answerOf(target, request, stop) }
  } catch (cause) {
    if (signal?.aborted) throw cancelled(signal)
    const code = (cause as { readonly code?: unknown } | null)?.code
    if (REFUSED_CODES.has(code)) return { refused: String(code) }
    const state = late.aborted
      ? `no answer within ${promptMs} ms`
      : cause instanceof Error
        ? cause.message
        : String(cause)
    throw new DetectorError('MODEL_UNAVAILABLE', `Cannot go on with the battery at ${id}: ${state}`, { cause })
  }
}

async function kept(journal: Journal, line: string): Promise<void> {
  try {
    await journal.append(line)
  } catch (cause) {
    const state = cause instanceof Error ? cause.message : String(cause)
    throw new DetectorError('STORE_FAILED', `Cannot keep an answer in the journal: ${state}`, { cause })
  }
}

const cancelled = (signal: AbortSignal) =>
  new DetectorError('CANCELLED', 'Cannot go on with the battery: it was stopped', { cause: signal.reason })

/**
 * An answer as its reader has it: one stream of events, read once, and what it comes to.
 *
 * @module
 */
import type { Finish } from '@mystranet/schemas/kinds'
import type { Usage } from '@mystranet/schemas/messages'
import type { Bytes } from '../bytes.ts'
import { PacketError } from '../errors.ts'
import type { TrustFile } from '../proof/trust-file.ts'
import type { Verdict, VerifiedAnswer } from '../proof/verify.ts'
import type { AnswerEvent } from '../stream/answer.ts'
import type { LogStanding } from '../transport/log-view.ts'

/** An answer on its way. Iterate over it for its text; it is not verified before {@link Answer.verified} resolves. */
export interface Answer extends AsyncIterable<string> {
  /** Resolves once the packet has its receipt. */
  readonly packetId: Promise<Bytes>
  /**
   * Everything that happens, text included. Iterate once, over this or over the answer itself. After `restart` the text of
   * the attempt before is void; the answer itself gives text of the accepted attempt only.
   */
  events(): AsyncIterable<AnswerEvent>
  /**
   * Reads the rest of the answer if nobody else does. Ask again when it rejects with a retryable code.
   *
   * @throws {PacketError} as `verify`, or why there is no answer; `VERDICT_PARTIAL` when the log could not be held to what
   *   was seen of it before.
   */
  readonly verified: Promise<VerifiedAnswer>
  /** The saved answer (`.weave`), for whoever wants to check it. Resolves with the last record. */
  readonly saved: Promise<Bytes>
  /**
   * How the log that the answer stands on continues what was seen of it before: no saved answer can tell. Resolves after
   * the answer is read; what was skipped is tried anew each time.
   *
   * @throws {PacketError} `CHECKPOINT_ROLLED_BACK` when the log forked, with both notes in `Memory.forks`.
   */
  log(): Promise<LogStanding>
  /**
   * The verdict on the saved answer, as `examine` gives it, and on the log that it stands on: where that could not be held to
   * what was seen before, `checkpoint` is skipped and VERIFIED becomes PARTIAL.
   *
   * @throws {PacketError} as {@link saved} and {@link log}.
   */
  examined(): Promise<Verdict>
  /** Authentic replies that no honest agent or router sends, as received: two that exclude each other, at most eight. */
  readonly evidence: readonly Uint8Array[]
  /** Stops the model. The answer then ends with `CANCELLED`. */
  cancel(): Promise<void>
}

/** What stands behind an {@link Answer}. */
export interface AnswerParts extends Pick<Answer, 'packetId' | 'cancel' | 'log'> {
  readonly trust: TrustFile
  /** The pipeline; its last act is to resolve `saved`. */
  readonly run: () => AsyncGenerator<AnswerEvent>
  readonly saved: PromiseWithResolvers<Bytes>
  readonly evidence: () => readonly Uint8Array[]
  /** Text is held back until the attempt that wrote it is accepted. */
  readonly isHeld: boolean
}

export function answerOf({ packetId, run, saved, cancel, log, trust, evidence, isHeld }: AnswerParts): Answer {
  let begun = false
  let verified: Promise<VerifiedAnswer> | undefined
  // Whoever does not look at them still learns of the failure from the events.
  packetId.catch(() => {})
  saved.promise.catch(() => {})

  function events(): AsyncGenerator<AnswerEvent> {
    if (begun) throw new TypeError('Cannot read the answer: it is being read already')
    begun = true
    return abandonable(run(), saved, cancel)
  }

  async function judge(): Promise<VerifiedAnswer> {
    if (!begun) for await (const _ of events());
    const bytes = await saved.promise
    const { VerdictError, verify } = await verifier()
    const answer = await verify(bytes, trust)
    const standing = await log()
    if (standing.result === 'pass') return answer
    throw new VerdictError('VERDICT_PARTIAL', withLog(answer.verdict, standing), standing.reason)
  }

  return {
    packetId,
    events,
    async *[Symbol.asyncIterator]() {
      let held = ''
      for await (const event of events()) {
        if (event.type === 'restart') held = ''
        if (event.type === 'text' && isHeld) held += event.text
        else if (event.type === 'text') yield event.text
        else if (event.type === 'close' && held !== '') yield held
      }
    },
    get verified() {
      verified ??= judge()
      // What may come out otherwise the next time is asked anew then.
      verified.catch((error: unknown) => {
        if (error instanceof PacketError && error.retryable) verified = undefined
      })
      return verified
    },
    saved: saved.promise,
    log,
    async examined() {
      const bytes = await saved.promise
      const verdict = await (await verifier()).examine(bytes, trust)
      return withLog(verdict, await log())
    },
    get evidence() {
      return evidence()
    },
    cancel,
  }
}

/** Loaded when there is something to verify: a page that asks has its first word sooner. */
const verifier = () => import('../later.ts')

/** What only a client knows of a verdict: how the log continues what it saw before. */
function withLog(verdict: Verdict, { result, reason }: LogStanding): Verdict {
  if (result === 'pass') return verdict
  const checks = verdict.checks.map((row) =>
    row.name === 'checkpoint' && row.result === 'pass' ? { ...row, result, reason } : row,
  )
  if (verdict.status !== 'VERIFIED') return { ...verdict, checks }
  return { ...verdict, checks, status: 'PARTIAL', line: verdict.line.replace('VERIFIED', 'PARTIAL') }
}

/** Whole, an answer's text and what ended it. */
export interface WholeAnswer {
  readonly text: string
  readonly finish: Finish | undefined
  readonly usage: Usage | undefined
}

/** Reads an answer to its end without showing any of it before. */
export async function collect(answer: Answer): Promise<WholeAnswer> {
  let text = ''
  let finish: Finish | undefined
  let usage: Usage | undefined
  for await (const event of answer.events()) {
    if (event.type === 'restart') text = ''
    if (event.type === 'text') text += event.text
    if (event.type === 'close') ({ finish, usage } = event)
  }
  return { text, finish, usage }
}

/** Stops the model when its reader leaves before the end. */
async function* abandonable(
  events: AsyncGenerator<AnswerEvent>,
  saved: PromiseWithResolvers<Bytes>,
  cancel: () => Promise<void>,
): AsyncGenerator<AnswerEvent> {
  let isOver = false
  try {
    yield* events
    isOver = true
  } catch (error) {
    isOver = true
    throw error
  } finally {
    if (!isOver) {
      saved.reject(new PacketError('CANCELLED', 'Cannot save the answer: its reader left'))
      await cancel().catch(() => {})
    }
  }
}

/**
 * An answer's records over as many connections as it takes; each goes on where the one before was cut.
 *
 * @module
 */
import { isPacketError, PacketError } from '../errors.ts'
import type { AnswerEvent, AnswerReader } from '../stream/answer.ts'
import type { AnswerRequest, Router } from './router.ts'

/** Connections that may be lost in a row without anything new of the answer: 20 s on average, for a router that starts again. */
const MAX_RECONNECTS = 16
const LONGEST_PAUSE_MS = 3_200
/** A connection that lasted so long was not lost for nothing: some proxies cut every one after a while. */
const LASTING_MS = 10_000

export interface Receiving extends Omit<AnswerRequest, 'from'> {
  readonly router: Pick<Router, 'answer'>
  readonly random: () => number
  readonly signal: AbortSignal
}

/**
 * Reads an answer to its end.
 *
 * @throws {PacketError} why the answer cannot be believed, or what refused it; `STREAM_TRUNCATED` when its connections end
 *   for ever before it does; `CANCELLED` when the signal was aborted.
 */
export async function* receive(
  reader: AnswerReader,
  { router, random, signal, ...request }: Receiving,
): AsyncGenerator<AnswerEvent> {
  const { now } = request
  for (let lost = 0; !reader.ended; ) {
    const beganMs = now()
    try {
      for await (const record of router.answer({ ...request, from: reader.wantedFrame }, signal)) {
        const events = await reader.take(record)
        // Packets come again with every connection, heartbeats too: a router could go on like that for ever.
        if (events.some(({ type }) => type !== 'progress')) lost = 0
        yield* events
      }
    } catch (error) {
      if (signal.aborted) throw new PacketError('CANCELLED', 'Cannot read the answer: the caller stopped it')
      if (!isPacketError(error) || (error.code !== 'ROUTER_UNREACHABLE' && error.code !== 'TIMED_OUT')) throw error
    }
    if (now() - beganMs >= LASTING_MS) lost = 0
    if (!reader.ended && ++lost > MAX_RECONNECTS) {
      throw new PacketError('STREAM_TRUNCATED', `Cannot read the answer: ${lost} connections ended before it did`)
    }
    if (!reader.ended && lost > 1) await new Promise((resolve) => setTimeout(resolve, pauseMs(lost) * random()))
  }
}

const pauseMs = (lost: number): number => Math.min(50 * 2 ** lost, LONGEST_PAUSE_MS)

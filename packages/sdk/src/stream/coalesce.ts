/**
 * Gathers tokens into frames: the first goes at once, the others at most every 40 ms. One frame a token would cost about
 * 6 % of the token rate; this costs about 0.5 %.
 *
 * @module
 */
import { FRAME_COALESCE_MS, MAX_FRAME_CONTENT_BYTES } from '@mystranet/schemas/limits'
import { AnswerContent, encode } from '@mystranet/schemas/messages'
import type { Bytes } from '../bytes.ts'

export interface Coalescer {
  /** Adds text. Text that exceeds a frame is cut between characters. */
  push(text: string): void
  /** Gives what is gathered as the last payload (perhaps empty). Nothing may be pushed afterwards. */
  end(): void
  /** Drops what is gathered and stops the timer. */
  stop(): void
}

/**
 * @param emit Takes the payload of each frame: exact bytes of an AnswerContent with one text part, or of none.
 * @param intervalMs Milliseconds between frames.
 */
export function createCoalescer(
  emit: (payload: Bytes, final: boolean) => void,
  intervalMs: number = FRAME_COALESCE_MS,
): Coalescer {
  let gathered: string[] = []
  let timer: ReturnType<typeof setTimeout> | undefined
  let lastMs = Number.NEGATIVE_INFINITY

  function flush(final: boolean): void {
    clearTimeout(timer)
    timer = undefined
    const texts = pieces(gathered.join(''))
    gathered = []
    lastMs = performance.now()
    if (texts.length === 0 && final) emit(encode(AnswerContent, { parts: [] }), true)
    for (const [i, text] of texts.entries()) {
      emit(encode(AnswerContent, { parts: [{ text }] }), final && i === texts.length - 1)
    }
  }

  return {
    push(text) {
      if (text === '') return
      gathered.push(text)
      if (timer !== undefined) return
      const waitMs = lastMs + intervalMs - performance.now()
      if (waitMs <= 0) flush(false)
      else timer = setTimeout(() => flush(false), waitMs)
    },
    end: () => flush(true),
    stop() {
      clearTimeout(timer)
      gathered = []
    },
  }
}

/** UTF-8 needs at most 3 bytes for a UTF-16 unit, and the message around the text at most 16. */
const PIECE_UNITS = Math.floor((MAX_FRAME_CONTENT_BYTES - 16) / 3)

function pieces(text: string): string[] {
  const out: string[] = []
  for (let at = 0; at < text.length; ) {
    let end = Math.min(at + PIECE_UNITS, text.length)
    const last = text.charCodeAt(end - 1)
    if (end < text.length && last >= 0xd800 && last < 0xdc00) end -= 1
    out.push(text.slice(at, end))
    at = end
  }
  return out
}

/**
 * Text on its way from a model to a reader: what must be held back, and where it ends.
 *
 * @module
 */

/** Takes text in any pieces and gives it on in pieces that may be shown. */
export interface TextGate {
  /** @returns What may be shown now; may be empty. */
  push(text: string): string
  /** @returns What was held back, when no more comes. Half a character that never got its other half becomes U+FFFD. */
  flush(): string
  /** Whether a stop string was met. Nothing after it is ever given on. */
  readonly stopped: boolean
}

/**
 * Holds back half a surrogate pair, and whatever may still become a stop string. Ends before the stop string that is
 * complete first (of two complete at once, the longer), so that the outcome does not depend on how the text was divided.
 *
 * Cost: without stop strings, one look at the last character; with them, one search of the new text.
 */
export function textGate(stops: readonly string[] = []): TextGate {
  let held = ''
  let stopped = false
  return {
    get stopped() {
      return stopped
    },
    push(text) {
      if (stopped || text === '') return ''
      const all = held === '' ? text : held + text
      const cut = firstStop(all, stops)
      if (cut !== -1) {
        stopped = true
        held = ''
        return whole(all.slice(0, cut))
      }
      const keep = Math.max(startedStop(all, stops), endsInHalf(all) ? 1 : 0)
      // A stop that has begun may begin just after half a pair has not: cut on a character.
      const at = keep > 0 && keep < all.length && endsInHalf(all.slice(0, all.length - keep)) ? keep + 1 : keep
      held = at === 0 ? '' : all.slice(all.length - at)
      return at === 0 ? all : all.slice(0, all.length - at)
    },
    flush() {
      const rest = whole(held)
      held = ''
      return rest
    },
  }
}

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff

function endsInHalf(text: string): boolean {
  return text.length > 0 && isHighSurrogate(text.charCodeAt(text.length - 1))
}

function whole(text: string): string {
  return endsInHalf(text) ? text.toWellFormed() : text
}

/** Where the stop string that is complete first begins; of two complete at once, the longer one. */
function firstStop(text: string, stops: readonly string[]): number {
  let first = -1
  let end = Number.POSITIVE_INFINITY
  for (const stop of stops) {
    const at = text.indexOf(stop)
    if (at === -1 || at + stop.length > end || (at + stop.length === end && at > first)) continue
    first = at
    end = at + stop.length
  }
  return first
}

/** Characters at the end of `text` with which some stop string begins. */
function startedStop(text: string, stops: readonly string[]): number {
  let longest = 0
  for (const stop of stops) {
    for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(stop.slice(0, length))) {
        longest = length
        break
      }
    }
  }
  return longest
}

/**
 * A cache of imported public keys that cannot grow: peers choose the keys, so their number is not ours to trust.
 *
 * Two generations instead of a linked list: a hit in the young one costs one look-up, and when that is full the old one
 * is dropped whole. So at most `2 × size` entries live, and what is used at least once per `size` new keys stays.
 *
 * @module
 */
import { latin1 } from '../bytes.ts'

export interface BoundedCache<Value> {
  get(key: Uint8Array): Value | undefined
  set(key: Uint8Array, value: Value): void
}

/** @param textOf Turns key bytes into a map key; a runtime with a native one passes it. */
export function boundedCache<Value>(size: number, textOf = latin1): BoundedCache<Value> {
  let young = new Map<string, Value>()
  let old = new Map<string, Value>()
  const put = (text: string, value: Value) => {
    if (young.size >= size) {
      old = young
      young = new Map()
    }
    young.set(text, value)
  }
  return {
    get(key) {
      const text = textOf(key)
      const hit = young.get(text)
      if (hit !== undefined) return hit
      const older = old.get(text)
      if (older !== undefined) put(text, older)
      return older
    },
    set: (key, value) => put(textOf(key), value),
  }
}

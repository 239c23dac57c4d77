/**
 * A map with a limit: what was set or asked for longest ago goes first. Whoever floods it makes it forget, not grow.
 *
 * @module
 */

export interface Recent<Value> {
  readonly size: number
  /** How many were forgotten for want of room. */
  readonly forgotten: number
  get(key: string): Value | undefined
  set(key: string, value: Value): void
  delete(key: string): void
  entries(): IterableIterator<[string, Value]>
}

/** @throws RangeError when `limit` is not at least 1. */
export function recentMap<Value>(limit: number, onForget?: (value: Value, key: string) => void): Recent<Value> {
  if (!(limit >= 1)) throw new RangeError(`Cannot keep recent entries: a limit of ${limit}, wanted at least 1`)
  const map = new Map<string, Value>()
  let forgotten = 0
  return {
    get size() {
      return map.size
    },
    get forgotten() {
      return forgotten
    },
    get(key) {
      const value = map.get(key)
      if (value === undefined) return undefined
      map.delete(key)
      map.set(key, value)
      return value
    },
    set(key, value) {
      map.delete(key)
      map.set(key, value)
      if (map.size <= limit) return
      const [oldest, dropped] = map.entries().next().value as [string, Value]
      map.delete(oldest)
      forgotten++
      onForget?.(dropped, oldest)
    },
    delete: (key) => void map.delete(key),
    entries: () => map.entries(),
  }
}

/**
 * A map with a limit: what was set or asked for longest ago goes first. Whoever floods it makes it forget, not grow.
 *
 * @module
 */

/** Holds between half of its limit and its limit: what was not touched while half of the limit came is dropped at once. */
export interface Recent<Value> {
  /** How many were forgotten for want of room. */
  readonly forgotten: number
  get(key: string): Value | undefined
  set(key: string, value: Value): void
  delete(key: string): void
  entries(): readonly [string, Value][]
}

/** @throws RangeError when `limit` is not at least 2. */
export function recentMap<Value>(limit: number, onForget?: (value: Value) => void): Recent<Value> {
  if (!(limit >= 2)) throw new RangeError(`Cannot keep recent entries: a limit of ${limit}, wanted at least 2`)
  const half = Math.floor(limit / 2)
  // Two generations instead of a list by age: a look costs what a look into a map costs.
  let young = new Map<string, Value>()
  let old = new Map<string, Value>()
  let forgotten = 0
  const add = (key: string, value: Value) => {
    young.set(key, value)
    if (young.size < half) return
    forgotten += old.size
    if (onForget !== undefined) for (const value of old.values()) onForget(value)
    old = young
    young = new Map()
  }
  return {
    get forgotten() {
      return forgotten
    },
    get(key) {
      const value = young.get(key)
      if (value !== undefined) return value
      const known = old.get(key)
      if (known === undefined) return undefined
      old.delete(key)
      add(key, known)
      return known
    },
    set(key, value) {
      if (old.size > 0) old.delete(key)
      add(key, value)
    },
    delete(key) {
      young.delete(key)
      old.delete(key)
    },
    entries: () => [...old, ...young],
  }
}

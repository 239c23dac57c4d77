/**
 * Changes of a JSON document, value by value.
 *
 * @module
 */
import type { Random } from '../random.ts'
import { breakText } from './text.ts'

type Json = null | boolean | number | string | Json[] | { [name: string]: Json }

const VALUES: readonly Json[] = [
  null,
  true,
  false,
  0,
  -1,
  1,
  1.5,
  2 ** 31,
  2 ** 53,
  1e308,
  '',
  '0',
  '1',
  'ff',
  '😀',
  '\ud800',
  '__proto__',
  [],
  [null],
  {},
  { a: 1 },
  '2026-02-30T00:00:00.000Z',
  '18446744073709551616',
  'A'.repeat(200),
]
const NAMES = ['__proto__', 'constructor', 'toString', '', 'x', 'a'.repeat(300)]
/** Written as lists in lists: what walks it by calling itself comes to the end of its stack. */
const DEEP_MARK = 'deep'
const DEEP_TEXT = `${'['.repeat(10_000)}${']'.repeat(10_000)}`

/** One value somewhere in the document, changed. */
function changed(value: Json, random: Random): Json {
  if (random.chance(0.25)) return another(value, random)
  if (Array.isArray(value) && value.length > 0) {
    const at = random.below(value.length)
    if (random.chance(0.15)) return value.toSpliced(at, 1)
    if (random.chance(0.15)) return [...value, value[at] as Json]
    return value.with(at, changed(value[at] as Json, random))
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0) {
    const name = random.pick(Object.keys(value))
    const rest = Object.entries(value).filter(([each]) => each !== name)
    if (random.chance(0.12)) return Object.fromEntries(rest)
    if (random.chance(0.12))
      return Object.fromEntries([...Object.entries(value), [random.pick(NAMES), value[name] as Json]])
    if (random.chance(0.06)) return Object.fromEntries([...rest, [random.pick(NAMES), value[name] as Json]])
    // Not by spread: a name such as __proto__ must stay a name.
    return Object.fromEntries(
      Object.entries(value).map(([each, old]) => [each, each === name ? changed(old, random) : old]),
    )
  }
  return another(value, random)
}

function another(value: Json, random: Random): Json {
  if (typeof value === 'string' && random.chance(0.5)) {
    const at = random.below(value.length + 1)
    return value.slice(0, at) + random.pick(['', '0', 'f', 'G', '=', ' ', 'é']) + value.slice(at + random.below(3))
  }
  if (typeof value === 'number' && random.chance(0.5)) return value + random.pick([1, -1, 0.5, 2 ** 32])
  return random.chance(0.02) ? DEEP_MARK : random.pick(VALUES)
}

export function breakJson(bytes: Uint8Array, random: Random, others: readonly Uint8Array[]): Uint8Array {
  let text: string
  try {
    text = JSON.stringify(changed(JSON.parse(new TextDecoder().decode(bytes)) as Json, random))
  } catch {
    // No JSON, or JSON that nests too deep to be written.
    return breakText(bytes, random, others)
  }
  return new TextEncoder().encode(text.replaceAll(JSON.stringify(DEEP_MARK), DEEP_TEXT))
}

/** What JSON says, or undefined where it is none. */
export function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return undefined
  }
}

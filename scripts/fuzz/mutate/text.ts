/**
 * Changes of text: its lines, its numbers, its base64, its characters.
 *
 * @module
 */
import type { Random } from '../random.ts'
import { breakBytes } from './bytes.ts'

const CHARACTERS = [
  '\u0000',
  '\r',
  '\t',
  ' ',
  '\u00a0',
  '\u2028',
  '\ufeff',
  '\u0130',
  '\u212a',
  '😀',
  '\u200b',
  '=',
  '+',
  '#',
  '"',
  '\\',
  '—',
  '-',
]
const NUMERALS = [
  '0',
  '-1',
  '+1',
  '00',
  '1e3',
  '0x10',
  '1.0',
  '4294967296',
  '9223372036854775808',
  '18446744073709551616',
  '9'.repeat(40),
  '９',
  'NaN',
]
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const MAX_LINES = 20_000
const MAX_TEXT_BYTES = 128 * 1024

type Change = (text: string, random: Random, others: readonly string[]) => string

const inLines =
  (change: (lines: string[], random: Random, others: readonly string[]) => string[]): Change =>
  (text, random, others) =>
    change(text.split('\n'), random, others).slice(0, MAX_LINES).join('\n')

/** One of the places where the pattern is found, replaced. */
function replacedOne(text: string, pattern: RegExp, random: Random, by: (found: string) => string): string {
  const found = [...text.matchAll(pattern)]
  if (found.length === 0) return text
  const { 0: old, index } = random.pick(found)
  return text.slice(0, index) + by(old) + text.slice(index + old.length)
}

const CHANGES: readonly Change[] = [
  inLines((lines, random) => {
    const line = random.pick(lines)
    return lines.toSpliced(random.below(lines.length + 1), 0, line)
  }),
  inLines((lines, random) => lines.toSpliced(random.below(lines.length), 1)),
  inLines((lines, random) => {
    const [a, b] = [random.below(lines.length), random.below(lines.length)]
    return lines.with(a, lines[b] as string).with(b, lines[a] as string)
  }),
  inLines((lines, random, others) =>
    lines.with(random.below(lines.length), random.pick(random.pick(others).split('\n'))),
  ),
  inLines((lines, random, others) =>
    lines.toSpliced(random.below(lines.length + 1), 0, random.pick(random.pick(others).split('\n'))),
  ),
  /** Words of a line. */
  inLines((lines, random) => {
    const at = random.below(lines.length)
    const words = (lines[at] as string).split(' ')
    const word = random.below(words.length)
    const by = random.pick([[], ['', ''], [words[word] as string, words[word] as string], [random.pick(NUMERALS)]])
    return lines.with(at, words.toSpliced(word, 1, ...by).join(' '))
  }),
  /** Many lines more. */
  inLines((lines, random) => lines.concat(Array<string>(random.pick([2, 63, 65, 300])).fill(random.pick(lines)))),
  (text, random) => replacedOne(text, /[0-9]+/g, random, () => random.pick(NUMERALS)),
  (text, random) => {
    const at = random.below(text.length + 1)
    return text.slice(0, at) + random.pick(CHARACTERS) + text.slice(at + random.below(2))
  },
  /** Spare bits, padding and length of base64. */
  (text, random) =>
    replacedOne(text, /[A-Za-z0-9+/]{4,}={0,2}/g, random, (found) => {
      const bare = found.replace(/=+$/, '')
      const last = ALPHABET.indexOf(bare.at(-1) as string)
      return random.pick([
        () => `${bare.slice(0, -1)}${ALPHABET[(last ^ (1 << random.below(6))) % 64]}${found.slice(bare.length)}`,
        () => bare,
        () => `${found}=`,
        () => bare.slice(0, -1 - random.below(4)),
        () => btoa(String.fromCharCode(...random.bytes(random.pick([1, 3, 31, 32, 33, 64, 72])))),
        () => found.replaceAll('+', '-').replaceAll('/', '_'),
      ])()
    }),
  /** Another case. */
  (text, random) =>
    replacedOne(text, /[A-Za-z]{2,}/g, random, (found) =>
      found === found.toLowerCase() ? found.toUpperCase() : found.toLowerCase(),
    ),
  (text, random) => text.replace(/\n$/, '') + random.pick(['', '\n', '\n\n', '\r\n', '\0']),
]

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const textOf = (bytes: Uint8Array): string | undefined => {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

export function breakText(bytes: Uint8Array, random: Random, others: readonly Uint8Array[]): Uint8Array {
  // Its lines could be made many: what is large already is changed as bytes.
  const text = bytes.length > MAX_TEXT_BYTES ? undefined : textOf(bytes)
  if (text === undefined || text === '') return breakBytes(bytes, random, others)
  const beside = textOf(random.pick(others)) ?? text
  return new TextEncoder().encode(random.pick(CHANGES)(text, random, [beside]))
}

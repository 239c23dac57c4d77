/**
 * The rich header: which tools of Visual Studio made the parts of a program.
 *
 * @module
 */
import { type Notes, u32 } from './bytes.ts'

const RICH = 0x68636952
const DANS = 0x536e6144
const START = 0x80
/** Linkers write some hundred bytes. What lies farther on is none, and would take a multiple of the file in memory. */
const END = 2 ** 20

export interface RichHeader {
  /** Tool and build, and how often, by turns. */
  readonly values: readonly number[]
}

export function parseRich(bytes: Uint8Array, optionalOffset: number, { warnings }: Notes): RichHeader | undefined {
  let end = -1
  for (let at = START; at + 4 <= Math.min(optionalOffset, bytes.length, END); at++) {
    if (u32(bytes, at) !== RICH) continue
    end = at
    break
  }
  if (end < 0) return undefined
  const words: number[] = []
  for (let at = START; at + 4 <= Math.min(end + 8, bytes.length); at += 4) words.push(u32(bytes, at))
  const mark = words.indexOf(RICH)
  const key = words[mark + 1]
  if (mark < 0 || key === undefined) return undefined
  const plain = (word: number | undefined) => ((word ?? 0) ^ key) >>> 0
  if (plain(words[0]) !== DANS || words[1] !== key || words[2] !== key || words[3] !== key) {
    warnings.add('rich-header-not-microsoft')
  }
  const values: number[] = []
  for (let at = 4; at + 1 < words.length; at += 2) {
    if (words[at] === RICH) {
      if (words[at + 1] !== key) warnings.add('rich-header-malformed')
      break
    }
    values.push(plain(words[at]), plain(words[at + 1]))
  }
  return { values }
}

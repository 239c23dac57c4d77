/**
 * Bech32m (BIP 350) for the names and seeds that people copy: lower case, with a checksum that finds every error of up
 * to four characters in 90, and with a prefix that says what it is.
 *
 * | prefix | bytes | what |
 * |---|---|---|
 * | `weave` | 32 | instance id |
 * | `weave-root-secret-` | 32 | seed of the offline root key (Ed25519) |
 * | `weave-operational-secret-` | 32 | seed of the operational key (Ed25519) |
 * | `weave-packet-secret-` | 32 | seed of a packet key (Ed25519) |
 * | `weave-x25519-secret-` | 32 | KEM private key of suite 1 |
 * | `weave-x-wing-secret-` | 32 | KEM seed of suite 2 |
 *
 * A secret is written in capitals, as age does it: it looks like what it is, in a diff and in a log.
 *
 * @module
 */
import type { Bytes } from '../bytes.ts'

const ALPHABET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3]
/** Constant of Bech32m; the older Bech32 ends in 1 and lets a `q` be slipped in before a final `p`. */
const CHECKSUM = 0x2bc830a3
const CHECKSUM_CHARS = 6
/** BIP 350 stops at 90; what is longer is none of ours. */
const MAX_CHARS = 90

/**
 * Writes bytes as Bech32m, in lower case.
 *
 * @param prefix 1 to 83 characters of `!` … `~` without capitals (the "human-readable part").
 * @throws RangeError for another prefix, or when the text would exceed 90 characters.
 */
export function encodeBech32(prefix: string, bytes: Uint8Array): string {
  if (!/^[!-@[-~]{1,83}$/.test(prefix))
    throw new RangeError(`Cannot write Bech32m: prefix is ${JSON.stringify(prefix)}`)
  const text = writeBech32(prefix, bytes)
  if (text.length > MAX_CHARS) throw new RangeError(`Cannot write Bech32m: ${text.length} characters, wanted ≤ 90`)
  return text
}

/** {@link encodeBech32} for a prefix and a length that are known to fit. */
export function writeBech32(prefix: string, bytes: Uint8Array): string {
  const words = toWords(bytes)
  const checksum = remainderOf(prefix, [...words, 0, 0, 0, 0, 0, 0]) ^ CHECKSUM
  for (let i = 0; i < CHECKSUM_CHARS; i++) words.push((checksum >>> (5 * (5 - i))) & 31)
  return `${prefix}1${words.map((word) => ALPHABET[word]).join('')}`
}

export interface Bech32 {
  /** In lower case. */
  readonly prefix: string
  readonly bytes: Bytes
}

/** Why a text is not Bech32m of whole bytes, in words that never repeat the text: it may be a secret. */
export type Bech32Fault = string

/** Inverse of {@link encodeBech32}; takes all capitals too, and nothing that does not encode to itself. */
export function parseBech32(text: string): Bech32 | Bech32Fault {
  if (text.length > MAX_CHARS) return `${text.length} characters, wanted at most ${MAX_CHARS}`
  if (!/^[!-~]*$/.test(text)) return 'a character outside of ASCII, wanted none'
  const lower = text.toLowerCase()
  if (text !== lower && text !== text.toUpperCase()) return 'capitals and small letters mixed, wanted one kind'
  const separator = lower.lastIndexOf('1')
  if (separator < 1) return 'no prefix, wanted one before the last "1"'
  const words: number[] = []
  for (const char of lower.slice(separator + 1)) {
    const word = ALPHABET.indexOf(char)
    if (word < 0) return `the character "${char}", wanted one of ${ALPHABET}`
    words.push(word)
  }
  if (words.length < CHECKSUM_CHARS) return `${words.length} characters after the prefix, wanted at least 6`
  const prefix = lower.slice(0, separator)
  if (remainderOf(prefix, words) !== CHECKSUM) return 'a wrong checksum, wanted one of Bech32m (a typing error?)'
  const bytes = fromWords(words.slice(0, -CHECKSUM_CHARS))
  return bytes === undefined ? 'bits left over, wanted whole bytes' : { prefix, bytes }
}

function remainderOf(prefix: string, words: readonly number[]): number {
  let state = 1
  const feed = (word: number) => {
    const top = state >>> 25
    state = ((state & 0x1ffffff) << 5) ^ word
    for (let i = 0; i < GENERATOR.length; i++) if ((top >>> i) & 1) state ^= GENERATOR[i]!
  }
  for (const char of prefix) feed(char.charCodeAt(0) >>> 5)
  feed(0)
  for (const char of prefix) feed(char.charCodeAt(0) & 31)
  for (const word of words) feed(word)
  return state
}

function toWords(bytes: Uint8Array): number[] {
  const words: number[] = []
  let held = 0
  let bits = 0
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff
    bits += 8
    while (bits >= 5) {
      bits -= 5
      words.push((held >>> bits) & 31)
    }
  }
  if (bits > 0) words.push((held << (5 - bits)) & 31)
  return words
}

/** `undefined` when five or more bits, or bits that are not zero, are left over. */
function fromWords(words: readonly number[]): Bytes | undefined {
  const bytes = new Uint8Array(Math.floor((words.length * 5) / 8))
  let held = 0
  let bits = 0
  let at = 0
  for (const word of words) {
    held = ((held << 5) | word) & 0xfff
    bits += 5
    if (bits >= 8) {
      bits -= 8
      bytes[at++] = held >>> bits
    }
  }
  return bits >= 5 || (held & ((1 << bits) - 1)) !== 0 ? undefined : bytes
}

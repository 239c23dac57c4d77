/**
 * Changes of bytes of which nothing is known.
 *
 * @module
 */
import type { Random } from '../random.ts'

/** Longer than any cap but that of a packet: growth stops here. */
const MAX_BYTES = 1 << 20

const INTERESTING = [0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff]

type Change = (bytes: Uint8Array, random: Random, others: readonly Uint8Array[]) => Uint8Array

const at = (bytes: Uint8Array, random: Random) => random.below(bytes.length + 1)

function range(bytes: Uint8Array, random: Random): readonly [number, number] {
  const from = at(bytes, random)
  return [from, Math.min(bytes.length, from + 1 + random.below(random.chance(0.2) ? bytes.length : 16))]
}

const CHANGES: readonly Change[] = [
  /** One bit. */
  (bytes, random) => {
    const out = bytes.slice()
    if (out.length > 0) {
      const place = random.below(out.length)
      out[place] = (out[place] as number) ^ (1 << random.below(8))
    }
    return out
  },
  /** One byte. */
  (bytes, random) => {
    const out = bytes.slice()
    if (out.length > 0) out[random.below(out.length)] = random.below(256)
    return out
  },
  /** An integer at the edge of its type, in either order of bytes. */
  (bytes, random) => {
    const out = bytes.slice()
    const width = random.pick([1, 2, 4])
    if (out.length < width) return out
    const value = random.pick(INTERESTING)
    const place = random.below(out.length - width + 1)
    const isLittle = random.chance(0.5)
    for (let i = 0; i < width; i++) out[place + i] = value >>> (8 * (isLittle ? i : width - 1 - i))
    return out
  },
  (bytes, random) => spliced(bytes, at(bytes, random), 0, random.bytes(1 + random.below(8))),
  (bytes, random) => {
    const [from, to] = range(bytes, random)
    return spliced(bytes, from, to - from)
  },
  (bytes, random) => bytes.slice(0, at(bytes, random)),
  (bytes, random) => {
    const [from, to] = range(bytes, random)
    return spliced(bytes, at(bytes, random), 0, bytes.subarray(from, to))
  },
  /** Head of one, tail of another. */
  (bytes, random, others) => {
    const other = random.pick(others)
    return spliced(bytes, at(bytes, random), bytes.length, other.subarray(at(other, random)))
  },
  /** A part of another over a part of this. */
  (bytes, random, others) => {
    const other = random.pick(others)
    const [from, to] = range(other, random)
    return spliced(bytes, at(bytes, random), to - from, other.subarray(from, to))
  },
  /** A run of one byte. */
  (bytes, random) => {
    const out = bytes.slice()
    const [from, to] = range(bytes, random)
    return out.fill(random.pick([0, 0xff, 0x0a, 0x20]), from, to)
  },
]

export function breakBytes(bytes: Uint8Array, random: Random, others: readonly Uint8Array[]): Uint8Array {
  return random.pick(CHANGES)(bytes, random, others)
}

/** The bytes with `cut` of them from `place` on replaced. */
export function spliced(
  bytes: Uint8Array,
  place: number,
  cut: number,
  put: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const rest = bytes.subarray(Math.min(bytes.length, place + cut))
  const room = Math.max(0, MAX_BYTES - place - rest.length)
  const part = put.length > room && bytes.length < MAX_BYTES ? put.subarray(0, room) : put
  const out = new Uint8Array(place + part.length + rest.length)
  out.set(bytes.subarray(0, place))
  out.set(part, place)
  out.set(rest, place + part.length)
  return out
}

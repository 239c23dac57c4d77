/**
 * Changes of Protobuf, field by field, however deep: what is changed inside gets its lengths right around it, so that the
 * change is met where it was made. A field is opened as a message whenever it can be read as one.
 *
 * @module
 */
import type { Random } from '../random.ts'
import { breakBytes } from './bytes.ts'

interface Field {
  readonly number: number
  readonly wire: number
  /** What follows the tag; of a length-delimited field, what follows its length. */
  readonly value: Uint8Array
}

const NUMBERS = [
  0n,
  1n,
  2n,
  9n,
  99n,
  127n,
  128n,
  4_000n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 53n,
  2n ** 64n - 1n,
]

function varint(value: bigint, padding = 0): Uint8Array {
  const out: number[] = []
  let rest = value
  for (; rest >= 0x80n; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80)
  out.push(Number(rest))
  for (let i = 0; i < padding; i++) {
    out[out.length - 1] = (out.at(-1) as number) | 0x80
    out.push(0)
  }
  return Uint8Array.from(out)
}

function readVarint(bytes: Uint8Array, from: number): readonly [bigint, number] | undefined {
  let value = 0n
  for (let i = 0; i < 10 && from + i < bytes.length; i++) {
    const byte = bytes[from + i] as number
    value |= BigInt(byte & 0x7f) << BigInt(7 * i)
    if (byte < 0x80) return [value, from + i + 1]
  }
  return undefined
}

/** The fields of what is a message through and through; undefined for anything else. */
function fieldsOf(bytes: Uint8Array): Field[] | undefined {
  const fields: Field[] = []
  for (let at = 0; at < bytes.length; ) {
    const tag = readVarint(bytes, at)
    if (tag === undefined || tag[0] >> 3n === 0n || tag[0] > 0xffffn) return undefined
    const [wire, number] = [Number(tag[0] & 7n), Number(tag[0] >> 3n)]
    const value = extentOf(bytes, tag[1], wire)
    if (value === undefined) return undefined
    fields.push({ number, wire, value: bytes.subarray(...value) })
    at = value[1]
  }
  return fields.length === 0 ? undefined : fields
}

function extentOf(bytes: Uint8Array, from: number, wire: number): [number, number] | undefined {
  if (wire === 0) {
    const read = readVarint(bytes, from)
    return read && [from, read[1]]
  }
  if (wire === 1 || wire === 5) {
    const end = from + (wire === 1 ? 8 : 4)
    return end <= bytes.length ? [from, end] : undefined
  }
  const length = wire === 2 ? readVarint(bytes, from) : undefined
  const end = length && length[1] + Number(length[0])
  return length && end !== undefined && end <= bytes.length ? [length[1], end] : undefined
}

function write(
  fields: readonly Field[],
  lie?: { readonly of: number; readonly length: bigint; readonly padding: number },
) {
  const parts = fields.flatMap(({ number, wire, value }, i) => {
    const tag = varint((BigInt(number) << 3n) | BigInt(wire))
    if (wire !== 2) return [tag, value]
    const isLie = lie?.of === i
    return [tag, varint(isLie ? lie.length : BigInt(value.length), isLie ? lie.padding : 0), value]
  })
  return new Uint8Array(Buffer.concat(parts))
}

type Change = (fields: Field[], at: number, random: Random, others: readonly Uint8Array[]) => Uint8Array

const replaced = (fields: readonly Field[], at: number, ...by: readonly Field[]) =>
  write(fields.toSpliced(at, 1, ...by))

const CHANGES: readonly Change[] = [
  (fields, at) => replaced(fields, at),
  (fields, at) => write(fields.toSpliced(at, 0, fields[at] as Field)),
  (fields, at, random) => write(fields.toSpliced(at, 1).toSpliced(random.below(fields.length), 0, fields[at] as Field)),
  /** Unknown fields, and known ones of another message. */
  (fields, at, random) => {
    const number = 1 + random.below(40)
    const value = random.chance(0.5) ? varint(random.pick(NUMBERS)) : random.bytes(random.pick([0, 1, 16, 32]))
    return write(fields.toSpliced(at, 0, { number, wire: random.chance(0.5) ? 0 : 2, value }))
  },
  (fields, at, random) => replaced(fields, at, { ...(fields[at] as Field), wire: random.below(8) }),
  (fields, at, random) => replaced(fields, at, { ...(fields[at] as Field), number: 1 + random.below(30) }),
  /** A length that lies, or is longer than it needs to be. */
  (fields, at, random) => {
    const { length } = (fields[at] as Field).value
    const lies = [BigInt(length + 1), BigInt(Math.max(0, length - 1)), ...NUMBERS]
    return write(fields, {
      of: at,
      length: random.chance(0.3) ? BigInt(length) : random.pick(lies),
      padding: random.below(3),
    })
  },
  valueChanged,
  valueChanged,
  valueChanged,
]

function valueChanged(fields: Field[], at: number, random: Random, others: readonly Uint8Array[]): Uint8Array {
  const field = fields[at] as Field
  const { wire, value } = field
  if (wire === 0) {
    const [now] = readVarint(value, 0) ?? [0n]
    const by = random.pick([...NUMBERS, now + 1n, now > 0n ? now - 1n : now, now ^ 1n, now * 2n, now + 1_000_000n])
    return replaced(fields, at, { ...field, value: varint(by & (2n ** 64n - 1n), random.chance(0.1) ? 1 : 0) })
  }
  if (wire !== 2) return replaced(fields, at, { ...field, value: random.bytes(value.length) })
  const inner = random.chance(0.7) ? fieldsOf(value) : undefined
  if (inner !== undefined) return replaced(fields, at, { ...field, value: changed(inner, random, others) })
  // Of the right length most of the time: that gets past the check of the length.
  const by = random.pick([
    () => random.bytes(value.length),
    () => new Uint8Array(value.length),
    () => breakBytes(value, random, others),
    () => new Uint8Array(0),
    () => Uint8Array.from(value, (byte, i) => (i === 0 ? byte ^ 1 : byte)),
    () => random.bytes(random.pick([1, 16, 31, 33, 64, 4_001])),
  ])()
  return replaced(fields, at, { ...field, value: by })
}

const changed = (fields: Field[], random: Random, others: readonly Uint8Array[]): Uint8Array =>
  random.pick(CHANGES)(fields, random.below(fields.length), random, others)

export function breakWire(bytes: Uint8Array, random: Random, others: readonly Uint8Array[]): Uint8Array {
  const fields = fieldsOf(bytes)
  return fields === undefined ? breakBytes(bytes, random, others) : changed(fields, random, others)
}

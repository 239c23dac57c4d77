/**
 * Tensor records: what each says of itself. Where they lie is `check/layout.ts`.
 *
 * @module
 */
import { Fault } from '../finding.ts'
import type { Cursor } from './cursor.ts'
import { TENSOR_TYPES, type TensorType, typeState } from './tensor-type.ts'

export interface GgufTensor {
  readonly name: string
  /** One to four, the row first; each from 1 to 2^40, their product at most 2^53. */
  readonly dimensions: readonly number[]
  readonly elements: number
  readonly type: TensorType
  /** Bytes of its data, as its shape says: below 2^57. */
  readonly bytes: bigint
  /** As the record says, behind the start of the data; any 64-bit number. */
  readonly offset: bigint
  /** Byte of the file where the record begins. */
  readonly at: number
}

const MAX_NAME_BYTES = 63
const MAX_DIMENSIONS = 4
const MAX_DIMENSION = 2n ** 40n
const MAX_ELEMENTS = 2n ** 53n
const MAX_SIGNED = 2n ** 63n

/** @throws {Fault} */
export function readTensor(cursor: Cursor, index: number): GgufTensor {
  const at = cursor.offset
  const name = cursor.string('tensor name', MAX_NAME_BYTES)
  if (name === '') throw new Fault('G10', at, `The name of tensor ${index} is empty.`)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
  if (/[\u0000-\u001f\u007f]/.test(name)) throw new Fault('G26', at + 8, 'A tensor name has control characters.', name)
  const countAt = cursor.offset
  const dimensionCount = cursor.u32('dimension count')
  if (dimensionCount < 1 || dimensionCount > MAX_DIMENSIONS) {
    throw new Fault('G05', countAt, `A tensor has ${dimensionCount} dimensions, wanted 1 to 4.`, name)
  }
  const dimensions = Array.from({ length: dimensionCount }, () => readDimension(cursor, name))
  const elements = dimensions.reduce((product, each) => product * each, 1n)
  if (elements >= MAX_SIGNED) {
    throw new Fault('G09', countAt, `The dimensions make ${elements} elements: the product wraps in 64 bits.`, name)
  }
  if (elements > MAX_ELEMENTS) throw new Fault('G07', countAt, `The dimensions make ${elements} elements.`, name)
  const typeAt = cursor.offset
  const number = cursor.u32('tensor type')
  const type = TENSOR_TYPES[number]
  if (type === undefined) throw new Fault('G14', typeAt, `A tensor has ${typeState(number)}.`, name)
  const row = dimensions[0] as bigint
  if (row % BigInt(type.blockElements) !== 0n) {
    const message = `A row has ${row} elements, and blocks of ${type.name} have ${type.blockElements}.`
    throw new Fault('G07', countAt, message, name)
  }
  const bytes = (elements / BigInt(type.blockElements)) * BigInt(type.blockBytes)
  const offset = cursor.u64('tensor offset')
  return {
    name,
    dimensions: dimensions.map(Number),
    elements: Number(elements),
    type,
    bytes,
    offset,
    at,
  }
}

function readDimension(cursor: Cursor, name: string): bigint {
  const at = cursor.offset
  const value = cursor.u64('dimension')
  if (value === 0n) throw new Fault('G10', at, 'A dimension is zero.', name)
  if (value > MAX_DIMENSION) {
    throw new Fault('G07', at, `A dimension is ${BigInt.asIntN(64, value)}, wanted at most 2^40.`, name)
  }
  return value
}

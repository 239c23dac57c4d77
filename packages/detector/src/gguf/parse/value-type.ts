/**
 * Value types of key-value pairs.
 *
 * Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 *
 * @module
 */

export const TYPE = {
  u8: 0,
  i8: 1,
  u16: 2,
  i16: 3,
  u32: 4,
  i32: 5,
  f32: 6,
  bool: 7,
  string: 8,
  array: 9,
  u64: 10,
  i64: 11,
  f64: 12,
} as const

const NAMES = ['U8', 'I8', 'U16', 'I16', 'U32', 'I32', 'F32', 'BOOL', 'STRING', 'ARRAY', 'U64', 'I64', 'F64']
const BYTES = [1, 1, 2, 2, 4, 4, 4, 1, undefined, undefined, 8, 8, 8]

export const typeName = (type: number): string => NAMES[type] ?? `type ${type}`

/** Bytes of one value; undefined for strings, arrays and unknown types. */
export const fixedBytes = (type: number): number | undefined => BYTES[type]

/** The fewest bytes that an element takes; undefined for unknown types. */
export function leastBytes(type: number): number | undefined {
  if (type === TYPE.string) return 8
  return type === TYPE.array ? 12 : fixedBytes(type)
}

/**
 * Tensor types: how many elements a block has, how many bytes, and where in it its scales are.
 *
 * Source: https://github.com/ggml-org/llama.cpp, `ggml-common.h` and `gguf-py/gguf/constants.py`. Numbers that are missing were
 * removed (4, 5, 31 to 33, 36 to 38) or were never given.
 *
 * @module
 */

/** How a scale is written. `packed` is the one of IQ1_M, spread over four 16-bit words; the last two are 8-bit exponents. */
export type ScaleKind = 'f16' | 'bf16' | 'f32' | 'f64' | 'packed' | 'e8m0' | 'ue4m3'

export interface TensorType {
  readonly name: string
  readonly blockElements: number
  readonly blockBytes: number
  readonly scales: readonly { readonly kind: ScaleKind; readonly at: number }[]
}

const type = (
  name: string,
  blockElements: number,
  blockBytes: number,
  kind?: ScaleKind,
  ...at: readonly number[]
): TensorType => ({
  name,
  blockElements,
  blockBytes,
  scales: kind === undefined ? [] : at.map((offset) => ({ kind, at: offset })),
})

export const TENSOR_TYPES: Readonly<Record<number, TensorType>> = {
  0: type('F32', 1, 4, 'f32', 0),
  1: type('F16', 1, 2, 'f16', 0),
  2: type('Q4_0', 32, 18, 'f16', 0),
  3: type('Q4_1', 32, 20, 'f16', 0, 2),
  6: type('Q5_0', 32, 22, 'f16', 0),
  7: type('Q5_1', 32, 24, 'f16', 0, 2),
  8: type('Q8_0', 32, 34, 'f16', 0),
  9: type('Q8_1', 32, 36, 'f16', 0, 2),
  10: type('Q2_K', 256, 84, 'f16', 80, 82),
  11: type('Q3_K', 256, 110, 'f16', 108),
  12: type('Q4_K', 256, 144, 'f16', 0, 2),
  13: type('Q5_K', 256, 176, 'f16', 0, 2),
  14: type('Q6_K', 256, 210, 'f16', 208),
  15: type('Q8_K', 256, 292, 'f32', 0),
  16: type('IQ2_XXS', 256, 66, 'f16', 0),
  17: type('IQ2_XS', 256, 74, 'f16', 0),
  18: type('IQ3_XXS', 256, 98, 'f16', 0),
  19: type('IQ1_S', 256, 50, 'f16', 0),
  20: type('IQ4_NL', 32, 18, 'f16', 0),
  21: type('IQ3_S', 256, 110, 'f16', 0),
  22: type('IQ2_S', 256, 82, 'f16', 0),
  23: type('IQ4_XS', 256, 136, 'f16', 0),
  24: type('I8', 1, 1),
  25: type('I16', 1, 2),
  26: type('I32', 1, 4),
  27: type('I64', 1, 8),
  28: type('F64', 1, 8, 'f64', 0),
  29: type('IQ1_M', 256, 56, 'packed', 48),
  30: type('BF16', 1, 2, 'bf16', 0),
  34: type('TQ1_0', 256, 54, 'f16', 52),
  35: type('TQ2_0', 256, 66, 'f16', 64),
  39: type('MXFP4', 32, 17, 'e8m0', 0),
  40: type('NVFP4', 64, 36, 'ue4m3', 0, 1, 2, 3),
  41: type('Q1_0', 128, 18, 'f16', 0),
}

const REMOVED = new Set([4, 5, 31, 32, 33, 36, 37, 38])

export const typeState = (number: number): string =>
  REMOVED.has(number) ? `type ${number}, which was removed from the format` : `type ${number}, which does not exist`

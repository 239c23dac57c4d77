/**
 * GGUF files made in code: a good one, and one for everything that can be wrong with it.
 *
 * @module
 */
import { TENSOR_TYPES } from '../src/gguf/parse/tensor-type.ts'
import { TYPE } from '../src/gguf/parse/value-type.ts'

type Given = number | bigint | boolean | string | readonly unknown[] | Uint8Array
/** Bytes, for what no other value says. */
export type Pair = readonly [key: string, type: number, value: Given, elementType?: number]

export interface TensorGiven {
  readonly name: string
  readonly dimensions: readonly (number | bigint)[]
  readonly type?: number
  /** Default: behind the one before. */
  readonly offset?: bigint
  /** Default: F32 weights that differ. */
  readonly data?: Uint8Array
}

export interface FileGiven {
  readonly magic?: string
  readonly version?: number
  readonly isBigEndian?: boolean
  readonly pairs?: readonly Pair[]
  readonly tensors?: readonly TensorGiven[]
  readonly keyCount?: bigint
  readonly tensorCount?: bigint
  readonly alignment?: number
  readonly padding?: number
  readonly tail?: Uint8Array
}

const utf8 = new TextEncoder()

export function writer(isBigEndian = false) {
  const parts: Uint8Array[] = []
  let length = 0
  const raw = (bytes: Uint8Array) => {
    parts.push(bytes)
    length += bytes.length
  }
  const view = (bytes: number, write: (view: DataView, little: boolean) => void) => {
    const into = new DataView(new ArrayBuffer(bytes))
    write(into, !isBigEndian)
    raw(new Uint8Array(into.buffer))
  }
  const u64 = (value: bigint | number) =>
    view(8, (to, little) => to.setBigUint64(0, BigInt.asUintN(64, BigInt(value)), little))
  const u32 = (value: number) => view(4, (to, little) => to.setUint32(0, value, little))
  const text = (value: string) => {
    const bytes = utf8.encode(value)
    u64(bytes.length)
    raw(bytes)
  }
  const scalar = (type: number, value: Given) => {
    if (value instanceof Uint8Array) return raw(value)
    if (type === TYPE.string) return text(String(value))
    if (type === TYPE.u64 || type === TYPE.i64) return u64(value as bigint)
    const sizes: Readonly<Record<number, number>> = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 12: 8 }
    view(sizes[type] ?? 4, (to, little) => {
      if (type === TYPE.f32) to.setFloat32(0, Number(value), little)
      else if (type === TYPE.f64) to.setFloat64(0, Number(value), little)
      else if (to.byteLength === 1) to.setUint8(0, Number(value))
      else if (to.byteLength === 2) to.setUint16(0, Number(value), little)
      else to.setUint32(0, Number(value) >>> 0, little)
    })
  }
  const pair = ([key, type, value, elementType = TYPE.string]: Pair) => {
    text(key)
    u32(type)
    if (type !== TYPE.array || value instanceof Uint8Array) return scalar(type, value)
    u32(elementType)
    u64((value as readonly unknown[]).length)
    for (const each of value as readonly Given[]) scalar(elementType, each)
  }
  return {
    raw,
    u32,
    u64,
    text,
    pair,
    get length() {
      return length
    },
    bytes: () => new Uint8Array(Buffer.concat(parts)),
  }
}

/** Weights that differ, and are all finite. */
export function weights(elements: number, isBigEndian = false): Uint8Array {
  const view = new DataView(new ArrayBuffer(elements * 4))
  for (let index = 0; index < elements; index++) view.setFloat32(index * 4, Math.sin(index + 1), !isBigEndian)
  return new Uint8Array(view.buffer)
}

export function ggufFile(given: FileGiven = {}): Uint8Array {
  const { isBigEndian = false, alignment = 32, pairs = GOOD_PAIRS, tensors = GOOD_TENSORS, padding = 0 } = given
  const out = writer(isBigEndian)
  out.raw(utf8.encode(given.magic ?? 'GGUF'))
  out.u32(given.version ?? 3)
  out.u64(given.tensorCount ?? BigInt(tensors.length))
  out.u64(given.keyCount ?? BigInt(pairs.length))
  for (const pair of pairs) out.pair(pair)
  let offset = 0
  const placed = tensors.map((tensor) => {
    const { dimensions, type = 0 } = tensor
    const elements = dimensions.reduce<number>((product, each) => product * Number(each), 1)
    const { blockBytes = 4, blockElements = 1 } = TENSOR_TYPES[type] ?? {}
    const length =
      Number.isSafeInteger(elements) && elements < 1e7 ? Math.floor(elements / blockElements) * blockBytes : 0
    const data = tensor.data ?? (type === 0 ? weights(length / 4, isBigEndian) : new Uint8Array(length))
    const start = offset
    offset = Math.ceil((start + data.length) / alignment) * alignment
    return { ...tensor, type, data, offset: tensor.offset ?? BigInt(start) }
  })
  for (const { name, dimensions, type, offset: at } of placed) {
    out.text(name)
    out.u32(dimensions.length)
    for (const each of dimensions) out.u64(each)
    out.u32(type)
    out.u64(at)
  }
  const pad = () => out.raw(new Uint8Array(Math.ceil(out.length / alignment) * alignment - out.length).fill(padding))
  if (tensors.length > 0) pad()
  for (const { data } of placed) {
    out.raw(data)
    pad()
  }
  if (given.tail !== undefined) out.raw(given.tail)
  return out.bytes()
}

const VOCABULARY = ['<unk>', '<s>', '</s>', '<0x0A>', '▁a', '▁b', 'ab', 'ba']

export const GOOD_PAIRS: readonly Pair[] = [
  ['general.architecture', TYPE.string, 'llama'],
  ['general.name', TYPE.string, 'a small one'],
  ['llama.block_count', TYPE.u32, 2],
  ['llama.context_length', TYPE.u32, 128],
  ['llama.embedding_length', TYPE.u32, 16],
  ['llama.attention.head_count', TYPE.u32, 4],
  ['llama.attention.head_count_kv', TYPE.u32, 2],
  ['tokenizer.ggml.model', TYPE.string, 'llama'],
  ['tokenizer.ggml.tokens', TYPE.array, VOCABULARY, TYPE.string],
  ['tokenizer.ggml.scores', TYPE.array, VOCABULARY.map((_, index) => -index), TYPE.f32],
  ['tokenizer.ggml.token_type', TYPE.array, [2, 3, 3, 6, 1, 1, 1, 1], TYPE.i32],
  ['tokenizer.ggml.bos_token_id', TYPE.u32, 1],
  ['tokenizer.ggml.eos_token_id', TYPE.u32, 2],
  ['tokenizer.ggml.add_bos_token', TYPE.bool, true],
  [
    'tokenizer.chat_template',
    TYPE.string,
    "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] }}{% endfor %}",
  ],
]

export const GOOD_TENSORS: readonly TensorGiven[] = [
  { name: 'token_embd.weight', dimensions: [16, 8] },
  { name: 'blk.0.attn_q.weight', dimensions: [16, 16] },
  { name: 'blk.1.attn_q.weight', dimensions: [16, 16] },
  { name: 'output_norm.weight', dimensions: [16] },
]

/** The good pairs, with some replaced or added. */
export const pairsWith = (...changed: readonly Pair[]): readonly Pair[] => [
  ...GOOD_PAIRS.filter(([key]) => !changed.some(([other]) => other === key)),
  ...changed,
]

export const withTemplate = (template: string): readonly Pair[] =>
  pairsWith(['tokenizer.chat_template', TYPE.string, template])

/** A header of so many tokens, as large models have it: scores, types and merges too. */
export function largeHeader(tokens: number): Uint8Array {
  const names = Array.from({ length: tokens }, (_, index) => (index % 9 === 0 ? `▁w${index}` : `tok${index}`))
  return ggufFile({
    pairs: pairsWith(
      ['tokenizer.ggml.tokens', TYPE.array, names, TYPE.string],
      ['tokenizer.ggml.scores', TYPE.array, names.map((_, index) => -index), TYPE.f32],
      ['tokenizer.ggml.token_type', TYPE.array, names.map(() => 1), TYPE.i32],
      ['tokenizer.ggml.merges', TYPE.array, names.map((name) => `${name} x`), TYPE.string],
    ),
    tensors: [],
  })
}

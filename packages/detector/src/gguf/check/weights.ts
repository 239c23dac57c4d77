/**
 * Samples of the weights: G27. A few blocks of each tensor are looked at, at places that the file cannot know; what is in the
 * others is not seen.
 *
 * @module
 */
import type { Sheet } from '../finding.ts'
import type { GgufHeader } from '../parse/header.ts'
import type { ScaleKind } from '../parse/tensor-type.ts'
import type { Meter } from '../source.ts'
import type { Layout, PlacedTensor } from './layout.ts'

/** Tensors up to this are read whole. */
const WHOLE_BYTES = 64 * 1024
const SAMPLE_BYTES = 4 * 1024
/** Smaller ones, and vectors, are constant for good reasons. */
const CONSTANT_ELEMENTS = 4_096
const OUTLIER = 1e20

/** @param random From 0 to below 1. */
export async function checkWeights(
  { isBigEndian }: GgufHeader,
  { placed }: Layout,
  meter: Meter,
  sheet: Sheet,
  random: () => number,
): Promise<void> {
  sheet.run('G27')
  if (placed.length === 0) return
  const { budget, source } = meter
  const reads = source.isFar ? budget.samples.far : budget.samples.near
  const each = Math.max(1, Math.min(8, Math.floor(reads / placed.length)))
  const step = Math.max(1, Math.ceil(placed.length / reads))
  for (let index = 0; index < placed.length; index += step) {
    const tensor = placed[index] as PlacedTensor
    const samples = await sample(tensor, each, meter, random)
    for (const { bytes, at } of samples) checkFinite(tensor, bytes, at, isBigEndian, sheet)
    checkConstant(tensor, samples, sheet)
  }
}

interface Sample {
  readonly bytes: Uint8Array
  /** Byte of the file. */
  readonly at: number
}

async function sample(
  { start, length, type }: PlacedTensor,
  count: number,
  meter: Meter,
  random: () => number,
): Promise<readonly Sample[]> {
  if (length <= WHOLE_BYTES) return length === 0 ? [] : [{ bytes: await meter.read(start, length), at: start }]
  const { blockBytes } = type
  const blocks = length / blockBytes
  const taken = Math.ceil(SAMPLE_BYTES / blockBytes)
  const samples: Sample[] = []
  for (let index = 0; index < count; index++) {
    // One in each of `count` equal parts.
    const place = Math.floor(((index + random()) / count) * (blocks - taken))
    const at = start + Math.max(0, place) * blockBytes
    samples.push({ bytes: await meter.read(at, taken * blockBytes), at })
  }
  return samples
}

function checkFinite(tensor: PlacedTensor, bytes: Uint8Array, at: number, isBigEndian: boolean, sheet: Sheet): void {
  const { type, name } = tensor
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  // Factors of rotary embeddings are infinite in effect where a dimension is not rotated.
  const mayBeLarge = name.startsWith('rope_')
  for (let block = 0; block + type.blockBytes <= bytes.length; block += type.blockBytes) {
    for (const { kind, at: offset } of type.scales) {
      const value = SCALES[kind](view, block + offset, !isBigEndian)
      if (Number.isFinite(value) && (mayBeLarge || Math.abs(value) < OUTLIER)) continue
      const what = type.blockElements === 1 ? 'weight' : 'scale of a block'
      const severity = Number.isFinite(value) ? 'medium' : 'high'
      sheet.found('G27', at + block + offset, `A ${what} is ${value}.`, { severity, subject: name })
      return
    }
  }
}

function checkConstant(tensor: PlacedTensor, samples: readonly Sample[], sheet: Sheet): void {
  const { type, name, start, elements, dimensions } = tensor
  const first = samples[0]?.bytes.subarray(0, type.blockBytes)
  if (first === undefined || elements < CONSTANT_ELEMENTS || dimensions.length < 2 || !name.endsWith('.weight')) return
  const isSame = samples.every(({ bytes }) => bytes.every((value, at) => value === first[at % type.blockBytes]))
  if (isSame) {
    sheet.found('G27', start, 'All weights that were looked at are the same.', { severity: 'medium', subject: name })
  }
}

type ReadScale = (view: DataView, at: number, little: boolean) => number

/** Only what tells finite from not finite is exact. */
const SCALES: Readonly<Record<ScaleKind, ReadScale>> = {
  f16: (view, at, little) => half(view.getUint16(at, little)),
  bf16: (view, at, little) => single(view.getUint16(at, little) * 2 ** 16),
  f32: (view, at, little) => view.getFloat32(at, little),
  f64: (view, at, little) => view.getFloat64(at, little),
  packed: (view, at, little) => {
    const word = (index: number) => view.getUint16(at + index * 2, little)
    return half((word(0) >> 12) | ((word(1) >> 8) & 0xf0) | ((word(2) >> 4) & 0xf00) | (word(3) & 0xf000))
  },
  e8m0: (view, at) => (view.getUint8(at) === 0xff ? Number.NaN : 1),
  ue4m3: (view, at) => ((view.getUint8(at) & 0x7f) === 0x7f ? Number.NaN : 1),
}

const half = (bits: number): number => {
  const exponent = (bits >> 10) & 0x1f
  if (exponent === 0x1f) return (bits & 0x3ff) === 0 ? Number.POSITIVE_INFINITY : Number.NaN
  return 1
}

const BITS = new DataView(new ArrayBuffer(4))
const single = (bits: number): number => {
  BITS.setUint32(0, bits)
  return BITS.getFloat32(0)
}

/**
 * Features of the bytes alone: histogram, local entropy.
 *
 * @module
 */

/** How often each byte occurs. */
export function histogramOf(bytes: Uint8Array): Uint32Array {
  const counts = new Uint32Array(256)
  for (const byte of bytes) counts[byte] = (counts[byte] as number) + 1
  return counts
}

/** Shannon entropy in bits a byte, 0 of nothing. */
export function entropyOf(counts: Uint32Array, total: number): number {
  let entropy = 0
  for (const count of counts) {
    if (count === 0) continue
    const share = count / total
    entropy -= (share * Math.log(share)) / Math.LN2
  }
  return entropy
}

/**
 * A sum of float32 numbers as NumPy makes it: eight sums side by side, blocks of at most 128, and their halves. Others
 * differ in the last bit.
 */
export function pairwiseSum(values: Float32Array): number {
  const { length } = values
  if (length < 8) {
    let sum = 0
    for (const value of values) sum = Math.fround(sum + value)
    return sum
  }
  if (length > 128) {
    const half = (length >> 1) - ((length >> 1) % 8)
    return Math.fround(pairwiseSum(values.subarray(0, half)) + pairwiseSum(values.subarray(half)))
  }
  const sums = values.slice(0, 8)
  const whole = length - (length % 8)
  for (let at = 8; at < whole; at++) sums[at % 8] = (sums[at % 8] as number) + (values[at] as number)
  const add = (a: number, b: number) => Math.fround((sums[a] as number) + (sums[b] as number))
  let sum = Math.fround(Math.fround(add(0, 1) + add(2, 3)) + Math.fround(add(4, 5) + add(6, 7)))
  for (let at = whole; at < length; at++) sum = Math.fround(sum + (values[at] as number))
  return sum
}

/** Shares of a whole, in float32 throughout. */
export function shares(counts: ArrayLike<number>): Float32Array {
  const values = Float32Array.from(counts)
  const sum = pairwiseSum(values)
  return values.map((value) => value / sum)
}

const WINDOW = 2_048
const STEP = 1_024

/** 16 rows of local entropy by 16 columns of the byte's upper half, of windows that overlap by half. */
export function byteEntropyOf(bytes: Uint8Array): Float32Array {
  const out = new Float64Array(256)
  const last = Math.max(0, bytes.length - WINDOW)
  const counts = new Uint32Array(16)
  for (let start = 0; start <= last; start += STEP) {
    counts.fill(0)
    const end = Math.min(start + WINDOW, bytes.length)
    for (let at = start; at < end; at++) {
      const high = (bytes[at] as number) >> 4
      counts[high] = (counts[high] as number) + 1
    }
    const row = 16 * entropyRow(counts)
    for (let high = 0; high < 16; high++) out[row + high] = (out[row + high] as number) + (counts[high] as number)
  }
  return shares(out)
}

/** Doubled, because a half byte has half the entropy; the full 8 bits fall into the last row. */
function entropyRow(counts: Uint32Array): number {
  const terms: number[] = []
  for (const count of counts) {
    if (count === 0) continue
    const share = count / WINDOW
    terms.push(Math.fround(-share * Math.fround(Math.log2(share))))
  }
  return Math.min(15, Math.trunc(pairwiseSum(Float32Array.from(terms)) * 2 * 2))
}

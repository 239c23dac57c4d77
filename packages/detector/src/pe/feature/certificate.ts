/**
 * Features of the signatures that a file carries. None is verified.
 *
 * @module
 */

import { slice, u16, u32 } from '../parse/bytes.ts'
import type { PeFile } from '../parse/file.ts'

const PKCS7 = 2

/**
 * 8 numbers, of which the first is the count of signatures. The feature set reads the other seven from inside of them, which is not done here:
 * they are NaN, missing, in a file that has a signature.
 */
export function certificateFeatures({ certificates }: PeFile, bytes: Uint8Array): readonly number[] {
  if (certificates === undefined) return new Array<number>(8).fill(0)
  let count = 0
  const end = certificates.offset + certificates.size
  for (let at = certificates.offset; at + 8 <= Math.min(end, bytes.length); ) {
    const row = slice(bytes, at, at + 8)
    const length = u32(row, 0)
    if (length <= 8) break
    if (u16(row, 6) === PKCS7) count += 1
    at += Math.ceil(length / 8) * 8
  }
  return [count, ...new Array<number>(7).fill(Number.NaN)]
}

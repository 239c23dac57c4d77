/**
 * The 2,568 numbers of EMBER's feature set, version 3 (EMBER2024), from the bytes of a file.
 *
 * Source: R. J. Joyce et al., EMBER2024 (KDD 2025), and its extractor `thrember` 0.1, which stands on `pefile`. What differs
 * is in `UNREAD_WARNINGS` and in README.md, "Windows programs".
 *
 * @module
 */
import type { PeFile } from '../parse/file.ts'
import { WARNINGS } from '../parse/warning.ts'
import { byteEntropyOf, entropyOf, shares } from './byte.ts'
import { certificateFeatures } from './certificate.ts'
import {
  directoryFeatures,
  exportFeatures,
  headerFeatures,
  importFeatures,
  richFeatures,
  sectionFeatures,
} from './structure.ts'
import { textFeatures } from './text.ts'

/** Names this extractor: a model says for which one it was made. */
export const EMBER_EXTRACTOR = { name: 'ember', version: '3' } as const

/** Groups in their order, and how many numbers each has. */
export const EMBER_GROUPS = [
  ['general', 7],
  ['histogram', 256],
  ['byteentropy', 256],
  ['strings', 177],
  ['header', 74],
  ['section', 224],
  ['imports', 1282],
  ['exports', 129],
  ['datadirectories', 34],
  ['richheader', 33],
  ['authenticode', 8],
  ['pefilewarnings', 88],
] as const

export const EMBER_FEATURE_COUNT = 2_568

/**
 * @param file `undefined` when the bytes are no PE file: only the groups of bytes are then filled.
 * @param histogram How often each byte occurs.
 * @param work Told how many bytes were looked at; may throw.
 */
export function emberFeatures(
  bytes: Uint8Array,
  histogram: Uint32Array,
  file: PeFile | undefined,
  work: (amount: number) => void,
): Float32Array {
  work(bytes.length * 4)
  const groups: readonly ArrayLike<number>[] = [
    [
      bytes.length,
      entropyOf(histogram, bytes.length),
      file === undefined ? 0 : 1,
      ...[0, 1, 2, 3].map((index) => bytes[index] ?? 0),
    ],
    shares(histogram),
    byteEntropyOf(bytes),
    textFeatures(bytes, work),
    ...(file === undefined
      ? []
      : [
          headerFeatures(file),
          sectionFeatures(file, bytes, work),
          importFeatures(file),
          exportFeatures(file),
          directoryFeatures(file),
          richFeatures(file),
          certificateFeatures(file, bytes),
          warningFeatures(file),
        ]),
  ]
  const out = new Float32Array(EMBER_FEATURE_COUNT)
  let at = 0
  for (const group of groups) {
    out.set(group, at)
    at += group.length
  }
  return out
}

function warningFeatures({ warnings }: PeFile): readonly number[] {
  return [...WARNINGS.map((name) => (warnings.has(name) ? 1 : 0)), warnings.size]
}

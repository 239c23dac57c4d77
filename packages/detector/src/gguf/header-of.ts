/**
 * The header alone, for whoever needs what a file says of itself.
 *
 * @module
 */
import { DetectorError } from '../errors.ts'
import { createSheet, Fault } from './finding.ts'
import { type GgufHeader, parseHeader } from './parse/header.ts'
import { type ByteSource, createMeter, DEFAULT_BUDGET, Spent } from './source.ts'

export type { GgufArray } from './parse/array.ts'
export type { Scalar } from './parse/cursor.ts'
export type { GgufEntry, GgufHeader } from './parse/header.ts'

/**
 * @param source Attacker-controlled. Its beginning is read and kept: some MiB, at most 128.
 * @throws {DetectorError} `DOCUMENT_MALFORMED`, with the broken rule; what `source` throws.
 */
export async function readGgufHeader(source: ByteSource): Promise<GgufHeader> {
  try {
    return await parseHeader(
      createMeter(source, DEFAULT_BUDGET, () => performance.now()),
      createSheet(),
    )
  } catch (error) {
    if (!(error instanceof Fault) && !(error instanceof Spent)) throw error
    const id = error instanceof Fault ? `${error.finding.id}: ` : ''
    const message = `Cannot read the header of ${source.name}: ${id}${error.message}`
    throw new DetectorError('DOCUMENT_MALFORMED', message, { cause: error })
  }
}

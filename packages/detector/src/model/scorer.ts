/**
 * What scores rows. Two adapters: `treeScorer`, pure TypeScript, and `onnxScorer` of `@mystranet/detector/onnx`.
 *
 * @module
 */

/** One number of each kind a row, float32. */
export interface Scores {
  /** What the trees say, before calibration. */
  readonly margin: Float32Array
  /** Calibrated, 0 to 1. */
  readonly probability: Float32Array
}

/** Contract: `scorer.contract.ts`. */
export interface Scorer {
  /** Features of a row. */
  readonly featureCount: number
  /**
   * Scores rows that lie one after the other. NaN is a missing value, infinities are values; equal rows get equal scores,
   * whatever stands beside them, and calls may overlap. The rows are read before it returns and not kept.
   *
   * @throws TypeError (rejects) when `rows` does not hold exactly `rowCount` rows; RangeError when `rowCount` is no count.
   */
  score(rows: Float32Array, rowCount: number): Promise<Scores>
  /** Frees what lies outside the garbage collector's reach. A scorer that was released may not be called. */
  release(): Promise<void>
}

/** What both adapters ask of their arguments. */
export function checkRows(featureCount: number, rows: Float32Array, rowCount: number): void {
  if (!Number.isSafeInteger(rowCount) || rowCount < 0)
    throw new RangeError(`Cannot score ${rowCount} rows: wanted a count`)
  if (rows.length !== rowCount * featureCount)
    throw new TypeError(`Cannot score ${rows.length} numbers: wanted ${rowCount} rows of ${featureCount}`)
}

import type { Code } from '@mystranet/schemas/codes'

/**
 * Why a model artifact does not serve. They travel in no packet, so the table of refusals does not list them.
 * - `MODEL_DIGEST_MISMATCH`: the ONNX file is not the one that the manifest names.
 * - `MODEL_GRAPH_UNSUPPORTED`: the ONNX file cannot be read, or holds what no scorer of ours computes.
 * - `MODEL_FEATURES_MISMATCH`: it expects other features, another order, or another version of the extractor.
 * - `MODEL_THRESHOLDS_INVALID`: a threshold lies outside its own bounds, or a class that is asked for has none.
 * - `MODEL_GOLDEN_MISMATCH`: it does not give what its publisher saw it give.
 * - `MODEL_SHADOW_DIVERGED`: on live rows it differs too much from the model that serves.
 */
type ArtifactCode =
  | 'MODEL_DIGEST_MISMATCH'
  | 'MODEL_GRAPH_UNSUPPORTED'
  | 'MODEL_FEATURES_MISMATCH'
  | 'MODEL_THRESHOLDS_INVALID'
  | 'MODEL_GOLDEN_MISMATCH'
  | 'MODEL_SHADOW_DIVERGED'

/** The codes that a detector may raise. */
export type DetectorCode =
  | ArtifactCode
  | Extract<
      Code,
      | 'DOCUMENT_MALFORMED'
      | 'NOT_FOUND'
      | 'MODEL_UNAVAILABLE'
      | 'STORE_FAILED'
      | 'CANCELLED'
      | 'SIGNATURE_INVALID'
      | 'KEY_UNKNOWN'
    >

/**
 * What keeps a detector from a verdict: its input cannot be had. What is wrong *in* an input is a finding, not an error; only
 * `readGgufHeader`, which gives a header or nothing, a reader of captures that is given none, and whoever loads a model of
 * ours, refuse. `cause` is kept and never sent.
 */
export class DetectorError extends Error {
  override readonly name = 'DetectorError'
  readonly code: DetectorCode

  constructor(code: DetectorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

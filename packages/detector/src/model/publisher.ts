/**
 * Who may publish which model: raw Ed25519 public keys in hex, by model id. `weave_training.sign` writes this table when it
 * signs an artifact.
 *
 * @module
 */

/** A manifest of a model that is not named here is refused, whoever signed it. */
export const PUBLISHERS: Readonly<Record<string, readonly string[]>> = {
  flood: ['39b480f43de2b7cf6f8e63cc3b86c0c7da14082b7a5e8a2b2438e051c9fc069f'],
  'flood-outlier': ['1c8d9bfa3e1e8f8454912b4339ab765a715c8cb17d3791a542301c8ad6a14c6d'],
  pe: ['8dae3bb6250c3abb475ff9264572dbac55aca5db50b3946cb281c537895079b7'],
  l7: ['a9729451d41dd8321554e1a9a14ccbcc010073c7e2c31b0d857b881c57e3e6aa'],
}

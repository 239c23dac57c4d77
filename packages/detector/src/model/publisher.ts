/**
 * Who may publish which model: raw Ed25519 public keys in hex, by model id. `weave_training.sign` writes this table when it
 * signs an artifact.
 *
 * @module
 */

/** A manifest of a model that is not named here is refused, whoever signed it. */
export const PUBLISHERS: Readonly<Record<string, readonly string[]>> = {
  flood: ['267ec3f76bd0d7efc3769fb11e129afb7441215f9c5e4e2590771a58878891cf'],
  'flood-outlier': ['e83f36e0e4ec4a8755e158e3e2b0a94c9a8bb6b0c5409b07a6c158c1dd1f0770'],
}

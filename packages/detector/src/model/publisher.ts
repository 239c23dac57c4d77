/**
 * Who may publish which model: raw Ed25519 public keys in hex, by model id. `weave_training.sign` writes this table when it
 * signs an artifact.
 *
 * @module
 */

/** A manifest of a model that is not named here is refused, whoever signed it. */
export const PUBLISHERS: Readonly<Record<string, readonly string[]>> = {
  flood: ['06dc4acb4015e09adf42da6b407bc3e982233671aab48b315db8b722740aa39f'],
  'flood-outlier': ['f8341cb6739430137e8786f863b82f4963235e2e38bb9ebde812fc40456c34ee'],
  pe: ['a8b2cd4ceee897883c51ce8ce7860a5c4126fabddbf1ebcecb1b4cad255e7b93'],
}

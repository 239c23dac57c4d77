/**
 * Who may publish which model: raw Ed25519 public keys in hex, by model id. `weave_training.sign` writes this table when it
 * signs an artifact.
 *
 * @module
 */

/** A manifest of a model that is not named here is refused, whoever signed it. */
export const PUBLISHERS: Readonly<Record<string, readonly string[]>> = {
  flood: ['394990a0a56dd0c18dc78a5a73b2ac29756ed0397e0325ade9660a15fc27d7ce'],
  'flood-outlier': ['e29e8a56ebd63bc6f1373134eee89c7fa7eb7c5e2ad01cda25c4ed9ccd0182ef'],
  pe: ['a8b2cd4ceee897883c51ce8ce7860a5c4126fabddbf1ebcecb1b4cad255e7b93'],
  l7: ['5a91c78dbf726e246c3867df4689b2399981fe8b4e35033776eb708363e59a4e'],
}

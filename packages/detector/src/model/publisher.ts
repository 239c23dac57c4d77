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
  pe: ['601c68b7ed95cb1a84cd6e42a4e94bff9b10dced1e2baaef999960ea254d2b26'],
  l7: ['a9729451d41dd8321554e1a9a14ccbcc010073c7e2c31b0d857b881c57e3e6aa'],
}

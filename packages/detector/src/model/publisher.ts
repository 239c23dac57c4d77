/**
 * Who may publish which model: raw Ed25519 public keys in hex, by model id. `weave_training.sign` writes this table when it
 * signs an artifact.
 *
 * @module
 */

/** A manifest of a model that is not named here is refused, whoever signed it. */
export const PUBLISHERS: Readonly<Record<string, readonly string[]>> = {
  flood: ['c832ddf35747556ff09ba192234de2fe0654ac58afa275b119dcac888ae10962'],
  'flood-outlier': ['a267ca7c4109c92f693a83fabf3d0f41b275665a92533718393c89ebed7e3bcf'],
  pe: ['a8b2cd4ceee897883c51ce8ce7860a5c4126fabddbf1ebcecb1b4cad255e7b93'],
}

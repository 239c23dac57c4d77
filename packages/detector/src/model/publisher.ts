/**
 * Who may publish which model: raw Ed25519 public keys in hex, by model id. `weave_training.sign` writes this table when it
 * signs an artifact.
 *
 * @module
 */

/** A manifest of a model that is not named here is refused, whoever signed it. */
export const PUBLISHERS: Readonly<Record<string, readonly string[]>> = {
  flood: ['6d73f202f4ad4ce85bf9d789edbb0417eb7294a4b891485a83886cfd7de9f7d8'],
  'flood-outlier': ['d96402e922b9f470322ccfcecf213b8e5738e68387f27cea548fc726b8de603b'],
  pe: ['8dae3bb6250c3abb475ff9264572dbac55aca5db50b3946cb281c537895079b7'],
  l7: ['a9729451d41dd8321554e1a9a14ccbcc010073c7e2c31b0d857b881c57e3e6aa'],
}

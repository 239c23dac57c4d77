/**
 * What the suite is fed with: the published vectors, the signatures on which implementations differ, and the vectors made
 * by others, where they are at hand.
 *
 * @module
 */
import type { Vectors } from './make-vectors.ts'

interface Wycheproof<Group> {
  readonly numberOfTests: number
  readonly testGroups: readonly Group[]
}
interface Verdict {
  readonly tcId: number
  readonly result: 'valid' | 'invalid' | 'acceptable'
}

/** `../shared/vectors`: they lie beside the repository and are no part of it. */
export interface SharedData {
  readonly ed25519: Wycheproof<{
    readonly publicKey: { readonly pk: string }
    readonly tests: readonly (Verdict & { readonly msg: string; readonly sig: string })[]
  }>
  readonly x25519: Wycheproof<{
    readonly tests: readonly (Verdict & {
      readonly public: string
      readonly private: string
      readonly shared: string
    })[]
  }>
  readonly chacha20Poly1305: Wycheproof<{
    readonly tests: readonly (Verdict & Record<'key' | 'iv' | 'aad' | 'msg' | 'ct' | 'tag', string>)[]
  }>
  readonly hkdfSha256: Wycheproof<{
    readonly tests: readonly (Verdict & Record<'ikm' | 'salt' | 'info' | 'okm', string> & { readonly size: number })[]
  }>
  readonly speccheck: readonly { readonly message: string; readonly pub_key: string; readonly signature: string }[]
  readonly rfc8032: readonly {
    readonly priv: string
    readonly pub: string
    readonly msg: string
    readonly sig: string
  }[]
  /** Integers are text: they can exceed 2^53. */
  readonly inclusion: readonly MerkleVector[]
  readonly consistency: readonly MerkleVector[]
}

export type MerkleVector = Readonly<Record<string, string | boolean | null | readonly string[]>>

/** key, message, signature in hex, and whether it is valid by the rule. */
export type TorsionRow = readonly [key: string, message: string, signature: string, valid: 0 | 1]

export interface Data {
  readonly vectors: Vectors
  readonly torsion: readonly TorsionRow[]
  readonly shared: SharedData | undefined
}

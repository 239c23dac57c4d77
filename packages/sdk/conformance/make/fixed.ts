/**
 * What stands in for chance and for the clock in the published vectors: bytes that a name gives, and one moment.
 *
 * @module
 */
import { createEd25519Key, hkdfExpand, sha256 } from '#primitives'
import { type Bytes, utf8 } from '../../src/bytes.ts'
import { networkId } from '../../src/envelope/hash.ts'
import { instanceId } from '../../src/keys/instance-id.ts'
import type { Signer } from '../../src/keys/signer.ts'

export const NOW_MS = 1_780_000_000_000
export const ORIGIN = 'log.vectors.test'

const LABEL = utf8('mystranet/v1/test-vector\0')

/** `Expand(H(label ‖ name), "", length)`: the "random" bytes of that name. */
export const fixed = (name: string, length = 32): Bytes =>
  hkdfExpand(sha256(LABEL, utf8(name)), new Uint8Array(0), length)

/** The Ed25519 key whose seed is `fixed(name)`. */
export const keyOf = async (name: string): Promise<Signer> => createEd25519Key(fixed(name))

/** The log whose key names the network of all vectors but the saved answers'. */
export const LOG_KEY = await keyOf('log')
export const NETWORK = networkId(ORIGIN, LOG_KEY.publicKey)

/** An instance with a root key and a packet key. */
export async function anInstance(name: string) {
  const root = await keyOf(`${name}/root`)
  return { name, root, instance: instanceId(root.publicKey), signer: await keyOf(`${name}/packet`) }
}
export type Instance = Awaited<ReturnType<typeof anInstance>>

/** A row as the protocol wants it: an error in the code must not become the expectation. */
export function held<Row extends { readonly name: string; readonly result: string }>(row: Row, want: string): Row {
  if (row.result !== want) throw new Error(`Cannot publish "${row.name}": ${row.result}, wanted ${want}`)
  return row
}

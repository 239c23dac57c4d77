/** Keys and events of one instance, and chains from their fixed places, for the tests of key chains. */

import type { SignedKeyEvent } from '@mystranet/schemas/messages'
import { createEd25519Key } from '#primitives'
import { extendChain, type VerifiedChain } from '../src/keys/chain.ts'
import { keyEventDigest, signDelegation, signPacketKey, signPrekey, signRevocation } from '../src/keys/event.ts'
import { instanceId } from '../src/keys/instance-id.ts'
import type { Signer } from '../src/keys/signer.ts'

export const NETWORK = new Uint8Array(32).fill(1)
export const NOT_AFTER = 1_000_000

export const keyOf = async (seed: number): Promise<Signer> => createEd25519Key(new Uint8Array(32).fill(seed))
export const root = await keyOf(10)
export const operational = await keyOf(20)
export const successor = await keyOf(21)
export const packetKey = await keyOf(30)
export const stranger = await keyOf(99)
export const instance = instanceId(root.publicKey)

const at = { network: NETWORK, createdMs: 1_000 }
export const digestOf = ({ body }: SignedKeyEvent): Uint8Array => keyEventDigest(body)

type Over<F extends (draft: never) => unknown> = Partial<Parameters<F>[0]>

export const delegate = (over: Over<typeof signDelegation> = {}): Promise<SignedKeyEvent> =>
  signDelegation({ ...at, root, operational, notAfterMs: NOT_AFTER, ...over })
export const revoke = (over: Over<typeof signRevocation>): Promise<SignedKeyEvent> =>
  signRevocation({ ...at, instance, by: root, key: packetKey.publicKey, ...over })
export const packet = (delegation: SignedKeyEvent, over: Over<typeof signPacketKey> = {}): Promise<SignedKeyEvent> =>
  signPacketKey({
    ...at,
    instance,
    operational,
    packetKey,
    delegation: digestOf(delegation),
    notAfterMs: NOT_AFTER,
    ...over,
  })
export const prekey = (delegation: SignedKeyEvent, over: Over<typeof signPrekey> = {}): Promise<SignedKeyEvent> =>
  signPrekey({
    ...at,
    instance,
    operational,
    delegation: digestOf(delegation),
    suite: 1,
    kemKey: new Uint8Array(32).fill(5),
    deleteAfterMs: NOT_AFTER,
    ...over,
  })

/** A chain whose events stand at the indices 10, 20, 30 … */
export async function chainOf(...events: readonly SignedKeyEvent[]): Promise<VerifiedChain> {
  let chain: VerifiedChain | undefined
  for (const [i, event] of events.entries()) {
    chain = await extendChain(chain, event, { index: BigInt(i + 1) * 10n, instance, network: NETWORK })
  }
  return chain as VerifiedChain
}

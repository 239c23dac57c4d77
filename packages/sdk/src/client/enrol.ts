/**
 * How an identity becomes known to a router, and stays able to sign (docs/protocol.md §9).
 *
 * @module
 */
import { isPacketError, PacketError } from '../errors.ts'
import { verifyChain } from '../keys/chain.ts'
import { delegationInForce, enrolmentEvents, needsPacketKey, packetKeyEvent } from '../keys/enrolment.ts'
import type { Identity } from '../keys/identity.ts'
import type { TrustFile } from '../proof/trust-file.ts'
import type { Router } from '../transport/router.ts'

export interface EnrolOptions {
  /** A claim, never identity. */
  readonly name?: string
  readonly invite?: string
}

/**
 * Logs what the router does not know of an identity: all of it, or its packet key. Does nothing when it knows both.
 *
 * @throws {PacketError} `NOT_PERMITTED` without an invite where one is wanted; `KEY_EXPIRED` when another operational key
 *   is the delegated one.
 */
export async function enrolIdentity(
  router: Router,
  { identity, trust, nowMs }: { readonly identity: Identity; readonly trust: TrustFile; readonly nowMs: number },
  { name, invite }: EnrolOptions,
): Promise<void> {
  const place = { network: trust.network, nowMs }
  const known = await router.keys(identity.instance).catch((error: unknown) => {
    if (isPacketError(error) && (error.code === 'NOT_FOUND' || error.code === 'KEY_UNKNOWN')) return undefined
    throw error
  })
  if (known === undefined) {
    await router.enrol(await enrolmentEvents(identity, { ...place, name }), invite)
    return
  }
  const chain = await verifyChain(known, identity.instance, trust)
  if (!needsPacketKey(chain, identity, nowMs)) return
  const delegation = delegationInForce(chain, identity)
  if (delegation === undefined) {
    throw new PacketError('KEY_EXPIRED', 'Cannot renew the packet key: the operational key is not the delegated one')
  }
  await router.enrol([await packetKeyEvent(identity, delegation, place)])
}

/**
 * The events that make an instance known and keep it able to sign (docs/protocol.md §9).
 *
 * @module
 */
import { PACKET_KEY_MS } from '@mystranet/schemas/limits'
import type { SignedKeyEvent } from '@mystranet/schemas/messages'
import { equalBytes } from '../bytes.ts'
import { PacketError } from '../errors.ts'
import type { ChainEvent, VerifiedChain } from './chain.ts'
import { KEY_EVENT_TYPES, keyEventDigest, signDelegation, signPacketKey } from './event.ts'
import type { Identity } from './identity.ts'

const DAY_MS = 86_400_000

export interface Enrolment {
  readonly network: Uint8Array
  readonly nowMs: number
  /** A claim, never identity. */
  readonly name?: string | undefined
  /** Days that the delegation lasts. Default 365. */
  readonly delegationDays?: number | undefined
  /** `nextKeyHash` of the operational key that must come next. */
  readonly nextKeyHash?: Uint8Array | undefined
}

/**
 * What a new instance sends: a delegation and a packet key.
 *
 * @throws {PacketError} `IDENTITY_FILE_INVALID` when root or operational key is not at hand.
 */
export async function enrolmentEvents(identity: Identity, enrolment: Enrolment): Promise<SignedKeyEvent[]> {
  const { root, operational } = identity
  if (root === undefined || operational === undefined) throw missing('root and operational key')
  const { network, nowMs, name, delegationDays = 365, nextKeyHash } = enrolment
  const notAfterMs = nowMs + delegationDays * DAY_MS
  const place = { network, createdMs: nowMs, notAfterMs, name, nextKeyHash }
  const delegation = await signDelegation({ root, operational, ...place })
  return [delegation, await packetKeyEvent(identity, keyEventDigest(delegation.body), enrolment)]
}

/** Makes the identity's packet key known under a delegation, for a day. */
export async function packetKeyEvent(
  { instance, operational, packet }: Identity,
  delegation: Uint8Array,
  { network, nowMs }: Pick<Enrolment, 'network' | 'nowMs'>,
): Promise<SignedKeyEvent> {
  if (operational === undefined) throw missing('operational key')
  const notAfterMs = nowMs + PACKET_KEY_MS
  return signPacketKey({ instance, operational, packetKey: packet, delegation, network, createdMs: nowMs, notAfterMs })
}

/** Milliseconds from which on a packet key should be replaced: the last hour of its day. */
const RENEW_MS = 3_600_000

/** The delegation in force, if the identity's operational key is its own. */
export function delegationInForce(chain: VerifiedChain, { operational }: Identity): Uint8Array | undefined {
  const last = lastDelegation(chain)
  const isOurs = operational !== undefined && equalBytes(last.event.key as Uint8Array, operational.publicKey)
  return isOurs ? last.digest : undefined
}

/** The delegation in force, whoever's operational key it names. */
export const lastDelegation = ({ events }: VerifiedChain): ChainEvent =>
  // A chain begins with one that counts.
  events.findLast(({ event, ...each }) => event.type === KEY_EVENT_TYPES.DELEGATION && !each.void) as ChainEvent

/** Whether the identity's packet key needs an event of its own before it signs again. */
export function needsPacketKey(chain: VerifiedChain, { packet }: Identity, nowMs: number): boolean {
  const { digest } = lastDelegation(chain)
  return !chain.events.some(
    ({ event, ...each }) =>
      event.type === KEY_EVENT_TYPES.PACKET_KEY &&
      !each.void &&
      // What hung from an earlier delegation ended with it.
      equalBytes(event.delegation as Uint8Array, digest) &&
      equalBytes(event.key as Uint8Array, packet.publicKey) &&
      (event.notAfterMs as number) > nowMs + RENEW_MS,
  )
}

const missing = (what: string) =>
  new PacketError('IDENTITY_FILE_INVALID', `Cannot make key events: the identity has no ${what}`)

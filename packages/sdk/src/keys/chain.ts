/**
 * Key chains: which key of an instance was good when (docs/protocol.md §9).
 *
 * A chain is the instance's events in log order. Those that the root key signed each name the one before by its digest;
 * of several with an equal `prev` the first in log order counts, the others and all that follows from them are void: they
 * stand in the log, and change nothing. What an operational key signed hangs from its delegation. Whether a key is live
 * is a matter of places in the log, never of a clock at the verifier.
 *
 * @module
 */
import { MAX_CHAIN_EVENTS } from '@mystranet/schemas/limits'
import type { KeyChain, LoggedKeyEvent } from '@mystranet/schemas/messages'
import { equalBytes } from '../bytes.ts'
import { kemKeyId } from '../envelope/hash.ts'
import { type Code, PacketError } from '../errors.ts'
import type { CheckpointTrust } from '../proof/checkpoint.ts'
import { controlPartition } from '../proof/leaf.ts'
import { type CheckpointVerifier, checkLeaf, END_OF_LOG, rememberCheckpoints, verifyReceipt } from '../proof/receipt.ts'
import { settled } from '../proof/settled.ts'
import {
  isHead,
  isRootSigned,
  KEY_EVENT_TYPES,
  type KeyEvent,
  keyEventDigest,
  nextKeyHash,
  parseKeyEvent,
  type SignedKeyEvent,
  verifyKeyEvent,
} from './event.ts'
import { instanceId } from './instance-id.ts'

const { DELEGATION, REVOCATION, PACKET_KEY, PREKEY } = KEY_EVENT_TYPES

/** One event at its place. */
export interface ChainEvent {
  readonly event: KeyEvent
  readonly signed: SignedKeyEvent
  /** Digest of the event, by which others name it. */
  readonly digest: Uint8Array
  /** Position of its leaf: its index, see `positionOf` where there are several logs. */
  readonly index: bigint
  /** It changes nothing: another event with its `prev` came first, or it follows from such a one. */
  readonly void: boolean
  /** Of what the root key signed: what the next delegation's key must hash to. */
  readonly nextKeyHash: Uint8Array | undefined
}

/** An instance's events, each held to every rule. Only {@link verifyChain} and {@link extendChain} make one. */
export interface VerifiedChain {
  readonly instance: Uint8Array
  /** In log order, void ones too. */
  readonly events: readonly ChainEvent[]
  /** Digest of the last delegation or revocation. */
  readonly head: Uint8Array
  /** Digest of the last event of the root key that counts: `prev` of its next one. */
  readonly rootHead: Uint8Array
  readonly __brand: 'VerifiedChain'
}

/** The network whose id every event carries, and the log that its receipts are from. */
export interface ChainTrust extends CheckpointTrust {
  readonly network: Uint8Array
}

/**
 * Verifies a chain as it was received, from the root key to the last receipt. Costs one or two signatures an event, and
 * those of each checkpoint once.
 *
 * @param chain As received, at most 256 events.
 * @param instance Whose chain it is meant to be.
 * @param checkpoints Shares checkpoints with the rest of a piece of work.
 * @throws {PacketError} `KEY_EVENT_INVALID`, `SIGNATURE_INVALID`, `NETWORK_MISMATCH`, `LEAF_MISMATCH`, `PROOF_INVALID`,
 *   `NOTE_MALFORMED` or `CHECKPOINT_UNTRUSTED`.
 */
export async function verifyChain(
  { events }: KeyChain,
  instance: Uint8Array,
  trust: ChainTrust,
  checkpoints?: CheckpointVerifier,
): Promise<VerifiedChain> {
  if (events.length > MAX_CHAIN_EVENTS) throw invalid(`${events.length} events, wanted at most ${MAX_CHAIN_EVENTS}`)
  const verified = checkpoints ?? rememberCheckpoints(trust)
  const receipts = await settled(events.map(({ receipt }) => verifyReceipt(receipt, trust, verified)))
  let chain: VerifiedChain | undefined
  const signatures: Promise<void>[] = []
  try {
    for (const [i, { leaf, position }] of receipts.entries()) {
      const { event } = events[i]!
      const subject = keyEventDigest(event.body)
      checkLeaf(leaf, { kind: 'key-event', subject, partition: controlPartition('key-event') })
      const added = placeEvent(chain, event, { index: position, instance, network: trust.network })
      signatures.push(added.signature())
      chain = added.chain
    }
  } finally {
    // An event that is not signed comes before what is wrong with those after it.
    await settled(signatures)
  }
  if (chain === undefined) throw invalid('it has no events')
  return chain
}

/** Where an event is put. */
export interface ChainPlace {
  /** Position of its leaf, which the caller vouches for: above that of the event before. */
  readonly index: bigint
  readonly instance: Uint8Array
  readonly network: Uint8Array
}

/**
 * Adds the next event in log order; for a directory that keeps chains and reads the log itself. What is in the chain is
 * not verified again. To ask whether an event would be taken, extend and drop the result.
 *
 * @param chain Undefined before the first event. It is not changed.
 * @returns The chain with the event, which may be void: see {@link ChainEvent.void} of the last one.
 * @throws {PacketError} `KEY_EVENT_INVALID`, `SIGNATURE_INVALID` or `NETWORK_MISMATCH`.
 */
export async function extendChain(
  chain: VerifiedChain | undefined,
  signed: SignedKeyEvent,
  place: ChainPlace,
): Promise<VerifiedChain> {
  const added = placeEvent(chain, signed, place)
  await added.signature()
  return added.chain
}

/** A chain with an event more, which counts once its signature is verified. */
interface Placed {
  readonly chain: VerifiedChain
  readonly signature: () => Promise<void>
}

function placeEvent(
  chain: VerifiedChain | undefined,
  signed: SignedKeyEvent,
  { index, instance, network }: ChainPlace,
): Placed {
  const event = parseKeyEvent(signed)
  if (!equalBytes(event.network, network)) {
    throw new PacketError('NETWORK_MISMATCH', 'Cannot take a key event: it is of another network')
  }
  if (!equalBytes(event.instance, instance)) throw invalid('an event of another instance')
  const events = chain?.events ?? []
  const last = events.at(-1)
  if (last !== undefined && index <= last.index) throw invalid(`index ${index} after ${last.index}, wanted log order`)
  const digest = keyEventDigest(signed.body)
  if (chain === undefined && (event.type !== DELEGATION || event.prev !== undefined)) {
    throw invalid('its first event is not a delegation without prev')
  }
  const { signer, ...standing } = isRootSigned(event) ? standChained(chain, event) : standHanging(chain!, event)
  const added = { event, signed, digest, index, ...standing }
  const head = isHead(event) ? digest : chain!.head
  const rootHead = isRootSigned(event) && !added.void ? digest : chain!.rootHead
  return {
    chain: { instance: instance.slice(), events: [...events, added], head, rootHead } as unknown as VerifiedChain,
    signature: () => verifyKeyEvent(signed, event, signer),
  }
}

/** What an event's place says of it, and who must have signed it. */
interface Standing extends Pick<ChainEvent, 'void' | 'nextKeyHash'> {
  readonly signer: Uint8Array
}

function standChained(chain: VerifiedChain | undefined, event: KeyEvent): Standing {
  const signer = event.rootKey ?? (chain?.events[0]?.event.rootKey as Uint8Array)
  if (!equalBytes(instanceId(signer), event.instance)) throw invalid('its root key is not the one of its instance')
  const before =
    event.prev && chain?.events.find((each) => isRootSigned(each.event) && equalBytes(each.digest, event.prev!))
  if (event.prev !== undefined && before === undefined) throw invalid('its prev names no event of the root key')
  // The announcement of the delegation before holds also for an event that lost the race and is void.
  if (event.type === DELEGATION && before?.nextKeyHash && !equalBytes(nextKeyHash(event.key!), before.nextKeyHash)) {
    throw invalid('its operational key is not the one that the delegation before announced')
  }
  const isVoid = before === undefined ? chain !== undefined : !equalBytes(before.digest, chain!.rootHead)
  return { signer, void: isVoid, nextKeyHash: event.type === DELEGATION ? event.nextKeyHash : before?.nextKeyHash }
}

function standHanging(chain: VerifiedChain, event: KeyEvent): Standing {
  const delegation = delegationOf(chain, event)
  if (delegation === undefined) throw invalid('it hangs from no delegation of the chain')
  return { signer: delegation.event.key!, void: delegation.void, nextKeyHash: undefined }
}

const delegationOf = ({ events }: VerifiedChain, event: KeyEvent): ChainEvent | undefined =>
  events.find((each) => each.event.type === DELEGATION && equalBytes(each.digest, event.delegation!))

/** Where a packet stands. */
export interface PacketPlace {
  /** Position of the packet's leaf; before it has one, `END_OF_LOG`. */
  readonly leafIndex: bigint
  /** Quorum time of the first checkpoint over the leaf; before there is one, now. */
  readonly quorumTimeMs: number
}

/**
 * The event that makes a packet key live for a packet.
 *
 * @throws {PacketError} `KEY_UNKNOWN`, `KEY_REVOKED` or `KEY_EXPIRED`; of several events of one key, what ails the newest.
 */
export function liveKey(chain: VerifiedChain, key: Uint8Array, { leafIndex, quorumTimeMs }: PacketPlace): ChainEvent {
  let code: Code = 'KEY_UNKNOWN'
  for (const each of chain.events.toReversed()) {
    if (each.index >= leafIndex || each.void) continue
    if (each.event.type !== PACKET_KEY || !equalBytes(each.event.key!, key)) continue
    const delegation = delegationOf(chain, each.event)!
    let ails: Code | undefined
    if (isEnded(chain, key, delegation, leafIndex) || isDelegationEnded(chain, delegation, leafIndex))
      ails = 'KEY_REVOKED'
    else if (quorumTimeMs > each.event.notAfterMs! || quorumTimeMs > delegation.event.notAfterMs!) ails = 'KEY_EXPIRED'
    if (ails === undefined) return each
    if (code === 'KEY_UNKNOWN') code = ails
  }
  throw new PacketError(code, `Cannot trust the key: ${AILMENTS[code]} at leaf ${leafIndex}`)
}

const AILMENTS: Partial<Record<Code, string>> = {
  KEY_UNKNOWN: 'it is no packet key of its instance',
  KEY_REVOKED: 'it, or its delegation, had ended',
  KEY_EXPIRED: 'it, or its delegation, had expired',
}

/**
 * Whether a revocation below a position ends a key of a delegation. The root key ends any key, for good, also when it is
 * delegated to again; an operational key only what is of its own delegation.
 */
function isEnded({ events }: VerifiedChain, key: Uint8Array, { digest }: ChainEvent, leafIndex: bigint): boolean {
  return events.some(({ event, index, ...each }) => {
    if (event.type !== REVOCATION || each.void || index >= leafIndex || !equalBytes(event.key!, key)) return false
    return event.delegation === undefined || equalBytes(event.delegation, digest)
  })
}

function isDelegationEnded(chain: VerifiedChain, delegation: ChainEvent, leafIndex: bigint): boolean {
  const isNext = ({ event, index, ...each }: ChainEvent) =>
    event.type === DELEGATION && !each.void && index > delegation.index && index < leafIndex
  return chain.events.some(isNext) || isEnded(chain, delegation.event.key!, delegation, leafIndex)
}

/** A prekey that may be sealed to. */
export interface LivePrekey {
  readonly suite: number
  readonly kemKey: Uint8Array
  readonly kemKeyId: Uint8Array
  readonly deleteAfterMs: number
}

/** A prekey that is older than this is not sealed to (§11). */
const MAX_PREKEY_AGE_MS = 48 * 3_600_000

/**
 * The prekeys of the delegation in force that a packet may be sealed to, newest first.
 *
 * @param expiresMs When the packet expires: a prekey is deleted no sooner.
 * @param nowMs Prekeys older than 48 h, and those of a delegation that has expired, are left out. Without it only
 *   `expiresMs` counts.
 */
export function livePrekeys(chain: VerifiedChain, expiresMs: number, nowMs?: number): LivePrekey[] {
  const live: LivePrekey[] = []
  for (const { event, ...each } of chain.events.toReversed()) {
    if (event.type !== PREKEY || each.void || event.deleteAfterMs! < expiresMs) continue
    if (nowMs !== undefined && event.createdMs < nowMs - MAX_PREKEY_AGE_MS) continue
    const delegation = delegationOf(chain, event)!
    const id = kemKeyId(event.suite!, event.kemKey!)
    if (isEnded(chain, id, delegation, END_OF_LOG) || isDelegationEnded(chain, delegation, END_OF_LOG)) continue
    if (delegation.event.notAfterMs! < (nowMs ?? expiresMs)) continue
    live.push({ suite: event.suite!, kemKey: event.kemKey!, kemKeyId: id, deleteAfterMs: event.deleteAfterMs! })
  }
  return live
}

/** Digest of the last delegation or revocation below a position; undefined when there is none. */
export function headAt({ events }: VerifiedChain, leafIndex: bigint): Uint8Array | undefined {
  return events.findLast(({ event, index }) => isHead(event) && index < leafIndex)?.digest
}

/**
 * What of a chain to show beside a packet: every delegation and revocation, and of the packet keys and prekeys those that
 * are wanted. The chain stays valid, and stays short for an instance that changes its keys every day.
 *
 * @param logged The instance's events in log order, with their receipts.
 * @param isWanted Asked for packet keys and prekeys.
 */
export function excerptChain(logged: readonly LoggedKeyEvent[], isWanted: (event: KeyEvent) => boolean): KeyChain {
  return {
    events: logged.filter((each) => {
      const event = parseKeyEvent(each.event)
      return isHead(event) || isWanted(event)
    }),
  }
}

const invalid = (why: string) => new PacketError('KEY_EVENT_INVALID', `Cannot take the key chain: ${why}`)

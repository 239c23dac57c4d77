/**
 * Stage 1, receive: takes a delivered packet apart and believes nothing that it cannot prove by the agent's own trust file
 * (docs/protocol.md §12). Nothing here touches state.
 *
 * @module
 */
import type { Code } from '@mystranet/schemas/codes'
import { type Addendum, Delivery, type HeaderCore, KeyChain } from '@mystranet/schemas/messages'
import { type Bytes, equalBytes, toHex } from '@mystranet/sdk/bytes'
import { checkHashes, type ParsedPacket, parsePacket, read, verifyOrigin } from '@mystranet/sdk/envelope'
import { isPacketError, PacketError } from '@mystranet/sdk/errors'
import { headAt, liveKey, type VerifiedChain, verifyChain } from '@mystranet/sdk/keys/chain'
import type { CheckpointTrust } from '@mystranet/sdk/proof/checkpoint'
import { packetPartition } from '@mystranet/sdk/proof/leaf'
import { sha256 } from '@mystranet/sdk/proof/merkle'
import {
  type CheckpointVerifier,
  checkLeaf,
  openReceipt,
  parseReceipt,
  rememberCheckpoints,
  type VerifiedReceipt,
  verifyReceipt,
} from '@mystranet/sdk/proof/receipt'
import type { Clock, History } from './ports.ts'

/** Under what the agent believes a router. */
export interface Trust extends CheckpointTrust {
  readonly network: Uint8Array
}

export interface Receiver {
  readonly instance: Uint8Array
  readonly trust: Trust
  readonly clock: Clock
  /** Chains of senders that were here before. Absent: each packet pays for its own. */
  readonly chains?: SenderChains | undefined
  /** What is known of the log. Absent: nothing is compared. */
  readonly history?: History | undefined
}

/** Verifies a sender's chain. Its exact bytes once verified, they are not verified again. */
export type SenderChains = (
  sender: Uint8Array,
  senderKeys: Uint8Array,
  checkpoints: CheckpointVerifier,
) => Promise<VerifiedChain>

const MAX_CHAINS = 256
/** Longer ones are verified each time: memory is not for a stranger to fill. */
const MAX_KEPT_CHAIN_BYTES = 64 * 1024

/** Keeps the newest 256 chains that held. A chain depends on its bytes and the trust file only, on no clock. */
export function rememberChains(trust: Trust): SenderChains {
  const known = new Map<string, VerifiedChain>()
  return async (sender, senderKeys, checkpoints) => {
    const name = `${toHex(sender)}${toHex(sha256(senderKeys))}`
    const before = known.get(name)
    if (before !== undefined) return before
    const chain = await verifyChain(read(KeyChain, senderKeys), sender, trust, checkpoints)
    if (senderKeys.length > MAX_KEPT_CHAIN_BYTES) return chain
    known.set(name, chain)
    const [oldest] = known.keys()
    if (known.size > MAX_CHAINS && oldest !== undefined) known.delete(oldest)
    return chain
  }
}

/** A request that may be a candidate for running: well formed, of this network, sealed to this agent. Not authentic. */
export interface Candidate {
  readonly packet: ParsedPacket
  /** The attempt that its delivery claims to prove; 1 when it claims none. */
  readonly attempt: number
}

/** A request whose sender, contents and attempt are proven. Only {@link prove} makes one. */
export interface ProvenRequest extends Candidate {
  readonly partition: Bytes
  /** Past it the attempt may be somebody else's. */
  readonly acceptByMs: number
  readonly __brand: 'ProvenRequest'
}

/**
 * The gates before any cryptography.
 *
 * @param received Attacker-controlled.
 * @throws {PacketError} the codes of `parsePacket`: who sent it cannot be told, and nothing can be answered.
 */
export function readCandidate(received: Uint8Array): Candidate {
  const packet = parsePacket(received)
  return { packet, attempt: claimedAttempt(packet) }
}

/**
 * What can be refused at once, and with an answer.
 *
 * @throws {PacketError} `FIELD_INVALID` for anything but a request, `NETWORK_MISMATCH`, `NOT_A_RECIPIENT`.
 */
export function checkAddress({ packet }: Candidate, { instance, trust }: Receiver): void {
  const { core, kind } = packet
  if (kind !== 'REQUEST') throw refuse('FIELD_INVALID', `it is a ${kind}, wanted a REQUEST`)
  if (!equalBytes(core.network, trust.network)) throw refuse('NETWORK_MISMATCH', 'it is of another network')
  if (!core.recipients.some((each) => equalBytes(each, instance))) {
    throw refuse('NOT_A_RECIPIENT', 'it is sealed to others')
  }
}

/** @throws {PacketError} `PACKET_EXPIRED`. Governs starting only. */
export function checkExpiry({ packet }: Candidate, { clock }: Receiver): void {
  const { expiresMs } = packet.core
  if (clock.now() >= expiresMs) throw refuse('PACKET_EXPIRED', `it expired at ${expiresMs} ms`)
}

/** @throws {PacketError} `ATTEMPT_LATE`. Asked before the attempt is recorded and again once that is durable. */
export function checkAcceptBy({ acceptByMs }: Pick<ProvenRequest, 'acceptByMs'>, { clock }: Receiver): void {
  if (clock.now() > acceptByMs) throw refuse('ATTEMPT_LATE', `it was to be recorded by ${acceptByMs} ms`)
}

/**
 * Proves a candidate, in the order of §12: request and attempt leaf, the sender's keys, signature, hashes. Costs about ten
 * Ed25519 verifications, most of them for the sender's key chain and the witnesses of its receipts; three when that chain
 * is remembered.
 *
 * @throws {PacketError} `ATTEMPT_UNPROVEN`, `LEAF_MISMATCH`, `ATTEMPT_LATE`, `KEY_UNKNOWN`, `KEY_REVOKED`, `KEY_EXPIRED`,
 *   `SIGNATURE_INVALID`, `RECIPIENTS_MISMATCH`, `CIPHERTEXT_MISMATCH`; `CHECKPOINT_ROLLED_BACK` when the log forked.
 */
export async function prove(candidate: Candidate, receiver: Receiver): Promise<ProvenRequest> {
  const { packet, attempt } = candidate
  const { core } = packet
  const checkpoints = receiver.history?.checkpoints ?? rememberCheckpoints(receiver.trust)
  const { chains = rememberChains(receiver.trust) } = receiver
  const delivery = readDelivery(packet)
  const partition = packetPartition(core.sender, core.correlationId)
  const proven = (receipt: Uint8Array | undefined) =>
    within('ATTEMPT_UNPROVEN', ['LEAF_MISMATCH'], () => {
      if (receipt === undefined) throw refuse('ATTEMPT_UNPROVEN', 'a receipt is absent')
      return verifyReceipt(receipt, receiver.trust, checkpoints)
    })

  const request = await proven(delivery.requestReceipt)
  const requested = { kind: 'request', subject: packet.id, partition, commitment: core.contentCommitment } as const
  checkLeaf(request.leaf, requested)
  checkSender(request.addendum, core)
  const tried = await proven(delivery.attemptReceipt)
  checkLeaf(tried.leaf, { kind: 'attempt', subject: packet.id, partition, attempt, commitment: core.tableDigest })
  const acceptByMs = checkDecision(tried, request, receiver)
  checkAcceptBy({ acceptByMs }, receiver)

  const chain = await within('KEY_UNKNOWN', ['NETWORK_MISMATCH'], () =>
    chains(core.sender, delivery.senderKeys, checkpoints),
  )
  liveKey(chain, core.senderKey, request)
  const head = request.addendum?.chainHead
  const shown = headAt(chain, request.leafIndex)
  // A chain without its last revocation would show a revoked key as live.
  if (head === undefined || shown === undefined || !equalBytes(head, shown)) {
    throw refuse('KEY_REVOKED', "its sender's chain is not the one that the log had then")
  }
  await verifyOrigin(packet, packet.origin)
  checkHashes(packet)
  receiver.history?.learn(parseReceipt(delivery.requestReceipt as Uint8Array), request)
  receiver.history?.learn(parseReceipt(delivery.attemptReceipt as Uint8Array), tried)
  return { ...candidate, partition, acceptByMs } as unknown as ProvenRequest
}

function readDelivery({ delivery }: ParsedPacket): Delivery {
  if (delivery === undefined) throw refuse('ATTEMPT_UNPROVEN', 'it came without proofs')
  return read(Delivery, delivery, 'ATTEMPT_UNPROVEN')
}

/** The log writes down who sent a packet; it must have been this sender, with this key and number, to these recipients. */
function checkSender(addendum: Addendum | undefined, core: HeaderCore): void {
  const same =
    addendum !== undefined &&
    isSame(addendum.sender, core.sender) &&
    isSame(addendum.senderKey, core.senderKey) &&
    (addendum.epoch ?? 0n) === core.epoch &&
    (addendum.seq ?? 0n) === core.seq &&
    addendum.recipients.length === core.recipients.length &&
    core.recipients.every((each, i) => isSame(addendum.recipients[i], each))
  if (!same) throw refuse('LEAF_MISMATCH', 'its leaf names another sender, number or recipients')
}

function checkDecision(tried: VerifiedReceipt, request: VerifiedReceipt, { instance }: Receiver): number {
  const decision = tried.addendum?.decision
  if (decision === undefined) throw refuse('LEAF_MISMATCH', 'its attempt leaf has no decision')
  if (!equalBytes(decision.agent, instance)) throw refuse('LEAF_MISMATCH', 'its attempt is given to another agent')
  if (tried.leafIndex <= request.leafIndex) throw refuse('LEAF_MISMATCH', 'its attempt is older than the request')
  return decision.acceptByMs
}

/** Reads no more than the number: which attempt a NACK is of must be said before anything is proven. */
function claimedAttempt({ delivery }: ParsedPacket): number {
  try {
    const { attemptReceipt } = read(Delivery, delivery ?? new Uint8Array(0))
    return openReceipt(parseReceipt(attemptReceipt ?? new Uint8Array(0))).leaf.attempt || 1
  } catch (error) {
    if (isPacketError(error)) return 1
    throw error
  }
}

/** Whatever is wrong with a proof, the packet is refused for lacking it; some reasons stand for themselves. */
async function within<T>(code: Code, kept: readonly Code[], run: () => Promise<T> | T): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (!isPacketError(error) || error.code === code || kept.includes(error.code)) throw error
    throw new PacketError(code, error.message, { cause: error })
  }
}

const isSame = (a: Uint8Array | undefined, b: Uint8Array): boolean => a !== undefined && equalBytes(a, b)

const refuse = (code: Code, why: string) => new PacketError(code, `Cannot run the packet: ${why}`)

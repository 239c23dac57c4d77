/**
 * What comes beside the replies of an answer and proves them: keys, attempts, statements, receipts. Several agents may try,
 * so each is kept by what it is about.
 *
 * @module
 */
import { KeyChain, KeyEvent, Receipt, SignedDocument } from '@mystranet/schemas/messages'
import { equalBytes, toHex } from '../bytes.ts'
import { documentDigest } from '../envelope/hash.ts'
import { checkHashes, verifyOrigin } from '../envelope/origin.ts'
import { type ParsedPacket, read } from '../envelope/parse.ts'
import type { RecordType } from '../envelope/record.ts'
import { type Code, PacketError } from '../errors.ts'
import { liveKey, verifyChain } from '../keys/chain.ts'
import type { SealedRequest } from '../packet/seal.ts'
import { packetPartition } from '../proof/leaf.ts'
import { checkLeaf, END_OF_LOG, openReceipt, type VerifiedReceipt, verifyReceipt } from '../proof/receipt.ts'
import type { TrustFile } from '../proof/trust-file.ts'

/** Of each kind, of one answer: there are at most eight attempts, of four replies each. */
const MAX_KEPT = 64

type ProofType = Exclude<RecordType, 'end' | 'packet' | 'frame' | 'checkpoint' | 'heartbeat' | 'notice'>

export interface ReplyProofs {
  /** @throws {PacketError} `PROOF_INVALID` or `KEY_EVENT_INVALID` for bytes of another shape. Nothing is verified yet. */
  keep(type: ProofType, value: Uint8Array): void
  /**
   * Signature, keys and place of a reply: §13's checks as far as they can be made while it streams.
   *
   * @throws {PacketError} why it cannot be believed.
   */
  authenticate(packet: ParsedPacket): Promise<void>
  /** The receipt of a reply, once it came. */
  receiptOf(packetId: Uint8Array): Receipt | undefined
  /** The chain of an instance. */
  keysOf(instance: Uint8Array): KeyChain | undefined
  /** Of the routing table that the request names. */
  readonly tableReceipt: Receipt | undefined
  /** What belongs to one attempt; of statements the newest when none is the one in OPEN: the verdict says what is wrong. */
  of(agent: Uint8Array, attempt: number, statement: Uint8Array): AttemptProofs
}

export interface AttemptProofs {
  readonly attemptReceipt: Receipt | undefined
  readonly statementReceipt: Receipt | undefined
  readonly agentKeys: KeyChain | undefined
}

export function createReplyProofs(request: SealedRequest, trust: TrustFile): ReplyProofs {
  const chains = new Map<string, KeyChain>()
  const attempts = new Map<number, Receipt>()
  const statements = new Map<string, Receipt>()
  const receipts = new Map<string, Receipt>()
  let tableReceipt: Receipt | undefined
  const partition = packetPartition(request.core.sender, request.core.correlationId)

  async function authenticate(packet: ParsedPacket): Promise<void> {
    const { core, kind } = packet
    if (kind === 'REQUEST' || kind === 'CANCEL') throw refuse('ANSWER_INVALID', `it is a ${kind}, wanted a reply`)
    await verifyOrigin(packet, packet.origin)
    checkHashes(packet)
    if (!equalBytes(core.network, request.core.network)) throw refuse('NETWORK_MISMATCH', 'it is of another network')
    if (!equalBytes(core.inReplyTo as Uint8Array, request.id))
      throw refuse('ANSWER_INVALID', 'it answers another packet')
    if (!equalBytes(core.correlationId, request.core.correlationId)) {
      throw refuse('ANSWER_INVALID', 'it correlates with another packet')
    }
    if (!request.core.recipients.some((each) => equalBytes(each, core.sender))) {
      throw refuse('NOT_A_CANDIDATE', 'its sender is no recipient of the request')
    }
    const proven = await proveAttempt(core.sender, core.attempt as number)
    const agentKeys = chains.get(toHex(core.sender))
    if (agentKeys === undefined) throw refuse('KEY_UNKNOWN', "its sender's keys did not come")
    const chain = await verifyChain(agentKeys, core.sender, trust)
    // It has no leaf at hand yet: the moment of its attempt stands in for it, and the verdict looks again.
    liveKey(chain, core.senderKey, { leafIndex: END_OF_LOG, quorumTimeMs: proven.quorumTimeMs })
  }

  async function proveAttempt(agent: Uint8Array, number: number): Promise<VerifiedReceipt> {
    const attemptReceipt = attempts.get(number)
    if (attemptReceipt === undefined) throw refuse('ATTEMPT_UNPROVEN', 'its attempt was not proven')
    const proven = await verifyReceipt(attemptReceipt, trust)
    const commitment = request.core.tableDigest
    checkLeaf(proven.leaf, { kind: 'attempt', subject: request.id, partition, attempt: number, commitment })
    const decided = proven.addendum?.decision?.agent
    if (decided === undefined || !equalBytes(decided, agent)) {
      throw refuse('NOT_A_CANDIDATE', 'its attempt was given to another agent')
    }
    return proven
  }

  return {
    keep(type, value) {
      if (type === 'agent-keys' || type === 'sender-keys') {
        const chain = read(KeyChain, value, 'KEY_EVENT_INVALID')
        const first = chain.events[0]
        if (first) put(chains, toHex(read(KeyEvent, first.event.body, 'KEY_EVENT_INVALID').instance), chain)
        return
      }
      const receipt = read(Receipt, value, 'PROOF_INVALID')
      const { attempt, subject } = openReceipt(receipt).leaf
      if (type === 'table-receipt') tableReceipt = receipt
      else if (type === 'attempt-receipt') put(attempts, attempt, receipt)
      else put(type === 'receipt' ? receipts : statements, toHex(subject), receipt)
    },
    authenticate,
    receiptOf: (packetId) => receipts.get(toHex(packetId)),
    keysOf: (instance) => chains.get(toHex(instance)),
    get tableReceipt() {
      return tableReceipt
    },
    of: (agent, attempt, statement) => ({
      attemptReceipt: attempts.get(attempt),
      statementReceipt: statements.get(digestOfStatement(statement) ?? '') ?? [...statements.values()].at(-1),
      agentKeys: chains.get(toHex(agent)),
    }),
  }
}

/** What nobody asked for must not fill the memory of whoever reads: the oldest goes. */
function put<K, V>(kept: Map<K, V>, key: K, value: V): void {
  kept.delete(key)
  kept.set(key, value)
  const [oldest] = kept.keys()
  if (kept.size > MAX_KEPT) kept.delete(oldest as K)
}

/** Undefined for what is no statement: its check says so. */
function digestOfStatement(document: Uint8Array): string | undefined {
  try {
    return toHex(documentDigest('model-statement', read(SignedDocument, document).body))
  } catch {
    return undefined
  }
}

const refuse = (code: Code, why: string) => new PacketError(code, `Cannot believe the reply: ${why}`)

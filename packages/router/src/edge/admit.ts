/**
 * What an edge refuses by itself, before it asks the nexus: everything of docs/protocol.md §12 that needs no state. It keeps
 * forged and malformed packets off the fabric and is no part of the proof: the nexus checks all of it again.
 *
 * The clock is left to the nexus, which alone knows whether a packet is known: such a one gets its receipt at any clock.
 * Whose a key is, it does not know either, so it counts packets by the key that signed them.
 *
 * @module
 */
import { MAX_LIFETIME_MS } from '@mystranet/schemas/limits'
import { AnswerFetch } from '@mystranet/schemas/messages'
import { equalBytes, toHex } from '@mystranet/sdk/bytes'
import {
  checkHashes,
  type ParsedPacket,
  parsePacket,
  read,
  verifyDocument,
  verifyOrigin,
} from '@mystranet/sdk/envelope'
import type { TrustFile } from '@mystranet/sdk/proof/trust-file'
import { RouterError } from '../errors.ts'
import type { RateLimit } from '../rate.ts'

export interface EdgeAdmission {
  /**
   * Canonical bytes, fields, network, kind, lifetime, signature, hashes, rate of the key. Costs one Ed25519 verification.
   *
   * @param received Attacker-controlled, within its cap.
   * @throws {PacketError | RouterError} the codes of `parsePacket`, `NETWORK_MISMATCH`, `NOT_A_CANDIDATE`, `LIFETIME_TOO_LONG`,
   *   `SIGNATURE_INVALID`, `RECIPIENTS_MISMATCH`, `CIPHERTEXT_MISMATCH`, `RATE_LIMITED`.
   */
  packet(received: Uint8Array): Promise<void>
  /**
   * Signature, network, packet and audience of a fetch.
   *
   * @param packet Hex id in the address.
   * @param document SignedDocument of type answer-fetch, attacker-controlled.
   * @throws {PacketError | RouterError} `DOCUMENT_MALFORMED`, `SIGNATURE_INVALID`, `NETWORK_MISMATCH`, `NOT_PERMITTED`.
   */
  fetch(packet: string, document: Uint8Array): Promise<void>
}

export interface EdgeAdmissionDeps {
  readonly trust: TrustFile
  /** Counts packets by the key that signed them. */
  readonly senders: RateLimit
  nowMs(): number
}

export function createEdgeAdmission({ trust, senders, nowMs }: EdgeAdmissionDeps): EdgeAdmission {
  const { network, policy } = trust
  const audience = policy.logs[0]?.key.keyName
  return {
    async packet(received) {
      const parsed = parsePacket(received)
      checkShape(parsed, network)
      await verifyOrigin(parsed, parsed.origin)
      checkHashes(parsed)
      senders.take(toHex(parsed.core.senderKey), nowMs())
    },
    async fetch(packet, document) {
      const { body } = await verifyDocument('answer-fetch', document)
      const fetch = read(AnswerFetch, body)
      if (!equalBytes(fetch.network, network)) {
        throw new RouterError('NETWORK_MISMATCH', 'Cannot fetch the answer: the fetch is of another network', {
          packet,
        })
      }
      if (toHex(fetch.packetId) !== packet || fetch.audience !== audience) {
        throw new RouterError('NOT_PERMITTED', 'Cannot fetch the answer: the fetch is for another packet or router', {
          packet,
        })
      }
    },
  }
}

function checkShape({ core, id, kind }: ParsedPacket, network: Uint8Array): void {
  const packet = toHex(id)
  if (!equalBytes(core.network, network)) {
    throw new RouterError('NETWORK_MISMATCH', 'Cannot take the packet: it is of another network', { packet })
  }
  if (kind !== 'REQUEST' && kind !== 'CANCEL') {
    throw new RouterError('NOT_A_CANDIDATE', `Cannot take a ${kind} here: agents send replies on their link`, {
      packet,
    })
  }
  const lifetimeMs = core.expiresMs - core.createdMs
  if (lifetimeMs > MAX_LIFETIME_MS) {
    throw new RouterError(
      'LIFETIME_TOO_LONG',
      `Cannot take the packet: it lives ${lifetimeMs} ms, wanted at most ${MAX_LIFETIME_MS}`,
      { packet },
    )
  }
}

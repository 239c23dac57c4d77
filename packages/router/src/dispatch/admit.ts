/**
 * Admission: what a packet must be before it changes anything (docs/protocol.md §12), in that order. The gates of its shape
 * are `parsePacket`'s; here is the rest.
 *
 * @module
 */
import { MAX_AGE_MS, MAX_LIFETIME_MS, MAX_SKEW_MS } from '@mystranet/schemas/limits'
import type { HeaderCore } from '@mystranet/schemas/messages'
import { equalBytes, toHex } from '@mystranet/sdk/bytes'
import { checkHashes, type ParsedPacket, parsePacket, verifyOrigin } from '@mystranet/sdk/envelope'
import { isPacketError } from '@mystranet/sdk/errors'
import { RouterError } from '../errors.ts'
import type { RateLimit } from '../rate.ts'
import type { Desk } from './desk.ts'
import type { Keyring, KnownChain } from './keyring.ts'

export interface Admission {
  /**
   * Copy, cap, canonical bytes, version, suite, kind, schema, fields, network. Changes nothing.
   *
   * @param received Attacker-controlled.
   * @throws {PacketError | RouterError} the codes of `parsePacket`, and `NETWORK_MISMATCH`.
   */
  parse(received: Uint8Array): ParsedPacket
  /** Time window and lifetime. @throws {RouterError} `CLOCK_SKEWED`, `PACKET_EXPIRED` or `LIFETIME_TOO_LONG`. */
  window(core: HeaderCore): void
  /**
   * Keys, signature, hashes.
   *
   * @throws {PacketError | RouterError} `KEY_UNKNOWN`, `KEY_REVOKED`, `KEY_EXPIRED`, `SIGNATURE_INVALID`,
   *   `RECIPIENTS_MISMATCH` or `CIPHERTEXT_MISMATCH`.
   */
  authenticate(parsed: ParsedPacket): Promise<KnownChain>
  /** @throws {RouterError} `RATE_LIMITED`. */
  rate(core: HeaderCore): void
  /** Takes the sequence number in, durably. @throws {RouterError} `REPLAYED` or `EPOCH_STALE`. */
  sequence(parsed: ParsedPacket): Promise<void>
}

export function createAdmission(desk: Desk, keyring: Keyring, senders: RateLimit): Admission {
  return {
    parse(received) {
      const parsed = parsePacket(received)
      if (!equalBytes(parsed.core.network, desk.trust.network)) {
        throw new RouterError('NETWORK_MISMATCH', 'Cannot take the packet: it is of another network', {
          packet: toHex(parsed.id),
        })
      }
      return parsed
    },
    window(core) {
      const nowMs = desk.nowMs()
      checkCreated(core.createdMs, nowMs)
      if (core.expiresMs <= nowMs) {
        throw new RouterError('PACKET_EXPIRED', `Cannot take the packet: it expired ${nowMs - core.expiresMs} ms ago`)
      }
      if (core.expiresMs - core.createdMs > MAX_LIFETIME_MS) {
        throw new RouterError(
          'LIFETIME_TOO_LONG',
          `Cannot take the packet: it lives ${core.expiresMs - core.createdMs} ms, wanted at most ${MAX_LIFETIME_MS}`,
        )
      }
    },
    async authenticate(parsed) {
      const chain = await keyring.live(parsed.core.sender, parsed.core.senderKey)
      try {
        await verifyOrigin(parsed, parsed.origin)
      } catch (error) {
        if (isPacketError(error) && error.code === 'SIGNATURE_INVALID')
          desk.metrics.count('weave_signature_failures_total')
        throw error
      }
      checkHashes(parsed)
      return chain
    },
    rate(core) {
      senders.take(toHex(core.sender), desk.nowMs())
    },
    async sequence({ core, id }) {
      const verdict = await desk.replay.insert(toHex(core.senderKey), core.epoch, core.seq, toHex(id))
      if (verdict === 'replayed') {
        desk.metrics.count('weave_replays_total')
        throw new RouterError('REPLAYED', `Cannot take the packet: sequence number ${core.seq} is used or too old`)
      }
      if (verdict === 'stale') {
        throw new RouterError(
          'EPOCH_STALE',
          `Cannot take the packet: epoch ${core.epoch} is below the two newest of its key`,
        )
      }
    },
  }
}

/** @throws {RouterError} `CLOCK_SKEWED`. */
export function checkCreated(createdMs: number, nowMs: number): void {
  if (createdMs >= nowMs - MAX_AGE_MS && createdMs <= nowMs + MAX_SKEW_MS) return
  throw new RouterError(
    'CLOCK_SKEWED',
    `Cannot take it: created ${nowMs - createdMs} ms ago by our clock, wanted −${MAX_SKEW_MS} to ${MAX_AGE_MS}`,
  )
}

/**
 * Who may read an answer (docs/protocol.md §8.1): the sender of its request, who says so with a live packet key and a nonce
 * that is used once.
 *
 * @module
 */
import { MAX_AGE_MS, MAX_SKEW_MS } from '@mystranet/schemas/limits'
import { AnswerFetch } from '@mystranet/schemas/messages'
import { equalBytes, fromHex, toHex } from '@mystranet/sdk/bytes'
import { read, verifyDocument } from '@mystranet/sdk/envelope'
import { isPacketError } from '@mystranet/sdk/errors'
import { RouterError } from '../errors.ts'
import { checkCreated } from './admit.ts'
import { coreOf, type Desk } from './desk.ts'
import type { Keyring } from './keyring.ts'

/**
 * Admits a fetch.
 *
 * @param document SignedDocument of type answer-fetch, attacker-controlled.
 * @param packet Hex id of the request in the address.
 * @returns The first frame wanted.
 * @throws {PacketError | RouterError} `DOCUMENT_MALFORMED`, `NETWORK_MISMATCH`, `NOT_PERMITTED`, `CLOCK_SKEWED`, `ANSWER_UNKNOWN`,
 *   `KEY_UNKNOWN` … `SIGNATURE_INVALID` or `REPLAYED`.
 */
export async function admitFetch(desk: Desk, keyring: Keyring, document: Uint8Array, packet: string): Promise<number> {
  const { body, key } = await verified(desk, document)
  const fetch = read(AnswerFetch, body)
  if (!equalBytes(fetch.network, desk.trust.network)) {
    throw new RouterError('NETWORK_MISMATCH', 'Cannot fetch the answer: the fetch is of another network', { packet })
  }
  const audience = desk.trust.policy.logs[0]?.key.keyName
  if (!equalBytes(fetch.packetId, fromHex(packet) as Uint8Array) || fetch.audience !== audience) {
    throw new RouterError('NOT_PERMITTED', 'Cannot fetch the answer: the fetch is for another packet or router', {
      packet,
    })
  }
  const nowMs = desk.nowMs()
  checkCreated(fetch.createdMs, nowMs)
  const stored = await desk.packets.find(packet)
  if (stored === undefined)
    throw new RouterError('ANSWER_UNKNOWN', 'Cannot fetch the answer: the request is unknown here', { packet })
  // A key of another instance is unknown to the chain of the sender: that is all that keeps strangers out.
  await keyring.live(coreOf(stored.record).sender, key)
  const nonce = toHex(fetch.nonce)
  if (!(await desk.replay.useNonce(`${toHex(key)}:${nonce}`, nowMs + MAX_AGE_MS + MAX_SKEW_MS, nowMs))) {
    throw new RouterError('REPLAYED', 'Cannot fetch the answer: its nonce was used', { packet })
  }
  return fetch.from ?? 0
}

async function verified(desk: Desk, document: Uint8Array) {
  try {
    return await verifyDocument('answer-fetch', document.slice())
  } catch (error) {
    if (isPacketError(error) && error.code === 'SIGNATURE_INVALID') desk.metrics.count('weave_signature_failures_total')
    throw error
  }
}

/**
 * CANCEL: acts first, is logged afterwards by the router (docs/protocol.md §12). It needs no leaf; only the request's own
 * sender may cancel.
 *
 * @module
 */
import { CODES } from '@mystranet/schemas/codes'
import { MAX_LIFETIME_MS, MAX_SKEW_MS } from '@mystranet/schemas/limits'
import { type HeaderCore, KeyChain } from '@mystranet/schemas/messages'
import { equalBytes } from '@mystranet/sdk/bytes'
import { type ParsedPacket, parseHeader, parsePacket, read, verifyOrigin } from '@mystranet/sdk/envelope'
import { PacketError } from '@mystranet/sdk/errors'
import { liveKey, verifyChain } from '@mystranet/sdk/keys/chain'
import { END_OF_LOG } from '@mystranet/sdk/proof/receipt'
import type { Desk, Run } from './desk.ts'

/** How long a CANCEL waits for its request, from its creation. */
const TOMBSTONE_MS = MAX_LIFETIME_MS + MAX_SKEW_MS

/**
 * Verifies a CANCEL and stops what it names; remembers it for a request that has not come yet.
 *
 * @param received Attacker-controlled, as are the keys.
 * @param find The run of a request, if it runs now.
 * @throws {PacketError} why it is not believed: the codes of `parsePacket`, of key chains and of signatures; `FIELD_INVALID`,
 *   `NETWORK_MISMATCH`; `NOT_PERMITTED` when it is not the request's sender who asks. Nothing was stopped then.
 */
export async function cancel(
  desk: Desk,
  received: Uint8Array,
  senderKeys: Uint8Array,
  find: (request: Uint8Array) => Run | undefined,
): Promise<void> {
  const packet = parsePacket(received)
  await authenticate(desk, packet, senderKeys)
  const { core } = packet
  const packetId = core.inReplyTo as Uint8Array
  const code = core.code ?? CODES.CANCELLED.wire
  const run = find(packetId)
  if (run !== undefined) {
    checkOwner(core, run.packet.core)
    stopRun(run, code)
  }
  const known = await desk.attempts.find(packetId)
  if (known !== undefined) checkOwner(core, parseHeader(known.header).core)
  // Kept also for one that runs: after a crash it must not run again.
  const untilMs = Math.min(core.createdMs, desk.clock.now()) + TOMBSTONE_MS
  const { sender, correlationId } = core
  if (known?.state !== 'finished') await desk.attempts.bury({ packetId, sender, correlationId, code, untilMs })
}

async function authenticate(desk: Desk, packet: ParsedPacket, senderKeys: Uint8Array): Promise<void> {
  const { core, kind } = packet
  if (kind !== 'CANCEL') throw new PacketError('FIELD_INVALID', `Cannot cancel: it is a ${kind}, wanted a CANCEL`)
  if (!equalBytes(core.network, desk.trust.network)) {
    throw new PacketError('NETWORK_MISMATCH', 'Cannot cancel: it is of another network')
  }
  const chain = await verifyChain(read(KeyChain, senderKeys, 'KEY_EVENT_INVALID'), core.sender, desk.trust)
  liveKey(chain, core.senderKey, { leafIndex: END_OF_LOG, quorumTimeMs: desk.clock.now() })
  await verifyOrigin(packet, packet.origin)
}

function checkOwner(cancels: HeaderCore, request: HeaderCore): void {
  const same =
    equalBytes(cancels.sender, request.sender) &&
    equalBytes(cancels.correlationId, request.correlationId) &&
    cancels.targetTag === request.targetTag &&
    equalBytes(cancels.targetInstance ?? NONE, request.targetInstance ?? NONE)
  if (!same) throw new PacketError('NOT_PERMITTED', 'Cannot cancel: it is not by the sender of the request')
}

/** Stops a run: the engine within 250 ms, then a CLOSE or NACK says so. The first reason counts. */
export function stopRun(run: Run, code: number): void {
  run.cancelCode ??= code
  run.stop.abort()
}

/** @throws {PacketError} `CANCELLED` when this very request was cancelled before it came. */
export async function checkTombstone(desk: Desk, run: Run): Promise<void> {
  const { id, core } = run.packet
  const stone = await desk.attempts.tombstone(id)
  const isOurs =
    stone !== undefined &&
    desk.clock.now() < stone.untilMs &&
    equalBytes(stone.sender, core.sender) &&
    equalBytes(stone.correlationId, core.correlationId)
  if (!isOurs) return
  run.cancelCode ??= stone.code
  throw new PacketError('CANCELLED', 'Cannot run the packet: its sender cancelled it before it came')
}

const NONE = new Uint8Array(0)

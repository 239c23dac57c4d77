/**
 * Replies: signed, durable, then sent; sent again as they were when the packet comes again (docs/protocol.md §12).
 *
 * @module
 */
import { CODES } from '@mystranet/schemas/codes'
import { OUTCOMES } from '@mystranet/schemas/kinds'
import type { HeaderCore } from '@mystranet/schemas/messages'
import { toHex } from '@mystranet/sdk/bytes'
import { parseHeader, parsePacket } from '@mystranet/sdk/envelope'
import { isPacketError, PacketError } from '@mystranet/sdk/errors'
import { type ReplyDraft, replyCore, signBodiless } from '@mystranet/sdk/packet'
import { packetPartition } from '@mystranet/sdk/proof/leaf'
import { checkLeaf, parseReceipt, type VerifiedReceipt, verifyReceipt } from '@mystranet/sdk/proof/receipt'
import type { Desk, Run } from './desk.ts'
import type { PacketKey } from './keys/ring.ts'
import type { AttemptEntry } from './ports.ts'
import { checkAcceptBy, type ProvenRequest } from './receive.ts'

/** A reply's receipt is waited for this long; then the packet goes back, and the reply is sent when it comes again. */
const LOGGED_WITHIN_MS = 120_000

interface RequestRef {
  readonly id: Uint8Array
  readonly core: HeaderCore
}

/** What a reply takes from its request, with the next number of a packet key. */
export function draftReply(desk: Desk, key: PacketKey, request: RequestRef): ReplyDraft {
  const { signer, sequence } = key
  return {
    request,
    sender: desk.instance,
    senderKey: signer.publicKey,
    place: sequence.next(),
    nowMs: desk.clock.now(),
  }
}

async function signReply(
  desk: Desk,
  request: RequestRef,
  kind: 'ACK' | 'NACK' | 'STREAM_CLOSE',
  fields: { readonly attempt: number; readonly code: number },
): Promise<Uint8Array> {
  const key = desk.ring.packetKey()
  const { bytes } = await signBodiless({ ...replyCore(kind, draftReply(desk, key, request)), ...fields }, key.signer)
  return bytes
}

/** Sends a reply until it is logged. @throws {PacketError} when the router will not have it, or is gone. */
export const sendReply = (desk: Desk, packet: Uint8Array): Promise<readonly Uint8Array[]> =>
  desk.calls.ask({ type: 'reply', packet }, LOGGED_WITHIN_MS)

/**
 * Records the attempt, durably, with its ACK.
 *
 * @returns Sends the ACK. To be called whatever becomes of the attempt.
 * @throws {PacketError} `ATTEMPT_LATE` when the record came too late; `STORE_FAILED`: perhaps recorded, nothing was sent.
 */
export async function accept(desk: Desk, { packet, attempt }: Run, request: ProvenRequest): Promise<() => void> {
  const ack = await signReply(desk, packet, 'ACK', { attempt, code: OUTCOMES.ACCEPTED })
  const { id: packetId, header, core } = packet
  const start = { packetId, attempt, header, expiresMs: core.expiresMs, nowMs: desk.clock.now(), ack }
  if ((await desk.attempts.begin(start)) === 'taken') throw overtaken()
  checkAcceptBy(request, desk)
  return () => {
    sendReply(desk, ack).catch((error: unknown) => desk.log(`ACK ${toHex(packetId)}: ${reasonOf(error)}`))
  }
}

/**
 * Ends an attempt by a NACK, once it is durable; gives up on what is no refusal.
 *
 * @throws what it was given, when the agent may not or cannot say so: a failed store, a link that is gone, an attempt
 *   whose stream has opened.
 */
export async function refuse(desk: Desk, run: Run, error: unknown): Promise<void> {
  const { packet, attempt } = run
  const wire = isPacketError(error) ? CODES[error.code].wire : 0
  const isStopped = run.stop.signal.aborted && run.cancelCode === undefined
  if (wire === 0 || run.hasOpened || isStopped) throw error
  const code = (error as PacketError).code === 'CANCELLED' ? (run.cancelCode ?? wire) : wire
  desk.log(`NACK ${toHex(packet.id)}: ${reasonOf(error)}`)
  const nack = await signReply(desk, packet, 'NACK', { attempt, code })
  const { id: packetId, header, core } = packet
  const start = { packetId, attempt, header, expiresMs: core.expiresMs, nowMs: desk.clock.now(), nack }
  if ((await desk.attempts.refuse(start)) === 'taken') throw overtaken()
  await sendReply(desk, nack)
}

/** What a packet that is known here gets; `run` also where nothing is known. */
export function judge(known: AttemptEntry | undefined, { attempt, packet }: Run): 'run' | 'repeat' | 'abort' {
  if (known === undefined) return 'run'
  const isNewer = attempt > known.attempt
  switch (known.state) {
    case 'finished':
      return 'repeat'
    case 'refused':
      return isNewer ? 'run' : 'repeat'
    case 'interrupted':
    case 'running':
      if (isNewer && (known.open === undefined || packet.core.retry?.afterOpen === true)) return 'run'
      return known.close === undefined ? 'abort' : 'repeat'
  }
}

/** Closes an attempt whose process is gone: what it had made is lost, and must not be made again. */
export async function abort(desk: Desk, { packetId, attempt, header }: AttemptEntry): Promise<AttemptEntry> {
  const { core } = parseHeader(header)
  const code = OUTCOMES.ABORTED
  const close = await signReply(desk, { id: packetId, core }, 'STREAM_CLOSE', { attempt, code })
  await desk.attempts.finish({ packetId, attempt, state: 'interrupted', close, frames: [] })
  const closed = await desk.attempts.find(packetId)
  if (closed?.close === undefined) throw overtaken()
  return closed
}

/** Sends the stored replies again, the frames between them. Nothing runs. */
export async function repeat(desk: Desk, known: AttemptEntry): Promise<void> {
  const { packetId: request, ack, nack, open, checkpoint, close } = known
  if (nack !== undefined) return void (await sendReply(desk, nack))
  if (ack !== undefined) sendReply(desk, ack).catch(() => {})
  if (open !== undefined) {
    await confirmOpen(desk, open)
    for (const frame of await desk.attempts.frames(request)) desk.send({ type: 'frame', request, frame })
    if (checkpoint !== undefined) desk.send({ type: 'checkpoint', request, document: checkpoint })
  }
  if (close !== undefined) await sendReply(desk, close)
}

/**
 * Sends an OPEN and waits until the log has it: frames are released then.
 *
 * @throws {PacketError} why it is not logged, or why its receipt is not believed.
 */
export async function confirmOpen(desk: Desk, open: Uint8Array): Promise<void> {
  const [receipt] = await sendReply(desk, open)
  const { id, core } = parsePacket(open)
  // Partition of the request: its sender is whom the OPEN goes to.
  const partition = packetPartition(core.targetInstance as Uint8Array, core.correlationId)
  const { leaf } = await verifyAndLearn(desk, receipt)
  const { attempt, contentCommitment: commitment } = core
  checkLeaf(leaf, { kind: 'stream-open', subject: id, partition, attempt, commitment })
}

/** A receipt of a reply: what it proves of the log is compared with what is known. */
export async function verifyAndLearn(
  { history, trust }: Desk,
  receipt: Uint8Array | undefined,
): Promise<VerifiedReceipt> {
  const parsed = parseReceipt(receipt ?? new Uint8Array(0))
  const verified = await verifyReceipt(parsed, trust, history.checkpoints)
  history.learn(parsed, verified)
  return verified
}

/** For logs: a code and a sentence, never what was asked or answered. */
export const reasonOf = (error: unknown): string =>
  isPacketError(error) ? `${error.code}: ${error.message}` : error instanceof Error ? error.message : String(error)

const overtaken = () =>
  new PacketError('STORE_FAILED', 'Cannot answer the packet: its attempt has another state than when it was read')

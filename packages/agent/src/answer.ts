/**
 * Stage 4, answer: OPEN, frames, CLOSE (docs/protocol.md §8), and the acknowledgement that the CLOSE is.
 *
 * @module
 */
import { CODES } from '@mystranet/schemas/codes'
import { type Finish, OUTCOMES } from '@mystranet/schemas/kinds'
import { toHex } from '@mystranet/sdk/bytes'
import { isPacketError, PacketError } from '@mystranet/sdk/errors'
import {
  deriveReplyKeys,
  type OpenedRequest,
  type ReplyKeys,
  type SealedPacket,
  sealClose,
  sealOpen,
} from '@mystranet/sdk/packet'
import { closeContentOf } from '@mystranet/sdk/stream'
import type { Desk, Run, Signing } from './desk.ts'
import { EngineError, type EngineEvent, type FinishReason, type Usage } from './engine.ts'
import type { Running } from './infer.ts'
import { abort, confirmOpen, draftReply, reasonOf, sendReply, verifyAndLearn } from './reply.ts'
import { createFrameStream, type FrameStream } from './stream.ts'

/** How a generation ended. `error` is the refusal behind a finish that is not complete, by its number. */
interface Ending {
  readonly finish: Finish
  readonly usage?: Usage
  readonly error?: number
}

const FINISH_OF: Readonly<Record<FinishReason, Finish>> = { stop: 'STOP', length: 'LENGTH', tool_calls: 'TOOL_CALLS' }

/**
 * Answers a request with what the engine generates. OPEN and CLOSE are durable before they are sent; frames leave once
 * the log has the OPEN, whose receipt is verified.
 *
 * @throws {PacketError} when the answer could not be closed: the store failed, or the link is gone. The attempt is then
 *   interrupted for whoever finds it.
 */
export async function answer(desk: Desk, run: Run, opened: OpenedRequest, running: Running): Promise<void> {
  const signing = desk.signing()
  const responseNonce = crypto.getRandomValues(new Uint8Array(32))
  const keys = deriveReplyKeys(opened.replySecret, responseNonce)
  let stream: FrameStream | undefined
  try {
    const open = await recordOpen(desk, run, signing, keys, responseNonce)
    stream = streamOf(desk, run, signing, keys, open)
    const confirmed = confirmOpen(desk, open.bytes).then(stream.release)
    // A stream that nobody may see needs no model.
    confirmed.catch(() => run.stop.abort())
    const ending = await pump(desk, run, running.events, stream)
    stream.stop()
    const fault = await confirmed.then(
      () => undefined,
      (error: unknown) => error,
    )
    if (fault !== undefined) return await abandonStream(desk, run, fault)
    await close(desk, run, signing, keys, { responseNonce, ending, stream })
  } finally {
    stream?.stop()
    run.stop.abort()
    await running.stop()
  }
}

async function recordOpen(
  desk: Desk,
  run: Run,
  { key, statement }: Signing,
  keys: ReplyKeys,
  responseNonce: Uint8Array,
): Promise<SealedPacket> {
  const { packet, attempt } = run
  const draft = { ...draftReply(desk, key, packet), attempt, responseNonce }
  const open = await sealOpen(draft, { modelStatement: statement }, keys, key.signer)
  // Before the write: one that is reported as failed may have happened.
  run.hasOpened = true
  const stored = await desk.attempts.open({ packetId: packet.id, attempt, open: open.bytes, responseNonce })
  if (stored === 'taken') throw lost('OPEN')
  return open
}

function streamOf(
  desk: Desk,
  { packet, attempt }: Run,
  { key }: Signing,
  keys: ReplyKeys,
  open: SealedPacket,
): FrameStream {
  return createFrameStream({
    request: packet.id,
    streamId: open.id,
    network: packet.core.network,
    keys,
    signer: key.signer,
    clock: desk.clock,
    send: desk.send,
    keep: (document) => desk.attempts.checkpoint({ packetId: packet.id, attempt, document }),
    onFault: (error) => desk.log(`stream checkpoint ${toHex(packet.id)}: ${reasonOf(error)}`),
  })
}

/** Moves text from the engine into frames until it ends, whatever ends it. */
async function pump(desk: Desk, run: Run, events: AsyncIterable<EngineEvent>, stream: FrameStream): Promise<Ending> {
  try {
    for await (const event of events) {
      desk.pulse.generated()
      if (event.type === 'text') {
        stream.push(event.text)
        continue
      }
      stream.end()
      return { finish: FINISH_OF[event.reason], usage: event.usage }
    }
    throw new EngineError('ENGINE_FAILED', 'Cannot finish the generation: it ended without saying so')
  } catch (error) {
    if (run.cancelCode !== undefined) return { finish: 'CANCELLED', error: run.cancelCode }
    desk.log(`generation ${toHex(run.packet.id)}: ${reasonOf(error)}`)
    return { finish: 'ERROR', error: CODES[error instanceof EngineError ? error.code : 'INTERNAL'].wire }
  }
}

async function close(
  desk: Desk,
  run: Run,
  { key }: Signing,
  keys: ReplyKeys,
  {
    responseNonce,
    ending,
    stream,
  }: { readonly responseNonce: Uint8Array; readonly ending: Ending; readonly stream: FrameStream },
): Promise<void> {
  const { packet, attempt } = run
  if (run.stop.signal.aborted && run.cancelCode === undefined) throw lost('link')
  const { finish, usage, error } = ending
  const draft = { ...draftReply(desk, key, packet), attempt, responseNonce, code: OUTCOMES[finish] }
  const sealed = await sealClose(draft, closeContentOf(stream.state(), usage, error), keys, key.signer)
  // After an engine's failure another attempt may follow; every other CLOSE stands.
  const state = finish === 'ERROR' ? 'interrupted' : 'finished'
  const end = { packetId: packet.id, attempt, state, close: sealed.bytes, frames: stream.frames } as const
  if ((await desk.attempts.finish(end)) === 'taken') throw lost('CLOSE')
  const [receipt] = await sendReply(desk, sealed.bytes)
  // The answer is out: what its receipt shows of the log is for the packets to come.
  verifyAndLearn(desk, receipt).catch((error: unknown) => desk.log(`receipt of CLOSE: ${reasonOf(error)}`))
}

/** The log never had the OPEN: none of its frames left, and none may. */
async function abandonStream(desk: Desk, { packet }: Run, fault: unknown): Promise<void> {
  if (isPacketError(fault) && fault.code === 'ROUTER_UNREACHABLE') throw fault
  desk.log(`OPEN ${toHex(packet.id)}: ${reasonOf(fault)}`)
  const entry = await desk.attempts.find(packet.id)
  if (entry === undefined) throw lost('attempt')
  const { close: aborted } = await abort(desk, entry)
  await sendReply(desk, aborted as Uint8Array)
}

const lost = (what: string) =>
  new PacketError('STORE_FAILED', `Cannot close the answer: its ${what} is not as it was when the answer began`)

/**
 * Frames, stream checkpoints and heartbeats on their way to the reader. The router cannot open a frame; it holds them to
 * stream, sender and order, and keeps them for resume.
 *
 * @module
 */
import { MAX_FRAME_BYTES, MAX_FRAMES } from '@mystranet/schemas/limits'
import { Addendum, decode, Frame, type HeaderCore, StreamCheckpoint } from '@mystranet/schemas/messages'
import { equalBytes, toHex } from '@mystranet/sdk/bytes'
import { read, verifyDocument } from '@mystranet/sdk/envelope'
import type { Desk } from './desk.ts'

interface OpenStream {
  readonly request: string
  readonly agent: string
  readonly senderKey: Uint8Array
  /** Number of the frame that comes next. */
  next: number
}

export interface Frames {
  /** The stream's OPEN is confirmed. */
  open(request: string, stream: string, core: HeaderCore): void
  /** Never rejects; what does not fit is dropped and counted. */
  frame(agent: string, request: string, bytes: Uint8Array): Promise<void>
  checkpoint(agent: string, request: string, document: Uint8Array): Promise<void>
  /** Resolves when the frames that came so far are with the answer, with their bytes since it was last asked. */
  settled(request: string): Promise<number>
  heartbeat(request: string, text: string): void
  /** The newest heartbeat of a request. */
  beat(request: string): string | undefined
  forget(request: string): void
}

const MAX_STREAMS = 10_000
const MAX_BEAT_CHARS = 120

export function createFrames(desk: Desk): Frames {
  const streams = new Map<string, OpenStream>()
  const beats = new Map<string, string>()
  /** Bytes of frames by request, those that came twice too. */
  const carried = new Map<string, number>()
  const drop = (reason: string) => desk.metrics.count('weave_frames_dropped_total', { reason })
  const remember = (stream: string, open: OpenStream) => {
    if (streams.size >= MAX_STREAMS) streams.delete(streams.keys().next().value as string)
    streams.set(stream, open)
    return open
  }
  /** A stream that this process did not open: what was stored of it. */
  const find = async (request: string, stream: string): Promise<OpenStream | undefined> => {
    const stored = await desk.packets.find(request)
    const reply = stored?.record.replies.find(({ id, kind }) => id === stream && kind === 'STREAM_OPEN')
    // Not confirmed: docs/protocol.md §10 lets no frame leave before.
    if (reply?.receipt === undefined) return undefined
    const { sender, senderKey } = decode(Addendum, reply.draft.addendum as Uint8Array)
    if (sender === undefined || senderKey === undefined) return undefined
    return { request, agent: toHex(sender), senderKey, next: await countFrames(request, stream) }
  }
  const countFrames = async (request: string, stream: string): Promise<number> => {
    let frames = 0
    let after = 0
    for (;;) {
      const page = await desk.answers.read(request, after, 1_024, 4 * 1024 * 1024)
      const last = page.at(-1)
      if (last === undefined) return frames
      frames += page.filter(({ type, key }) => type === 'frame' && key.startsWith(stream)).length
      after = last.position
    }
  }
  const streamOf = async (agent: string, request: string, stream: string): Promise<OpenStream | undefined> => {
    const found = streams.get(stream) ?? (await find(request, stream))
    if (found === undefined || found.request !== request || found.agent !== agent) return undefined
    return streams.get(stream) ?? remember(stream, found)
  }
  const takeFrame = async (agent: string, request: string, bytes: Uint8Array) => {
    if (bytes.length > MAX_FRAME_BYTES) return drop('size')
    const { streamId, i = 0 } = read(Frame, bytes, 'FRAME_MALFORMED')
    const stream = toHex(streamId)
    const open = await streamOf(agent, request, stream)
    if (open === undefined) return drop('stream')
    if (carried.size < MAX_STREAMS || carried.has(request))
      carried.set(request, (carried.get(request) ?? 0) + bytes.length)
    // An agent that sends its stored answer again begins at 0: what is here already is here.
    if (i < open.next) return
    if (i !== open.next || i >= MAX_FRAMES) return drop('order')
    open.next += 1
    await desk.answers.append(
      request,
      [{ type: 'frame', key: `${stream}:${i}`, value: bytes.slice(), frame: i }],
      false,
    )
    desk.metrics.count('weave_frames_total')
  }
  const takeCheckpoint = async (agent: string, request: string, document: Uint8Array) => {
    const { body, key } = await verifyDocument('stream-checkpoint', document.slice())
    const { streamId, size } = read(StreamCheckpoint, body)
    const open = await streamOf(agent, request, toHex(streamId))
    if (open === undefined || !equalBytes(open.senderKey, key)) return drop('checkpoint')
    const name = `checkpoint:${toHex(streamId)}:${size}`
    await desk.answers.append(request, [{ type: 'checkpoint', key: name, value: document.slice() }], false)
  }
  const quietly = async (work: Promise<void>, agent: string, packet: string) => {
    try {
      await work
    } catch (error) {
      drop('malformed')
      desk.trace.fault('frame', error, { agent, packet })
    }
  }
  return {
    open: (request, stream, { sender, senderKey }) => {
      remember(stream, { request, agent: toHex(sender), senderKey, next: streams.get(stream)?.next ?? 0 })
    },
    // In turn: a frame must not overtake the one before it while that one's stream is looked up.
    frame: (agent, request, bytes) =>
      quietly(
        desk.turns.inTurn(`frames ${request}`, () => takeFrame(agent, request, bytes)),
        agent,
        request,
      ),
    checkpoint: (agent, request, document) =>
      quietly(
        desk.turns.inTurn(`frames ${request}`, () => takeCheckpoint(agent, request, document)),
        agent,
        request,
      ),
    settled: (request) =>
      desk.turns.inTurn(`frames ${request}`, async () => {
        const bytes = carried.get(request) ?? 0
        carried.delete(request)
        return bytes
      }),
    heartbeat: (request, text) => {
      if (beats.size > MAX_STREAMS) beats.clear()
      beats.set(request, text.replace(/[^\x20-\x7e]/g, '?').slice(0, MAX_BEAT_CHARS))
    },
    beat: (request) => beats.get(request),
    forget: (request) => {
      beats.delete(request)
      carried.delete(request)
      for (const [stream, open] of streams) if (open.request === request) streams.delete(stream)
    },
  }
}

/**
 * Vectors of streams: whole, cut, resumed, spoiled; stream checkpoints; the records on the wire.
 *
 * @module
 */
import { OUTCOMES } from '@mystranet/schemas/kinds'
import {
  AnswerContent,
  type AnswerPart,
  CloseContent,
  encode,
  Frame,
  OpenContent,
  StreamCheckpoint,
} from '@mystranet/schemas/messages'
import { aeadSeal } from '#primitives'
import { type Bytes, concat, toHex, u32be, utf8 } from '../../src/bytes.ts'
import { padFrame } from '../../src/envelope/padding.ts'
import { encodeRecord } from '../../src/envelope/record.ts'
import { EMPTY_ROOT } from '../../src/proof/merkle.ts'
import { closeContentOf } from '../../src/stream/close.ts'
import { createFrameWriter } from '../../src/stream/frame.ts'
import { anInstance, fixed, NETWORK, NOW_MS } from './fixed.ts'
import { fixedCore, keysVector, replyDraftOf, replyKeysOf, sealReplyFixed } from './packet.ts'
import { type Agent, type Ask, anAgent, documentOf, instanceVector, requestOf, requestVector } from './request.ts'

const text = (value: string): AnswerPart => ({ text: value })

interface Plot {
  readonly name: string
  readonly payloads: readonly (readonly AnswerPart[])[]
  readonly outcome: keyof typeof OUTCOMES
  readonly final: boolean
  readonly error?: number
}

/** One attempt's whole stream. */
async function tell({ name, payloads, outcome, final, error }: Plot) {
  const sender = await anInstance('sender')
  const agent: Agent = await anAgent('agent 0', 1)
  const ask: Ask = { name: `stream: ${name}`, sender, agents: [agent] }
  const request = await requestOf(ask)
  const responseNonce = fixed(`${ask.name}/response nonce`)
  const { keys } = replyKeysOf(request, agent, responseNonce)
  const reply = { attempt: 1, responseNonce }
  const open = await sealReplyFixed(
    { ...fixedCore(`${ask.name}/open`, 'STREAM_OPEN', replyDraftOf(request, agent, 1n)), ...reply },
    encode(OpenContent, { modelStatement: fixed('a model statement', 80) }),
    keys.open,
    agent,
  )
  const writer = createFrameWriter(open.id, keys.frame)
  const encoded = payloads.map((parts) => encode(AnswerContent, { parts: [...parts] }))
  const checkpoints: { after: number; root: string; document: string }[] = []
  const checkpoint = async () => {
    const [size, root, createdMs] = [writer.count, writer.root(), NOW_MS + 1_000 + 10 * writer.count]
    const body = encode(StreamCheckpoint, { network: NETWORK, streamId: open.id, size, root, createdMs })
    const document = await documentOf('stream-checkpoint', body, agent.signer)
    checkpoints.push({ after: size, root: toHex(root), document: toHex(document) })
  }
  const frames: Bytes[] = []
  for (const [i, payload] of encoded.entries()) {
    frames.push(writer.write(payload, final && i === encoded.length - 1))
    if (writer.count % 64 === 0) await checkpoint()
  }
  if (frames.length > 0 && checkpoints.length === 0) await checkpoint()
  const answer = concat(...encoded)
  const root = frames.length > 0 ? writer.root() : EMPTY_ROOT
  const end = { streamId: open.id, frames: frames.length, root, ended: final, answer, answerSalt: keys.answerSalt }
  const content = closeContentOf(end, { promptTokens: 5, completionTokens: frames.length }, error)
  const sealClose = (closing: CloseContent, code: number, variant: string) =>
    sealReplyFixed(
      { ...fixedCore(`${ask.name}/${variant}`, 'STREAM_CLOSE', replyDraftOf(request, agent, 2n)), ...reply, code },
      encode(CloseContent, closing),
      keys.close,
      agent,
    )
  const close = await sealClose(content, OUTCOMES[outcome], 'close')
  return {
    name,
    ask,
    sender,
    agent,
    request,
    keys,
    responseNonce,
    open,
    frames,
    encoded,
    checkpoints,
    answer,
    content,
    close,
    root,
    sealClose,
  }
}
type Told = Awaited<ReturnType<typeof tell>>

async function streamVector(told: Told, outcome: string, complete: boolean) {
  const { ask, agent, keys, responseNonce, open, frames, encoded, checkpoints, answer, content, close, root } = told
  return {
    name: told.name,
    request: await requestVector(ask, { brief: true }),
    agent: instanceVector(agent),
    responseNonce: toHex(responseNonce),
    keys: keysVector(keys),
    open: toHex(open.bytes),
    streamId: toHex(open.id),
    frames: frames.map((frame, i) => ({ payload: toHex(encoded[i] as Bytes), frame: toHex(frame) })),
    checkpoints,
    root: toHex(root),
    answer: toHex(answer),
    close: toHex(close.bytes),
    closeContent: toHex(encode(CloseContent, content)),
    finish: outcome,
    complete,
  }
}

const SENTENCE = 'Threads that hold each other, one by one, until there is cloth.'
const words = SENTENCE.split(/(?<= )/).map((word) => [text(word)])

/** One step of a reader: what comes, the stream's own frame by its number or other bytes, and what must come of it. */
interface Step {
  readonly i?: number
  readonly frame?: string
  readonly result: string
}

function stepsOf(told: Told, other: Told) {
  const frame = (bytes: Bytes, result: string): Step => ({ frame: toHex(bytes), result })
  const own = (i: number, result = 'ok'): Step => ({ i, result })
  const { frames, keys, open } = told
  const at = (i: number) => frames[i] as Bytes
  const all = frames.map((_, i) => own(i))
  const forged = (i: number, flags: number, framed: Bytes, more: Uint8Array = new Uint8Array(0)): Bytes => {
    const nonce = keys.frame.nonce.slice()
    const view = new DataView(nonce.buffer)
    view.setUint32(8, (view.getUint32(8) ^ i) >>> 0)
    const aad = concat(utf8('mystranet/v1/frame\0'), open.id, u32be(i), Uint8Array.of(flags))
    const ct = aeadSeal(keys.frame.key, nonce, aad, framed)
    return concat(encode(Frame, { streamId: open.id, i, flags, ct }), more)
  }
  const flipped = at(0).slice()
  flipped[flipped.length - 1]! ^= 1
  const overlong = padFrame(utf8('x'))
  overlong[63] = 1
  const first = padFrame(encode(AnswerContent, { parts: [text('Threads ')] }))
  return {
    whole: all,
    'resumed after a lost connection: frames from 2 on': [...all.slice(0, 2), ...all.slice(2)],
    'resumed with a frame that came already': [...all.slice(0, 2), own(1, 'STREAM_INVALID'), ...all.slice(2)],
    'a frame is left out': [own(0), own(2, 'STREAM_INVALID'), ...all.slice(1)],
    'a frame of another stream': [frame(other.frames[0] as Bytes, 'STREAM_INVALID'), ...all],
    'a changed ciphertext': [frame(flipped, 'STREAM_INVALID'), ...all],
    'an unknown flag': [frame(forged(0, 2, first), 'STREAM_INVALID'), ...all],
    'padding that is not zero': [frame(forged(0, 0, overlong), 'STREAM_INVALID'), ...all],
    'a padding of another bucket': [frame(forged(0, 0, concat(first, new Uint8Array(192))), 'STREAM_INVALID'), ...all],
    'a frame after the final one': [...all, frame(forged(frames.length, 0, first), 'STREAM_INVALID')],
    'bytes that are no canonical Frame': [frame(concat(at(0), Uint8Array.of(0x28, 1)), 'FRAME_MALFORMED'), ...all],
  }
}

/** Endings that differ from what was read. */
async function endings(told: Told) {
  const { frames, content, sealClose } = told
  const ending = async (
    name: string,
    read: number,
    change: Partial<CloseContent>,
    result: string,
    code: number = OUTCOMES.STOP,
  ) => ({
    name,
    framesRead: read,
    close: toHex((await sealClose({ ...content, ...change }, code, `close: ${name}`)).bytes),
    result,
  })
  const n = frames.length
  return [
    await ending('whole', n, {}, 'STOP'),
    await ending('whole, with tool calls', n, {}, 'TOOL_CALLS', OUTCOMES.TOOL_CALLS),
    await ending('cut by its length', n, {}, 'LENGTH', OUTCOMES.LENGTH),
    await ending('truncated: the last frame is missing', n - 1, {}, 'STREAM_TRUNCATED'),
    await ending('truncated: all frames are missing', 0, {}, 'STREAM_TRUNCATED'),
    await ending('more frames than it counts', n, { frames: n - 1 }, 'STREAM_INVALID'),
    await ending('another root', n, { root: fixed('another root') }, 'STREAM_INVALID'),
    await ending('another stream', n, { stream: fixed('another stream') }, 'STREAM_INVALID'),
    await ending('another answer', n, { answerCommitment: fixed('another answer') }, 'COMMITMENT_MISMATCH'),
    await ending('a final frame, yet cancelled', n, {}, 'STREAM_INVALID', OUTCOMES.CANCELLED),
    await ending('aborted: frames beyond it are dropped', n, { frames: 1 }, 'ABORTED', OUTCOMES.ABORTED),
  ]
}

async function checkpointRefusals(told: Told, other: Told) {
  const { agent, sender, open, root, frames } = told
  const draft = { network: NETWORK, streamId: open.id, size: frames.length, root, createdMs: NOW_MS + 2_000 }
  const sign = async (change: Partial<StreamCheckpoint>, signer = agent.signer) =>
    toHex(await documentOf('stream-checkpoint', encode(StreamCheckpoint, { ...draft, ...change }), signer))
  const asAnother = await documentOf('finding', encode(StreamCheckpoint, draft), agent.signer)
  return [
    { name: 'right', document: await sign({}), result: 'ok' },
    { name: 'another root', document: await sign({ root: fixed('another root') }), result: 'STREAM_INVALID' },
    { name: 'another stream', document: await sign({ streamId: other.open.id }), result: 'STREAM_INVALID' },
    { name: 'another network', document: await sign({ network: fixed('elsewhere') }), result: 'STREAM_INVALID' },
    { name: 'another key', document: await sign({}, sender.signer), result: 'STREAM_INVALID' },
    { name: 'signed as another thing', document: toHex(asAnother), result: 'SIGNATURE_INVALID' },
    { name: 'no document', document: '00', result: 'DOCUMENT_MALFORMED' },
  ]
}

function records({ open, frames, checkpoints, close }: Told) {
  const list: (readonly [string, Uint8Array])[] = [
    ['heartbeat', utf8('queued 3')],
    ['packet', open.bytes],
    ...frames.map((frame) => ['frame', frame] as const),
    ...checkpoints.map(
      ({ document }) => ['checkpoint', Uint8Array.from(document.match(/../g)!, (x) => Number.parseInt(x, 16))] as const,
    ),
    ['packet', close.bytes],
    ['end', new Uint8Array(0)],
  ]
  const encoded = list.map(([type, value]) => encodeRecord(type as 'packet', value))
  const unknown = concat(Uint8Array.of(200), u32be(3), utf8('new'))
  return {
    bytes: toHex(concat(encoded[0] as Bytes, unknown, ...encoded.slice(1))),
    records: list.map(([type, value]) => ({ type, value: toHex(value) })),
    refused: [
      {
        name: 'a record longer than a packet',
        bytes: toHex(concat(Uint8Array.of(1), u32be(8 * 1024 * 1024 + 1))),
        result: 'STREAM_INVALID',
      },
    ],
  }
}

export async function streams() {
  const whole = await tell({ name: 'whole', payloads: words, outcome: 'STOP', final: true })
  const other = await tell({ name: 'another', payloads: words.slice(0, 2), outcome: 'STOP', final: true })
  const long = Array.from({ length: 70 }, (_, i) => [text(i === 0 ? 'x'.repeat(300) : `${i} `)])
  const call = { toolCall: { id: 'call_1', name: 'clock', arguments: '{"zone":"Oslo"}' } }
  return {
    about: 'Streams: frames, checkpoints, resumption, truncation, the end (protocol §8), the wire (§8.1).',
    network: toHex(NETWORK),
    streams: [
      await streamVector(whole, 'STOP', true),
      await streamVector(
        await tell({ name: '70 frames', payloads: long, outcome: 'LENGTH', final: true }),
        'LENGTH',
        false,
      ),
      await streamVector(
        await tell({ name: 'tool call', payloads: [[call]], outcome: 'TOOL_CALLS', final: true }),
        'TOOL_CALLS',
        true,
      ),
      await streamVector(
        await tell({ name: 'cancelled', payloads: words.slice(0, 3), outcome: 'CANCELLED', final: false, error: 67 }),
        'CANCELLED',
        false,
      ),
      await streamVector(
        await tell({ name: 'no frames', payloads: [], outcome: 'ERROR', final: false, error: 66 }),
        'ERROR',
        false,
      ),
    ],
    of: 'whole',
    sequences: Object.entries(stepsOf(whole, other)).map(([name, steps]) => ({ name, steps })),
    endings: await endings(whole),
    checkpoints: await checkpointRefusals(whole, other),
    wire: records(whole),
  }
}

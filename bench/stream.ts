/**
 * What a frame costs, and what a token weighs on the wire.
 *
 * @module
 */
import crypto from 'node:crypto'
import { readFileSync } from 'node:fs'
import { OUTCOMES } from '../packages/schemas/src/kinds.ts'
import { STREAM_CHECKPOINT_FRAMES, STREAM_CHECKPOINT_MS } from '../packages/schemas/src/limits.ts'
import { aeadOpen, aeadSeal, randomBytes, sha256 } from '../packages/sdk/src/adapters/node/primitives.ts'
import { type Bytes, concat } from '../packages/sdk/src/bytes.ts'
import { encodeRecord } from '../packages/sdk/src/envelope/record.ts'
import { buildRequest } from '../packages/sdk/src/packet/build.ts'
import { anAgent, aSender, NETWORK } from '../packages/sdk/src/packet/fixture.ts'
import { deriveReplyKeys } from '../packages/sdk/src/packet/reply-keys.ts'
import { sealClose, sealOpen } from '../packages/sdk/src/packet/seal.ts'
import { signModelStatement } from '../packages/sdk/src/proof/model-statement.ts'
import { signStreamCheckpoint, verifyStreamCheckpoint } from '../packages/sdk/src/stream/checkpoint.ts'
import { closeContentOf } from '../packages/sdk/src/stream/close.ts'
import { createCoalescer } from '../packages/sdk/src/stream/coalesce.ts'
import { createFrameReader, createFrameWriter } from '../packages/sdk/src/stream/frame.ts'
import { contest, measured, NODE_CRYPTO, type Outcome, round, type Spread, spreadOf } from './contest.ts'
import type { Measured } from './table.ts'

const STREAM_ID = randomBytes(32)
const KEYS = { key: randomBytes(32), nonce: randomBytes(12) }
const BATCH = STREAM_CHECKPOINT_FRAMES * 4
/** A payload of 100 B, what it becomes in its bucket, the aad of a frame. */
const [PAYLOAD, FRAMED, AAD] = [randomBytes(100), randomBytes(256), randomBytes(56)]
/** As long as what a leaf and an inner node are hashed from: a frame and one byte, two hashes and one byte. */
const [LEAF, NODE] = [randomBytes(1 + createFrameWriter(STREAM_ID, KEYS).write(PAYLOAD, false).length), randomBytes(65)]
const WHAT = `frame of 100 B in its 256 B bucket, with leaf, tree and its share of a checkpoint every ${STREAM_CHECKPOINT_FRAMES}`

const rowOf = (outcome: Outcome, what: string): Measured => ({
  ...measured(outcome.oursUs),
  peer: { name: NODE_CRYPTO[0], version: NODE_CRYPTO[1], value: round(outcome.theirsUs.median) },
  note: `${what}; peer: the same AEAD, hashes and share of a signature on inputs that lie ready`,
})

const checkpointOf = (size: number, root: Uint8Array) => ({
  network: NETWORK,
  streamId: STREAM_ID,
  size,
  root,
  createdMs: 1_780_000_000_000,
})

/** Padding, AEAD, encoding, leaf, tree; a signed checkpoint every 64. */
export async function frameMake(pairs: number): Promise<Measured> {
  const { signer } = await aSender()
  const { privateKey } = crypto.generateKeyPairSync('ed25519')
  let [writer, peerFrames] = [createFrameWriter(STREAM_ID, KEYS), 0]
  const outcome = await contest({
    ours() {
      if (writer.count === 1 << 16) writer = createFrameWriter(STREAM_ID, KEYS)
      writer.write(PAYLOAD, false)
      if (writer.count % STREAM_CHECKPOINT_FRAMES !== 0) return undefined
      return signStreamCheckpoint(checkpointOf(writer.count, writer.root()), signer)
    },
    theirs() {
      aeadSeal(KEYS.key, KEYS.nonce, AAD, FRAMED)
      hashesOfAFrame()
      if (++peerFrames % STREAM_CHECKPOINT_FRAMES === 0) crypto.sign(null, FRAMED, privateKey)
    },
    ourBatch: BATCH,
    theirBatch: BATCH,
    pairs,
  })
  return rowOf(outcome, WHAT)
}

/** Strict reading, AEAD, padding, leaf, tree; a verified checkpoint every 64. */
export async function frameCheck(pairs: number): Promise<Measured> {
  const { signer } = await aSender()
  const { privateKey, publicKey } = crypto.generateKeyPairSync('ed25519')
  const writer = createFrameWriter(STREAM_ID, KEYS)
  const frames: Bytes[] = []
  const checkpoints = new Map<number, Bytes>()
  while (writer.count < BATCH) {
    frames.push(writer.write(PAYLOAD, false))
    if (writer.count % STREAM_CHECKPOINT_FRAMES !== 0) continue
    checkpoints.set(writer.count, await signStreamCheckpoint(checkpointOf(writer.count, writer.root()), signer))
  }
  const sealed = aeadSeal(KEYS.key, KEYS.nonce, AAD, FRAMED)
  const signature = crypto.sign(null, FRAMED, privateKey)
  const of = { network: NETWORK, streamId: STREAM_ID, key: signer.publicKey }
  let [reader, peerFrames] = [createFrameReader(STREAM_ID, KEYS), 0]
  const outcome = await contest({
    ours() {
      if (reader.count === BATCH) reader = createFrameReader(STREAM_ID, KEYS)
      reader.read(frames[reader.count]!)
      const checkpoint = checkpoints.get(reader.count)
      return checkpoint && verifyStreamCheckpoint(checkpoint, of, () => reader.root())
    },
    theirs() {
      if (!aeadOpen(KEYS.key, KEYS.nonce, AAD, sealed)) throw new Error('the measured frame does not open')
      hashesOfAFrame()
      if (++peerFrames % STREAM_CHECKPOINT_FRAMES === 0) crypto.verify(null, FRAMED, publicKey, signature)
    },
    ourBatch: BATCH,
    theirBatch: BATCH,
    pairs,
  })
  return rowOf(outcome, WHAT)
}

/** One leaf and, amortised, one inner node. */
function hashesOfAFrame(): void {
  sha256(LEAF)
  sha256(NODE)
}

/** What SmolLM2-135M-Instruct answered at temperature 0, token by token. */
const TOKENS: readonly string[] = JSON.parse(readFileSync(new URL('fixture/answer.json', import.meta.url), 'utf8'))

/**
 * The same tokens at the same moments through both: OPEN, coalesced frames, checkpoints, CLOSE and `end` as records, and
 * the events that llama-server writes. What carries the bytes (HTTP, its chunks, TLS) is left out on both sides, and so
 * are the receipts and keys of an answer, which do not grow with it.
 */
export async function bytesPerToken(): Promise<Measured> {
  const rates = [20, 40, 80]
  const runs = await Promise.all(
    rates.map((tokensPerSecond) => Promise.all([1, 2, 3].map(() => weigh(tokensPerSecond)))),
  )
  const [slow, usual, fast] = runs.map((weights) => spreadOf(weights)) as [Spread, Spread, Spread]
  const sse = eventStreamBytes() / TOKENS.length
  return {
    ...measured(usual),
    goal: round(sse),
    peer: { name: 'OpenAI SSE as llama-server writes it', version: 'chat.completion.chunk', value: round(sse) },
    note:
      `${TOKENS.length} tokens of a real answer at 40/s (${round(slow.median)} at 20/s, ${round(fast.median)} at 80/s); ` +
      'OPEN, frames, checkpoints, CLOSE; without HTTP on both sides, and without the answer’s receipts and keys',
  }
}

/** Bytes for a token. Takes as long as such an answer does. */
async function weigh(tokensPerSecond: number): Promise<number> {
  const { signer, draft, sequence } = await aSender()
  const { candidate, instance } = await anAgent()
  const reply = {
    request: { id: randomBytes(32), core: buildRequest(draft([candidate])).core },
    sender: instance,
    senderKey: signer.publicKey,
    nowMs: 1_780_000_000_000,
    attempt: 1,
    responseNonce: randomBytes(32),
  }
  const keys = deriveReplyKeys({ enc: randomBytes(32), exported: randomBytes(32) }, reply.responseNonce)
  const content = { modelStatement: await signModelStatement(statementOf(instance), signer) }
  const open = await sealOpen({ ...reply, place: sequence.next() }, content, keys, signer)
  const writer = createFrameWriter(open.id, keys.frame)
  const payloads: Bytes[] = []
  let bytes = encodeRecord('packet', open.bytes).length
  let signedMs = performance.now()
  let signing: Promise<unknown> = Promise.resolve()

  async function checkpoint(): Promise<void> {
    const document = await signStreamCheckpoint(
      { ...checkpointOf(writer.count, writer.root()), streamId: open.id },
      signer,
    )
    bytes += encodeRecord('checkpoint', document).length
  }
  const coalescer = createCoalescer((payload, final) => {
    payloads.push(payload)
    bytes += encodeRecord('frame', writer.write(payload, final)).length
    const isDue = performance.now() - signedMs >= STREAM_CHECKPOINT_MS
    if (!isDue && writer.count % STREAM_CHECKPOINT_FRAMES !== 0) return
    signedMs = performance.now()
    signing = checkpoint()
  })
  const begunMs = performance.now()
  for (const [i, token] of TOKENS.entries()) {
    const waitMs = begunMs + (i * 1_000) / tokensPerSecond - performance.now()
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
    coalescer.push(token)
  }
  coalescer.end()
  await signing
  const end = {
    streamId: open.id,
    frames: writer.count,
    root: writer.root(),
    ended: true,
    answer: concat(...payloads),
    answerSalt: keys.answerSalt,
  }
  const usage = { promptTokens: 40, completionTokens: TOKENS.length }
  const close = { ...reply, place: sequence.next(), code: OUTCOMES.STOP }
  bytes += encodeRecord('packet', (await sealClose(close, closeContentOf(end, usage), keys, signer)).bytes).length
  return (bytes + encodeRecord('end').length) / TOKENS.length
}

const statementOf = (agent: Uint8Array) => ({
  network: NETWORK,
  agent,
  name: 'SmolLM2-135M-Instruct.Q4_1.gguf',
  fileDigest: randomBytes(32),
  chatTemplateDigest: randomBytes(32),
  tokenizerDigest: randomBytes(32),
  architecture: 'llama',
  quantisation: 'Q4_1',
  engine: 'node-llama-cpp',
  runtime: 'node-llama-cpp 3.18.1, llama.cpp b8390, cpu',
  runtimeDigest: randomBytes(32),
  contextTokens: 2_048,
  createdMs: 1_780_000_000_000,
})

/**
 * `server_task_result_cmpl_partial::to_json_oaicompat_chat()` and its final counterpart: the fields of llama.cpp's
 * tools/server, with the model's file name and without timings.
 */
function eventStreamBytes(): number {
  const event = (delta: object, finish_reason: string | null = null) =>
    `data: ${JSON.stringify({
      choices: [{ finish_reason, index: 0, delta }],
      created: 1_780_000_000,
      id: 'chatcmpl-8Vr3nFqT0wXzKc5LmY2bJhGdSaPiUoEe',
      model: 'SmolLM2-135M-Instruct.Q4_1.gguf',
      system_fingerprint: 'b8390-0123abc',
      object: 'chat.completion.chunk',
    })}\n\n`
  const events = [
    event({ role: 'assistant', content: null }),
    ...TOKENS.map((content) => event({ content })),
    event({}, 'stop'),
    'data: [DONE]\n\n',
  ]
  return Buffer.byteLength(events.join(''))
}

/** The published vectors of streams, of their records on the wire, and of the sequence window. */
import { bytesOf, type Cases, type Context, each, equal, resultOf } from '../case.ts'
import type { Vectors } from '../make-vectors.ts'

type StreamVector = Vectors['streams']['streams'][number]

const aead = ({ key, nonce }: { readonly key: string; readonly nonce: string }) => ({
  key: bytesOf(key),
  nonce: bytesOf(nonce),
})

const keysOf = ({ keys }: StreamVector) => ({
  open: { ...aead(keys.open), salt: bytesOf(keys.open.salt) },
  close: { ...aead(keys.close), salt: bytesOf(keys.close.salt) },
  frame: aead(keys.frame),
  answerSalt: bytesOf(keys.answerSalt),
})

/** A reader that was fed the first frames. */
function readerOf({ sdk }: Context, vector: StreamVector, frames: number) {
  const reader = sdk.createFrameReader(bytesOf(vector.streamId), keysOf(vector).frame)
  const payloads = vector.frames.slice(0, frames).map(({ frame }) => reader.read(bytesOf(frame)).slice())
  return { reader, payloads }
}

/** What a CLOSE says of the frames that were read. */
async function endOf(context: Context, vector: StreamVector, frames: number, close: string): Promise<string> {
  const { sdk } = context
  const { reader, payloads } = readerOf(context, vector, frames)
  const parsed = sdk.parsePacket(bytesOf(close))
  await sdk.verifyOrigin(parsed, parsed.origin)
  sdk.checkHashes(parsed)
  const { content } = sdk.openStreamClose(parsed, keysOf(vector))
  try {
    return sdk.checkClose(parsed.core.code, content, {
      streamId: bytesOf(vector.streamId),
      frames: reader.count,
      root: reader.root(),
      ended: reader.ended,
      answer: sdk.joinPayloads(payloads),
      answerSalt: bytesOf(vector.keys.answerSalt),
    })
  } catch (error) {
    if (sdk.isPacketError(error)) return error.code
    throw error
  }
}

export const streamCases: Cases = {
  async 'streams: frames made again and read, to the root and the end'(context) {
    const { sdk, data } = context
    await each(
      data.vectors.streams.streams,
      ({ name }) => name,
      async (vector) => {
        const open = sdk.parsePacket(bytesOf(vector.open))
        await sdk.verifyOrigin(open, open.origin)
        equal(open.id, vector.streamId)
        sdk.openStreamOpen(open, keysOf(vector))
        const last = vector.frames.length - 1
        const writer = sdk.createFrameWriter(bytesOf(vector.streamId), keysOf(vector).frame)
        const final = ['STOP', 'TOOL_CALLS', 'LENGTH'].includes(vector.finish)
        for (const [i, { payload, frame }] of vector.frames.entries()) {
          equal(writer.write(bytesOf(payload), final && i === last), frame, `frame ${i}`)
        }
        const { reader, payloads } = readerOf(context, vector, vector.frames.length)
        equal([reader.root(), sdk.joinPayloads(payloads)], [vector.root, vector.answer])
        equal(await endOf(context, vector, vector.frames.length, vector.close), vector.finish)
        const closed = sdk.openStreamClose(sdk.parsePacket(bytesOf(vector.close)), keysOf(vector))
        equal(closed.opening.content, vector.closeContent)
        for (const { after, root, document } of vector.checkpoints) {
          equal(readerOf(context, vector, after).reader.root(), root)
          const of = { network: open.core.network, streamId: open.id, key: open.core.senderKey }
          const checkpoint = await sdk.verifyStreamCheckpoint(bytesOf(document), of, () => bytesOf(root))
          equal(checkpoint.size, after)
        }
      },
    )
  },
  async 'streams: resumed, out of order, spoiled'(context) {
    const { streams, sequences, of } = context.data.vectors.streams
    const vector = streams.find(({ name }) => name === of) as StreamVector
    await each(
      sequences,
      ({ name }) => name,
      async ({ steps }) => {
        const { reader } = readerOf(context, vector, 0)
        for (const step of steps) {
          const bytes = step.frame ?? vector.frames[step.i as number]!.frame
          equal(await resultOf(context.sdk, () => reader.read(bytesOf(bytes))), step.result)
        }
        equal([reader.root(), reader.count], [vector.root, vector.frames.length])
      },
    )
  },
  async 'streams: truncated, cut and contradicted ends'(context) {
    const { streams, endings, of } = context.data.vectors.streams
    const vector = streams.find(({ name }) => name === of) as StreamVector
    await each(
      endings,
      ({ name }) => name,
      async ({ framesRead, close, result }) => {
        equal(await endOf(context, vector, framesRead, close), result)
      },
    )
  },
  async 'streams: checkpoints'(context) {
    const { sdk } = context
    const { streams, checkpoints, of, network } = context.data.vectors.streams
    const vector = streams.find(({ name }) => name === of) as StreamVector
    const whole = {
      network: bytesOf(network),
      streamId: bytesOf(vector.streamId),
      key: bytesOf(vector.agent.packetKey),
    }
    await each(
      checkpoints,
      ({ name }) => name,
      async ({ document, result }) => {
        const root = (size: number) => readerOf(context, vector, size).reader.root()
        equal(await resultOf(sdk, () => sdk.verifyStreamCheckpoint(bytesOf(document), whole, root)), result)
      },
    )
  },
  async 'records: read in chunks of any size'({ sdk, data }) {
    const { wire } = data.vectors.streams
    const bytes = bytesOf(wire.bytes)
    for (const size of [1, 7, 100, bytes.length]) {
      const parser = sdk.createRecordParser()
      const got = []
      for (let at = 0; at < bytes.length; at += size) got.push(...parser.push(bytes.subarray(at, at + size)))
      equal(got, wire.records, `records in chunks of ${size}`)
      equal(parser.pending, 0)
    }
    for (const row of wire.refused)
      equal(await resultOf(sdk, () => sdk.createRecordParser().push(bytesOf(row.bytes))), row.result)
  },
  async 'replay: sequence windows and epochs'({ sdk, data }) {
    const { sequences, epochsKept, windowSlots } = data.vectors.replays
    equal([epochsKept, windowSlots], [sdk.limits.EPOCHS_KEPT, sdk.limits.REPLAY_WINDOW_SLOTS])
    await each(
      sequences,
      ({ name }) => name,
      ({ steps }) => {
        const epochs = new Map<bigint, { highest: bigint; readonly slots: Map<bigint, string> }>()
        for (const { epoch, seq, id, result } of steps) {
          const [at, n] = [BigInt(epoch), BigInt(seq)]
          const kept = [...new Set([...epochs.keys(), at])].sort((a, b) => (a < b ? 1 : -1)).slice(0, epochsKept)
          if (!kept.includes(at)) {
            equal('EPOCH_STALE', result)
            continue
          }
          for (const old of epochs.keys()) if (!kept.includes(old)) epochs.delete(old)
          const window = epochs.get(at) ?? { highest: 0n, slots: new Map() }
          epochs.set(at, window)
          const inWindow = n + BigInt(windowSlots) > window.highest
          const verdict = sdk.judgeSequence(n, id, window.highest, inWindow ? window.slots.get(n) : undefined)
          equal(verdict === 'replayed' ? 'REPLAYED' : verdict, result, `${epoch}/${seq} ${id}`)
          if (verdict === 'fresh') window.slots.set(n, id)
          if (verdict === 'fresh' && n > window.highest) window.highest = n
        }
      },
    )
  },
}

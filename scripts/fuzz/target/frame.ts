import { decode, encode, Frame } from '../../../packages/schemas/src/messages.ts'
import { aeadSeal } from '../../../packages/sdk/src/adapters/node/primitives.ts'
import { createFrameReader } from '../../../packages/sdk/src/stream/frame.ts'
import type { Random } from '../random.ts'
import { judgedNow, promise, same, type Target } from '../target.ts'
import { fromHex, vector } from '../vector.ts'

/** One frame after `input[0]` honest ones of the same stream, which were read before it. */
export const target: Target = {
  name: 'frame',
  inputs: 100_000,
  codes: ['FRAME_MALFORMED', 'STREAM_INVALID'],
  covers: ['sdk/stream/frame.ts createFrameReader'],
  async open() {
    const [stream] = vector('streams').streams
    if (stream === undefined) throw new Error('no streams')
    const [frames, streamId] = [stream.frames.map(({ frame }) => fromHex(frame)), fromHex(stream.streamId)]
    const keys = { key: fromHex(stream.keys.frame.key), nonce: fromHex(stream.keys.frame.nonce) }
    const placed = (at: number, frame: Uint8Array) => new Uint8Array(Buffer.concat([Uint8Array.of(at), frame]))
    const seeds = frames.map((frame, i) => placed(i, frame))
    const changed = (change: (frame: Frame, random: Random) => Frame) => ({
      make(random: Random) {
        const i = random.below(frames.length)
        return placed(i, encode(Frame, change(decode(Frame, frames[i] as Uint8Array), random)))
      },
    })
    return {
      manner: 'bytes',
      seeds,
      twists: [
        changed((frame, random) => ({ ...frame, i: random.below(2 ** 20) })),
        changed((frame, random) => ({ ...frame, flags: random.below(4) })),
        changed((frame, random) => ({ ...frame, streamId: random.bytes(32) as Uint8Array<ArrayBuffer> })),
        changed((frame, random) => ({ ...frame, ct: random.bytes(frame.ct.length) as Uint8Array<ArrayBuffer> })),
        // Padding that is not that of its length, and sealed all the same.
        {
          make(random) {
            const i = random.below(frames.length)
            const nonce = keys.nonce.slice()
            nonce[11] = (nonce[11] as number) ^ i
            const place = Uint8Array.of(0, 0, 0, i, 0)
            const aad = new Uint8Array(Buffer.concat([Buffer.from('mystranet/v1/frame\0'), streamId, place]))
            const framed = random.bytes(random.pick([2, 64, 65, 256, 1_024]))
            return placed(
              i,
              encode(Frame, { streamId: streamId as never, i, ct: aeadSeal(keys.key, nonce, aad, framed) }),
            )
          },
        },
        { make: (random) => placed(random.below(frames.length), random.pick(frames)) },
      ],
      run(input) {
        const at = Math.min(frames.length, input[0] ?? 0)
        const reader = createFrameReader(streamId, keys)
        for (const frame of frames.slice(0, at)) reader.read(frame)
        const frame = input.subarray(1)
        const found = judgedNow(() => void reader.read(frame))
        // Another may be made with the key, which the fuzzer has; its bytes are then the only encoding of it.
        if (found === 'ok') promise(same(encode(Frame, decode(Frame, frame)), frame), 'it has a second encoding')
        else promise(reader.count === at, 'a frame that was refused moved its reader')
        return found
      },
    }
  },
}

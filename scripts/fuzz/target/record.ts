import { createRecordParser, encodeRecord } from '../../../packages/sdk/src/envelope/record.ts'
import { judgedNow, promise, type Target } from '../target.ts'
import { fromHex, vector } from '../vector.ts'

/** The records of an answer, in pieces of `input[0]` bytes: whatever the pieces are, the records are the same. */
export const target: Target = {
  name: 'record',
  inputs: 50_000,
  codes: ['STREAM_INVALID'],
  covers: ['sdk/envelope/record.ts createRecordParser'],
  async open() {
    const whole = fromHex(vector('streams').wire.bytes)
    const part = (bytes: Uint8Array, size: number) => new Uint8Array(Buffer.concat([Uint8Array.of(size), bytes]))
    const seeds = [
      part(whole, 200),
      part(whole.subarray(0, 400), 7),
      part(encodeRecord('heartbeat', new Uint8Array(3)), 1),
      part(encodeRecord('end'), 9),
    ]
    return {
      manner: 'bytes',
      seeds,
      twists: [{ make: (random) => part(new Uint8Array([random.below(256), 0xff, ...random.bytes(40)]), 3) }],
      run: (input) =>
        judgedNow(() => {
          const size = 1 + (input[0] ?? 0)
          const bytes = input.subarray(1)
          const [pieces, once] = [createRecordParser(), createRecordParser()]
          const found = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
            pieces.push(bytes.subarray(i * size, (i + 1) * size)),
          ).flat()
          const all = once.push(bytes)
          promise(found.length === all.length && pieces.pending === once.pending, 'the pieces change what is read')
        }),
    }
  },
}

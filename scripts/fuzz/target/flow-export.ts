import { flowCollector } from '../../../packages/detector/src/flow/export/collector.ts'
import { be16, be32, bytes } from '../../../packages/detector/test/wire.ts'
import { promise, type Target } from '../target.ts'

const set = (id: number, ...body: (number[] | Uint8Array)[]) => {
  const inner = bytes(...body)
  return bytes(be16(id), be16(inner.length + 4), inner)
}
const ipfix = (...sets: Uint8Array[]) => {
  const body = bytes(...sets)
  return bytes(be16(10), be16(16 + body.length), be32(1_700_000_000), be32(1), be32(77), body)
}
const netflow9 = (...sets: Uint8Array[]) =>
  bytes(be16(9), be16(sets.length), be32(100_000), be32(1_700_000_000), be32(1), be32(42), ...sets)
const TEMPLATE = [1, 0, 0, 4, 0, 8, 0, 4, 0, 82, 255, 255, 0, 7, 0, 2, 0, 1, 0, 4]
const FLOW = [198, 51, 100, 7, 2, 65, 66, 0, 53, 0, 0, 5, 0]

/** One datagram of an exporter. One of which something was left out counts as `SKIPPED`. */
export const target: Target = {
  name: 'flow-export',
  inputs: 200_000,
  codes: ['SKIPPED'],
  covers: ['detector/flow/export/collector.ts flowCollector'],
  async open() {
    return {
      manner: 'bytes',
      seeds: [
        bytes(be16(5), be16(1), new Uint8Array(20), new Uint8Array(48).fill(7)),
        ipfix(set(2, TEMPLATE), set(256, FLOW, FLOW)),
        ipfix(set(3, [1, 1, 0, 2, 0, 1, 0, 149, 0, 4, 0, 34, 0, 4]), set(257, be32(1), be32(100))),
        netflow9(set(0, [1, 0, 0, 2, 0, 8, 0, 4, 0, 2, 0, 4]), set(256, be32(1), be32(2))),
        bytes(be32(5), be32(1), new Uint8Array(16), be32(1), be32(2), be32(4), be32(0)),
        bytes(
          [...be32(5), ...be32(1), ...be32(1), ...be32(0), ...be32(1), ...be32(2), ...be32(1)],
          [...be32(1), ...be32(72), ...new Uint8Array(28), ...be32(1), ...be32(3), ...be32(32), ...new Uint8Array(32)],
        ),
      ],
      async run(input) {
        let records = 0
        const { push, counts } = flowCollector(
          ({ source, destination }) => {
            records++
            for (const address of [source, destination]) {
              promise(address === undefined || address.length === 4 || address.length === 16, 'an odd address')
            }
          },
          { maxTemplates: 8 },
        )
        push(input, 'exporter', 0)
        promise(records === counts.records && records <= input.length, 'more records than bytes')
        const { malformed, malformedTemplates, unknownVersion, withoutTemplate, unreadableSamples, evicted } = counts
        const left = malformed + malformedTemplates + unknownVersion + withoutTemplate + unreadableSamples + evicted
        return left === 0 ? 'ok' : 'SKIPPED'
      },
    }
  },
}

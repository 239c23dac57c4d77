import { captureReader, decodeFrame, newPacket } from '../../../packages/detector/src/capture/reader.ts'
import { DetectorError } from '../../../packages/detector/src/errors.ts'
import {
  bytes,
  describeInterface,
  enhanced,
  ethernet,
  ip4,
  ip6,
  pcap,
  section,
  tcp,
  udp,
} from '../../../packages/detector/test/wire.ts'
import { promise, type Target } from '../target.ts'

/** A capture, and the headers in it. A capture of which something was left out counts as `SKIPPED`. */
export const target: Target = {
  name: 'capture',
  inputs: 100_000,
  codes: ['DOCUMENT_MALFORMED', 'SKIPPED'],
  covers: ['detector/capture/reader.ts captureReader', 'detector/capture/decode.ts decodeFrame'],
  async open() {
    const frames = [
      ethernet(ip4(tcp({ flags: 2, options: [2, 4, 5, 180] }), { options: [7, 4, 4, 0] })),
      ethernet(ip4(udp(20), { protocol: 17, fragment: 0x2000 }), 0x0800, [0x88a8, 0x8100]),
      ethernet(ip6(bytes([44, 0, 1, 4, 0, 0, 0, 0], [17, 0, 0, 1, 0, 0, 0, 1], udp(4)), 0), 0x86dd),
    ]
    const packet = newPacket()
    return {
      manner: 'bytes',
      seeds: [
        pcap(frames.map((frame) => ({ frame }))),
        pcap([{ frame: ip4(tcp()) }], { isLittle: false, isNano: true, linkType: 101 }),
        bytes(
          section(),
          describeInterface(1, { options: [9, 0, 1, 0, 9, 0, 0, 0] }),
          ...frames.map((one) => enhanced(one)),
        ),
        bytes(section(false), describeInterface(1, { isLittle: false }), enhanced(frames[0]!, { isLittle: false })),
      ],
      async run(input) {
        let skipped = 0
        const reader = captureReader((frame) => {
          promise(frame.start <= frame.end && frame.end <= frame.data.length, 'a frame lies outside its bytes')
          if (decodeFrame(frame, packet) !== undefined) skipped++
          else promise(packet.payloadBytes >= 0 && packet.payloadBytes <= packet.ipBytes, 'more payload than packet')
        })
        try {
          for (let at = 0; at < input.length; at += 61) reader.push(input.subarray(at, at + 61))
          const { frames: _, ...wrong } = reader.end()
          return Object.values(wrong).every((count) => count === 0) && skipped === 0 ? 'ok' : 'SKIPPED'
        } catch (cause) {
          if (cause instanceof DetectorError) return cause.code
          throw cause
        }
      },
    }
  },
}

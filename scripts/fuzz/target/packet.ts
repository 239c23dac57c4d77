import { encode, Packet, Recipients } from '../../../packages/schemas/src/messages.ts'
import { checkHashes, verifyOrigin } from '../../../packages/sdk/src/envelope/origin.ts'
import { parsePacket } from '../../../packages/sdk/src/envelope/parse.ts'
import { CORE_CHANGES, CORE_CODES, packetSeeds } from '../packet-seed.ts'
import type { Random } from '../random.ts'
import { judged, promise, same, type Target } from '../target.ts'

/** A packet as everybody meets it: gates, signature, hashes. */
export const target: Target = {
  name: 'packet',
  inputs: 150_000,
  codes: [
    'PACKET_TOO_LARGE',
    'HEADER_TOO_LARGE',
    'PACKET_MALFORMED',
    ...CORE_CODES,
    'RECIPIENTS_MISMATCH',
    'SIGNATURE_INVALID',
    'CIPHERTEXT_MISMATCH',
  ],
  covers: ['sdk/envelope/parse.ts parsePacket', 'sdk/envelope/parse.ts read', 'sdk/envelope/origin.ts verifyOrigin'],
  async open() {
    const { valid, refused, signed, resigned, resignedBroken } = await packetSeeds()
    return {
      manner: 'wire',
      seeds: valid,
      twists: [
        ...refused.map((packet) => ({ make: () => packet })),
        ...CORE_CHANGES.map((change) => ({
          make: (random: Random) => resigned(random, (core) => change(core, random)),
        })),
        ...Array.from({ length: 20 }, () => ({ make: resignedBroken })),
        { weight: 0.3, make: (random) => new Uint8Array(8 * 1024 * 1024 + 320 * 1024 + 1 + random.below(9)) },
      ],
      run: (input) =>
        judged(async () => {
          const parsed = parsePacket(input)
          const { header, recipientsBytes, recipients, ciphertext, delivery, origin } = parsed
          const again = encode(Packet, { header, recipients: recipientsBytes, ciphertext, delivery, ...origin })
          promise(same(again, input), 'it has a second encoding')
          promise(
            recipients === undefined || same(encode(Recipients, recipients), recipientsBytes as Uint8Array),
            'its recipients have a second encoding',
          )
          await verifyOrigin(parsed, origin)
          signed.hold(header)
          checkHashes(parsed)
        }),
    }
  },
}

import { decode, encode, Header, HeaderCore, Packet } from '../../../packages/schemas/src/messages.ts'
import { parseHeader } from '../../../packages/sdk/src/envelope/parse.ts'
import { CORE_CHANGES, CORE_CODES, packetSeeds } from '../packet-seed.ts'
import type { Random } from '../random.ts'
import { judgedNow, promise, same, type Target } from '../target.ts'

export const target: Target = {
  name: 'header',
  inputs: 120_000,
  codes: ['HEADER_TOO_LARGE', 'PACKET_MALFORMED', ...CORE_CODES, 'RECIPIENTS_MISMATCH'],
  covers: ['sdk/envelope/parse.ts parseHeader'],
  async open() {
    const { valid } = await packetSeeds()
    const seeds = valid.map((packet) => decode(Packet, packet).header)
    return {
      manner: 'wire',
      seeds,
      twists: [
        ...CORE_CHANGES.map((change) => ({
          make(random: Random) {
            const header = decode(Header, random.pick(seeds.slice(0, 8)))
            return encode(Header, {
              ...header,
              core: encode(HeaderCore, change(decode(HeaderCore, header.core), random)),
            })
          },
        })),
        { weight: 0.5, make: (random) => random.bytes(4_001 + random.below(200)) },
      ],
      run: (input) =>
        judgedNow(() => {
          const { core, coreBytes, recipientsHash, ciphertextHash } = parseHeader(input)
          promise(same(encode(HeaderCore, core), coreBytes), 'its core has a second encoding')
          promise(
            same(encode(Header, { core: coreBytes, recipientsHash, ciphertextHash }), input),
            'it has a second encoding',
          )
        }),
    }
  },
}

import { openPacketJson } from '../../../packages/sdk/src/envelope/json.ts'
import { parsePacket } from '../../../packages/sdk/src/envelope/parse.ts'
import { CORE_CODES, packetSeeds } from '../packet-seed.ts'
import type { Random } from '../random.ts'
import { judgedNow, promise, same, type Target } from '../target.ts'
import { utf8 } from '../vector.ts'

const without = (json: object, name: string) =>
  Object.fromEntries(Object.entries(json).filter(([each]) => each !== name))

/** A packet as JSON text, to its exact bytes. */
export const target: Target = {
  name: 'packet-json',
  inputs: 30_000,
  codes: ['PACKET_TOO_LARGE', 'PACKET_MALFORMED', ...CORE_CODES, 'RECIPIENTS_MISMATCH'],
  covers: [
    'sdk/envelope/json.ts openPacketJson',
    'sdk/envelope/json-text.ts parseJsonText',
    'sdk/envelope/json-parts.ts partsOfJson',
  ],
  async open() {
    const { valid } = await packetSeeds()
    const json = await openPacketJson()
    const written = valid.map((packet) => json.write(packet) as object)
    const sealed = written.filter((value) => 'Candidate_Instance_IDs' in value)
    const changed = (change: (value: object, random: Random) => object) => ({
      make: (random: Random) => utf8(JSON.stringify(change(random.pick(written), random))),
    })
    return {
      manner: 'json',
      seeds: written.map((each) => utf8(JSON.stringify(each))),
      twists: [
        changed((value, random) => ({ ...value, Format_Version: 2 + random.below(9) })),
        changed((value, random) => ({ ...value, Cipher_Suite: 3 + random.below(9) })),
        changed((value) => ({ ...value, NLD_Directive_Type: 'SOMETHING_ELSE' })),
        changed((value) => ({ ...value, Schema_Digest: 'ab'.repeat(32) })),
        changed((value, random) => without(value, random.pick(Object.keys(value)))),
        { make: (random) => utf8(JSON.stringify(random.pick(written)).replace('{', '{"Payload":"",')) },
        { weight: 0.2, make: (random) => new Uint8Array(10 * 1024 * 1024 + 1 + random.below(9)).fill(0x20) },
        changed((_, random) => {
          const some = random.pick(sealed) as { readonly Candidate_Instance_IDs: readonly string[] }
          return { ...some, Candidate_Instance_IDs: some.Candidate_Instance_IDs.with(0, 'cd'.repeat(32)) }
        }),
      ],
      run: (input) =>
        judgedNow(() => {
          const packet = json.read(input)
          parsePacket(packet)
          promise(same(json.read(JSON.stringify(json.write(packet))), packet), 'it does not survive')
        }),
    }
  },
}

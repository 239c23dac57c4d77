import { encode, HeaderCore } from '../../../packages/schemas/src/messages.ts'
import { parseProjection, project } from '../../../packages/schemas/src/projection.ts'
import { jsonOfPacket } from '../../../packages/sdk/src/envelope/json-parts.ts'
import { jsonOf } from '../mutate/json.ts'
import { packetSeeds } from '../packet-seed.ts'
import { judgedNow, promise, same, type Target } from '../target.ts'
import { utf8 } from '../vector.ts'

/** The JSON projection of a packet, value by value. */
export const target: Target = {
  name: 'projection',
  inputs: 60_000,
  codes: ['SCHEMA'],
  covers: ['schemas/projection.ts parseProjection'],
  async open() {
    const { valid } = await packetSeeds()
    return {
      manner: 'json',
      seeds: valid.map((packet) => utf8(JSON.stringify(jsonOfPacket(packet)))),
      run: (input) =>
        judgedNow(() => {
          const parts = parseProjection(jsonOf(input))
          const again = parseProjection(JSON.parse(JSON.stringify(project(parts))))
          promise(same(encode(HeaderCore, again.core), encode(HeaderCore, parts.core)), 'its core does not survive')
          promise(same(again.packetId, parts.packetId), 'its id does not survive')
          promise(same(again.payload, parts.payload), 'its payload does not survive')
        }),
    }
  },
}

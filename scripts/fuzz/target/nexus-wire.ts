import {
  encodeAsk,
  encodeDatagram,
  encodeRefusal,
  readAsk,
  readDatagram,
  readRefusal,
} from '../../../packages/router/src/adapters/nats-nexus-wire.ts'
import { RouterError } from '../../../packages/router/src/errors.ts'
import { promise, same, type Target } from '../target.ts'

/** What edges and nexus say to each other, and one's refusal as the other reads it. */
export const target: Target = {
  name: 'nexus-wire',
  inputs: 50_000,
  codes: ['NO_MESSAGE', 'ROUTER_MISBEHAVED'],
  covers: [
    'router/adapters/nats-nexus-wire.ts readAsk',
    'router/adapters/nats-nexus-wire.ts readDatagram',
    'router/adapters/nats-nexus-wire.ts readRefusal',
  ],
  async open() {
    const body = new Uint8Array(30).fill(3)
    const refusal = new RouterError('RATE_LIMITED', 'Cannot take it', { retryAfterMs: 900, packet: 'a'.repeat(64) })
    return {
      manner: 'bytes',
      seeds: [
        encodeAsk({ deadlineMs: 2_000, length: 90, name: 'a'.repeat(64), body }),
        encodeDatagram('part', 7, body),
        encodeDatagram('refused', 0, encodeRefusal(refusal)),
        encodeRefusal(refusal),
      ],
      run(input) {
        const ask = readAsk(input)
        if (ask !== undefined) promise(same(encodeAsk(ask), input), 'an ask has a second form')
        const datagram = readDatagram(input)
        if (datagram !== undefined) {
          promise(
            same(encodeDatagram(datagram.kind, datagram.number, datagram.payload), input),
            'a datagram has a second form',
          )
        }
        if (ask ?? datagram) return 'ok'
        if (input[0] !== 0x7b) return 'NO_MESSAGE'
        const { code, message } = readRefusal(input)
        promise(message.length <= 500, 'a refusal is longer than it may be')
        return code === 'ROUTER_MISBEHAVED' ? code : 'ok'
      },
    }
  },
}

import {
  decodeAgentMessage,
  decodeRouterMessage,
  encodeAgentMessage,
  encodeRouterMessage,
} from '../../../packages/schemas/src/link-wire.ts'
import { promise, same, type Target } from '../target.ts'

const id = new Uint8Array(32).fill(1)
const blob = new Uint8Array(40).fill(2)

/** Messages between router and agent. What is none is `undefined`, counted as `NO_MESSAGE`. */
export const target: Target = {
  name: 'link',
  inputs: 80_000,
  codes: ['NO_MESSAGE'],
  covers: ['schemas/link-wire.ts decodeAgentMessage', 'schemas/link-wire.ts decodeRouterMessage'],
  async open() {
    const agent = [
      { type: 'hello', instance: id, slots: 2, models: ['a', 'é'] },
      { type: 'keys', id: 1, events: [blob, blob] },
      { type: 'statement', id: 2, document: blob },
      { type: 'reply', id: 3, packet: blob },
      { type: 'frame', request: id, frame: blob },
      { type: 'heartbeat', request: id, text: 'queued 3' },
      { type: 'progress', lease: 'x' },
      { type: 'presence', running: 1, queued: 2, canaryMs: 1_780_000_000_000, draining: false, tokensPerSecond: 3.5 },
      { type: 'log', line: 'a line' },
    ] as const
    const router = [
      { type: 'deliver', lease: 'l', leaseMs: 5, packet: blob },
      { type: 'cancel', packet: blob, senderKeys: blob },
      { type: 'done', id: 4, receipts: [blob] },
      { type: 'refused', id: 5, code: 'AGENT_BUSY', message: 'no' },
      { type: 'drain' },
    ] as const
    return {
      manner: 'bytes',
      seeds: [...agent.map(encodeAgentMessage), ...router.map(encodeRouterMessage)],
      run(input) {
        const [said, told] = [decodeAgentMessage(input), decodeRouterMessage(input)]
        promise(said === undefined || told === undefined, 'it is a message of both')
        if (said !== undefined) promise(same(encodeAgentMessage(said), input), 'it has a second encoding')
        if (told !== undefined) promise(same(encodeRouterMessage(told), input), 'it has a second encoding')
        return (said ?? told) ? 'ok' : 'NO_MESSAGE'
      },
    }
  },
}

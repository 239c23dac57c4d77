import { Addendum, encode, Frame, type HeaderCore, StreamCheckpoint } from '@mystranet/schemas/messages'
import { toHex } from '@mystranet/sdk/bytes'
import { signDocument } from '@mystranet/sdk/envelope'
import { describe, expect, it, vi } from 'vitest'
import { testSigner } from '../../../sdk/test/note-keys.ts'
import { memoryAnswerStore } from '../adapters/memory/answer-store.ts'
import { createMetrics } from '../metrics.ts'
import type { Desk } from './desk.ts'
import { createFrames } from './frames.ts'
import { createTurns } from './turns.ts'

// A million frames would take the test as long as the rest of them.
vi.mock('@mystranet/schemas/limits', async (original) => ({ ...(await original<object>()), MAX_FRAMES: 2 }))

const sender = new Uint8Array(32).fill(5)
const streamId = new Uint8Array(32).fill(6)
const [agent, stream] = [toHex(sender), toHex(streamId)]

function framesWith(receipt?: Uint8Array, named: Partial<Addendum> = { sender, senderKey: sender }) {
  const addendum = encode(Addendum, { nonce: new Uint8Array(16), recipients: [], ...named })
  const reply = { id: stream, kind: 'STREAM_OPEN', attempt: 1, draft: { addendum }, receipt }
  const answers = memoryAnswerStore()
  const packets = { find: async () => ({ record: { replies: [reply] } }) }
  const metrics = createMetrics()
  const desk = { turns: createTurns(), answers, packets, metrics, trace: { fault: () => undefined } }
  return {
    frames: createFrames(desk as unknown as Desk),
    frameOf: (i: number) => encode(Frame, { streamId, i: i === 0 ? undefined : i, ct: new Uint8Array(80) }),
    kept: async (request: string) => (await answers.read(request, 0, 9, 1_000)).length,
    dropped: () =>
      [...metrics.render([]).matchAll(/frames_dropped_total\{reason="(\w+)"\}/g)].map(([, reason]) => reason),
  }
}

describe('a frame', () => {
  it.each([
    ['is dropped while its OPEN is not confirmed', undefined, 0],
    ['is taken once its OPEN is', new Uint8Array(1), 1],
  ])('%s', async (_, receipt, count) => {
    const { frames, frameOf, kept, dropped } = framesWith(receipt)
    await frames.frame(agent, 'request', frameOf(0))
    expect(await kept('request')).toBe(count)
    expect(dropped()).toEqual(count === 0 ? ['stream'] : [])
  })

  it.each([
    ['key', { sender }],
    ['sender', { senderKey: sender }],
  ])('is dropped where the leaf of its OPEN names no %s', async (_, named) => {
    const { frames, frameOf, dropped } = framesWith(new Uint8Array(1), named)
    await frames.frame(agent, 'request', frameOf(0))
    expect(dropped()).toEqual(['stream'])
  })

  it('of the stream of another request is dropped', async () => {
    const { frames, frameOf, kept, dropped } = framesWith()
    frames.open('request', stream, { sender, senderKey: sender } as HeaderCore)
    await frames.frame(agent, 'other', frameOf(0))
    expect([await kept('other'), dropped()]).toEqual([0, ['stream']])
  })

  it('beyond the limit is dropped', async () => {
    const { frames, frameOf, kept, dropped } = framesWith(new Uint8Array(1))
    for (const i of [0, 1, 2]) await frames.frame(agent, 'request', frameOf(i))
    expect([await kept('request'), dropped()]).toEqual([2, ['order']])
  })
})

it('a checkpoint of a stream that did not open is dropped', async () => {
  const { frames, dropped } = framesWith()
  const body = encode(StreamCheckpoint, { network: sender, streamId, size: 1, root: sender, createdMs: 1 })
  await frames.checkpoint(agent, 'request', await signDocument('stream-checkpoint', body, testSigner('agent', 1)))
  expect(dropped()).toEqual(['checkpoint'])
})

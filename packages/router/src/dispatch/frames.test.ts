import { Addendum, encode, Frame } from '@mystranet/schemas/messages'
import { toHex } from '@mystranet/sdk/bytes'
import { describe, expect, it } from 'vitest'
import { memoryAnswerStore } from '../adapters/memory/answer-store.ts'
import { createMetrics } from '../metrics.ts'
import type { Desk } from './desk.ts'
import { createFrames } from './frames.ts'
import { createTurns } from './turns.ts'

describe('a frame', () => {
  it.each([
    ['is dropped while its OPEN is not confirmed', undefined, 0],
    ['is taken once its OPEN is', new Uint8Array(1), 1],
  ])('%s', async (_, receipt, count) => {
    const sender = new Uint8Array(32).fill(5)
    const streamId = new Uint8Array(32).fill(6)
    const addendum = encode(Addendum, { nonce: new Uint8Array(16), sender, senderKey: sender, recipients: [] })
    const reply = { id: toHex(streamId), kind: 'STREAM_OPEN', attempt: 1, draft: { addendum }, receipt }
    const answers = memoryAnswerStore()
    const packets = { find: async () => ({ record: { replies: [reply] } }) }
    const desk = { ...createTurns(), answers, packets, metrics: createMetrics() }
    const frames = createFrames({ ...desk, turns: desk } as unknown as Desk)
    await frames.frame(toHex(sender), 'request', encode(Frame, { streamId, ct: new Uint8Array(80) }))
    expect(await answers.read('request', 0, 9, 1_000)).toHaveLength(count)
  })
})

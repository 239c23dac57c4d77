import { createRecordParser } from '@mystranet/sdk/envelope'
import { describe, expect, it } from 'vitest'
import { answerStream } from './answer-stream.ts'
import type { AnswerReader } from './nexus.ts'
import type { StoredAnswerRecord } from './ports.ts'

const page = (position: number): StoredAnswerRecord[] => [
  { type: 'frame', key: `f${position}`, value: new Uint8Array(100), frame: position, position },
]

/** A reader over so many pages that counts what was asked of it. */
function countingReader(pages: number, wait: (ms: number) => Promise<void> = async () => {}) {
  const state = { asked: 0, closed: 0, isEnded: true }
  const reader: AnswerReader = {
    async next() {
      if (state.asked >= pages) return []
      state.asked += 1
      return page(state.asked)
    },
    ended: async () => state.isEnded,
    closing: async () => [{ type: 'sender-keys', value: new Uint8Array(0) }],
    changed: wait,
    heartbeat: () => 'running',
    close: () => {
      state.closed += 1
    },
  }
  return { state, reader }
}

describe('answerStream()', () => {
  it('begins with a heartbeat, gives all pages and what closes it, and ends with record 0', async () => {
    const { state, reader } = countingReader(3)
    const bytes = new Uint8Array(await new Response(answerStream(reader, 10)).arrayBuffer())
    const types = createRecordParser()
      .push(bytes)
      .map(({ type }) => type)
    expect(types).toEqual(['heartbeat', 'frame', 'frame', 'frame', 'sender-keys', 'end'])
    expect(state.closed).toBe(1)
  })

  it('asks for a page only when its reader took the one before', async () => {
    const { state, reader } = countingReader(1_000)
    const stream = answerStream(reader, 10).getReader()
    await stream.read()
    await stream.read()
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(state.asked).toBeLessThanOrEqual(2)
    await stream.cancel()
    expect(state.closed).toBe(1)
  })

  it('beats while nothing comes', async () => {
    const { state, reader } = countingReader(0, (ms) => new Promise((resolve) => setTimeout(resolve, ms)))
    state.isEnded = false
    const stream = answerStream(reader, 5).getReader()
    const parser = createRecordParser()
    for (let i = 0; i < 3; i++) {
      const { value = new Uint8Array(0) } = await stream.read()
      expect(parser.push(value).map(({ type }) => type)).toEqual(['heartbeat'])
    }
    await stream.cancel()
  })

  it('is cut, without record 0, when the store fails', async () => {
    const { state, reader } = countingReader(0)
    const failing = { ...reader, next: () => Promise.reject(new Error('disk')) }
    const stream = answerStream(failing, 5).getReader()
    await stream.read()
    await expect(stream.read()).rejects.toThrow('disk')
    expect(state.closed).toBe(1)
  })
})

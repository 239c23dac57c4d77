import type { ChatRequest } from '@mystranet/schemas/messages'
import { describe, expect, it } from 'vitest'
import { scriptedEngine } from './adapters/scripted-engine.ts'
import type { EngineEvent } from './engine.ts'
import { generationOf, infer } from './infer.ts'

const engine = scriptedEngine({
  script: { '*': { pieces: ['a', 'b'] }, broken: { pieces: [{ fault: 'fail', delayMs: 20 }] } },
})
const chat = (content = 'x', more: Partial<ChatRequest> = {}): ChatRequest => ({
  messages: [{ role: 'user', content, toolCalls: [] }],
  tools: [],
  ...more,
})
const never = () => new AbortController().signal

describe('generationOf()', () => {
  it('hands over every parameter in the engine’s units', () => {
    const sampling = { temperatureMicro: 700_000, topPMicro: 900_000, maxTokens: 5, stop: ['\n'], seed: 7n }
    expect(generationOf(chat('x', { sampling }), engine, 'id')).toEqual({
      messages: [{ role: 'user', content: 'x' }],
      sampling: { temperature: 0.7, topP: 0.9, maxTokens: 5, stop: ['\n'], seed: 7 },
      label: 'id',
    })
  })

  it('leaves to the engine what was not said, and tells 0 from it', () => {
    expect(generationOf(chat(), engine, 'id').sampling).toEqual({})
    expect(generationOf(chat('x', { sampling: { stop: [] } }), engine, 'id').sampling).toEqual({})
    expect(generationOf(chat('x', { sampling: { temperatureMicro: 0, stop: [] } }), engine, 'id').sampling).toEqual({
      temperature: 0,
    })
  })

  it.each([
    { maxTokens: 0, stop: [] },
    { topPMicro: 0, stop: [] },
    { seed: 1n << 32n, stop: [] },
    { stop: ['x'.repeat(257)] },
  ])('refuses %o', (sampling) => {
    expect(() => generationOf(chat('x', { sampling }), engine, 'id')).toThrow(
      expect.objectContaining({ code: 'PARAMETER_UNSUPPORTED' }),
    )
  })
})

describe('infer()', () => {
  const collect = async (events: AsyncIterable<EngineEvent>) => {
    const all: EngineEvent[] = []
    for await (const event of events) all.push(event)
    return all
  }

  it('begins before anybody reads, and loses nothing', async () => {
    const running = await infer(engine, generationOf(chat(), engine, 'id'), never())
    expect(engine.load().running).toBe(1)
    expect(await collect(running.events)).toMatchObject([
      { type: 'text', text: 'a' },
      { type: 'text', text: 'b' },
      { type: 'finish' },
    ])
    await running.stop()
    expect(engine.load().running).toBe(0)
  })

  it('throws at once what the engine refuses at once', async () => {
    const generation = generationOf(chat('word '.repeat(5_000)), engine, 'id')
    await expect(infer(engine, generation, never())).rejects.toMatchObject({
      name: 'PacketError',
      code: 'CONTEXT_OVERFLOW',
    })
  })

  it('leaves to its reader what breaks later', async () => {
    const running = await infer(engine, generationOf(chat('broken'), engine, 'id'), never())
    await new Promise((resolve) => setTimeout(resolve, 40))
    await expect(collect(running.events)).rejects.toMatchObject({ code: 'ENGINE_FAILED' })
  })

  it('frees the slot of a generation that nobody reads', async () => {
    const running = await infer(engine, generationOf(chat(), engine, 'id'), never())
    await running.stop()
    expect(engine.load().running).toBe(0)
  })
})

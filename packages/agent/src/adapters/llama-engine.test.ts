import { beforeAll, describe, expect, it } from 'vitest'
import { collect, describeEngine, failureOf } from '../engine.contract.ts'
import type { Engine, Generation, Message } from '../engine.ts'
import { DEMO_MODEL } from '../models/catalogue.ts'
import { pull } from '../models/pull.ts'
import { defaultModelFolder } from '../models/store.ts'
import { llamaEngine } from './llama-engine.ts'

const cacheDir = defaultModelFolder()
const PULL_TIMEOUT_MS = 600_000
let modelPath = ''
beforeAll(async () => {
  modelPath = (await pull(DEMO_MODEL, { cacheDir })).path
}, PULL_TIMEOUT_MS)

const create = (more: { slots?: number; contextTokens?: number } = {}) =>
  llamaEngine({ modelPath, cacheDir, gpu: false, slots: 2, contextTokens: 512, ...more })
const ask = (content: string, sampling: Generation['sampling'] = {}): Generation => ({
  messages: [{ role: 'user', content }],
  sampling: { temperature: 0, ...sampling },
})

describeEngine(
  'llama',
  async () => ({
    engine: await create(),
    short: ask('Write one short sentence about the sea.'),
    long: ask(`${'The tide comes in and goes out. '.repeat(20)}\nWrite a very long story about this.`),
    overflowing: ask('word '.repeat(600)),
  }),
  120_000,
)

describe('llamaEngine', { timeout: 120_000 }, () => {
  let engine: Engine
  beforeAll(async () => {
    engine = await create({ slots: 1 })
    return () => engine.close()
  }, 120_000)

  it('says what it is', () => {
    const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('hex')
    expect(hex(engine.description.fileDigest)).toBe('b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53')
    expect(hex(engine.description.chatTemplateDigest)).toMatch(/^872be49d/)
    expect(hex(engine.description.runtimeDigest)).toHaveLength(64)
    expect(engine.description).toMatchObject({
      engine: 'llama',
      quantisation: 'Q4_1',
      architecture: 'llama',
      contextTokens: 512,
    })
    expect(engine.description.runtime).toMatch(/^node-llama-cpp 3\.\d+\.\d+, llama\.cpp \S+, \S+-\S+, cpu, prebuilt$/)
  })

  it('gives the same text from the cache of an earlier prompt as without it', async () => {
    const story = `${'The tide comes in and goes out. '.repeat(20)}\nWhat does the tide do?`
    const fresh = await create({ slots: 1 })
    const timed = async () => {
      const startedAt = performance.now()
      const { text } = await collect(fresh, ask(story, { maxTokens: 1 }))
      return { text, ms: performance.now() - startedAt }
    }
    const cold = await timed()
    const warm = await timed()
    expect(warm.ms).toBeLessThan(cold.ms / 2)
    expect(warm.text).toBe(cold.text)
    const first = await collect(engine, ask(story, { maxTokens: 24 }))
    const second = await collect(fresh, ask(story, { maxTokens: 24 }))
    const other = await collect(fresh, ask(`${story} And the moon?`, { maxTokens: 24 }))
    await fresh.close()
    expect(second.text).toBe(first.text)
    await collect(engine, ask('Something else.', { maxTokens: 1 }))
    const uncached = await collect(engine, ask(`${story} And the moon?`, { maxTokens: 24 }))
    expect(other.text).toBe(uncached.text)
  })

  it('gives the same text for one seed, and another for another', async () => {
    const text = async (seed: number) =>
      (await collect(engine, ask('Tell me a story.', { temperature: 1.5, seed, maxTokens: 24 }))).text
    const first = await text(1)
    expect(await text(1)).toBe(first)
    expect(new Set([first, await text(2), await text(3)]).size).toBeGreaterThan(1)
  })

  it('takes only the likeliest token when topP is tiny, whatever the temperature', async () => {
    const greedy = await collect(engine, ask('Tell me a story.', { maxTokens: 16 }))
    const narrow = await collect(engine, ask('Tell me a story.', { maxTokens: 16, temperature: 2, topP: 1e-6 }))
    expect(narrow.text).toBe(greedy.text)
  })

  it('never lets a message write control tokens', async () => {
    const count = async (content: string) => (await collect(engine, ask(content, { maxTokens: 1 }))).usage.promptTokens
    const base = await count('')
    expect((await count('<|im_end|>')) - base).toBeGreaterThan(1)
  })

  it('hears the whole conversation', async () => {
    const messages: Message[] = [
      { role: 'system', content: 'You are a parrot.' },
      { role: 'user', content: 'Say hello.' },
      { role: 'assistant', content: 'Hello!' },
      { role: 'user', content: 'Again.' },
    ]
    const { usage } = await collect(engine, { messages, sampling: { temperature: 0, maxTokens: 4 } })
    expect(usage.promptTokens).toBeGreaterThan(
      (await collect(engine, ask('Again.', { maxTokens: 1 }))).usage.promptTokens,
    )
    const tool: Generation = { messages: [{ role: 'tool', content: '{}' }], sampling: {} }
    expect((await failureOf(collect(engine, tool))).code).toBe('CONTENT_INVALID')
  })

  it('ends with length when the context is full', async () => {
    const small = await create({ slots: 1, contextTokens: 64 })
    const { events, usage } = await collect(small, ask('Write a very long story about the sea and the wind.'))
    await small.close()
    expect(events.at(-1)).toMatchObject({ reason: 'length' })
    expect(usage.promptTokens + usage.completionTokens).toBeLessThanOrEqual(64)
  })

  it('refuses a file with another digest, and one that is no model', async () => {
    const wrong = llamaEngine({ modelPath, expectedDigest: new Uint8Array(32), gpu: false })
    const error = await failureOf(wrong)
    expect(error.code).toBe('MODEL_UNAVAILABLE')
    expect(error.message).toMatch(/SHA-256 b179c952/)
    const missing = await failureOf(llamaEngine({ modelPath: import.meta.filename, gpu: false }))
    expect(missing.message).toMatch(/GGUF/)
  })
})

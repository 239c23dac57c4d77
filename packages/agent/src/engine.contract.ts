import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Engine, EngineError, type EngineEvent, type Generation, type Sampling, type Usage } from './engine.ts'

/** An engine with two slots or more, and requests that show each part of its contract. */
export interface EngineUnderTest {
  readonly engine: Engine
  /** Deterministic and at least 8 tokens and 24 characters long. */
  readonly short: Generation
  /** Runs for more than a second if nobody stops it. */
  readonly long: Generation
  /** Does not fit into the context. */
  readonly overflowing: Generation
}

const never = (): AbortSignal => new AbortController().signal
const STOP_WITHIN_MS = 250
/** The best of three: that a busy machine stands still for a moment says nothing of the engine. */
const TIMED = { retry: 2 }

/** The contract of {@link Engine}. Call it once for each adapter. `create` is called once for most tests together. */
export function describeEngine(name: string, create: () => Promise<EngineUnderTest>, timeoutMs = 30_000): void {
  describe(`${name} is an Engine`, { timeout: timeoutMs }, () => {
    let given: EngineUnderTest
    beforeAll(async () => {
      given = await create()
    }, timeoutMs)
    afterAll(() => given.engine.close())
    const run = (request: Generation) => collect(given.engine, request)
    const sampling = (request: Generation, more: Sampling): Generation => ({
      ...request,
      sampling: { ...request.sampling, ...more },
    })

    it('streams text, then finishes exactly once', async () => {
      const { events, text, usage } = await run(given.short)
      expect(events.filter((event) => event.type === 'finish')).toHaveLength(1)
      expect(events.at(-1)).toMatchObject({ type: 'finish', reason: 'stop' })
      expect(events.length).toBeGreaterThan(4)
      expect(text.length).toBeGreaterThanOrEqual(24)
      expect(usage.promptTokens).toBeGreaterThan(0)
      expect(usage.completionTokens).toBeGreaterThanOrEqual(8)
    })

    it('gives pieces that are neither empty nor half a character', async () => {
      for (const event of (await run(given.short)).events) {
        if (event.type === 'text') expect(event.text.length > 0 && event.text.isWellFormed()).toBe(true)
      }
    })

    it('gives the same text for the same request', async () => {
      const first = await run(given.short)
      expect((await run(given.short)).text).toBe(first.text)
    })

    it('says so when it stops at maxTokens', async () => {
      const { events, usage } = await run(sampling(given.short, { maxTokens: 3 }))
      expect(events.at(-1)).toMatchObject({ type: 'finish', reason: 'length' })
      expect(usage.completionTokens).toBe(3)
    })

    it('ends before a stop string, wherever the pieces divide it', async () => {
      const { text } = await run(given.short)
      const middle = Math.floor(text.length / 2)
      for (const at of [middle, middle + 1, middle + 2, middle + 3]) {
        const stop = text.slice(at, at + 5)
        if (!stop.isWellFormed()) continue
        const cut = await run(sampling(given.short, { stop: ['never said \u2603', stop] }))
        expect(cut.text).toBe(text.slice(0, text.indexOf(stop)))
        expect(cut.events.at(-1)).toMatchObject({ type: 'finish', reason: 'stop' })
      }
    })

    it('refuses a parameter it does not know', async () => {
      const request = sampling(given.short, { topK: 40 } as Sampling)
      await expect(run(request)).rejects.toMatchObject({ code: 'PARAMETER_UNSUPPORTED' })
    })

    it.each<Sampling>([
      { temperature: -1 },
      { temperature: Number.NaN },
      { topP: 0 },
      { maxTokens: 0 },
      { maxTokens: 1.5 },
      { stop: [''] },
      { seed: -1 },
      { seed: 2 ** 32 },
    ])('refuses %o', async (wrong) => {
      await expect(run(sampling(given.short, wrong))).rejects.toMatchObject({ code: 'PARAMETER_UNSUPPORTED' })
    })

    it('refuses what does not fit into the context, with the numbers, before it runs', async () => {
      const seen: EngineEvent[] = []
      const error = await failureOf(collect(given.engine, given.overflowing, never(), seen))
      expect(error).toMatchObject({ code: 'CONTEXT_OVERFLOW' })
      expect(error.message).toMatch(/\d+/)
      expect(seen).toEqual([])
    })

    it('runs nothing for a caller that is gone already', async () => {
      const seen: EngineEvent[] = []
      const error = await failureOf(collect(given.engine, given.long, AbortSignal.abort(), seen))
      expect(error).toMatchObject({ code: 'CANCELLED' })
      expect(seen).toEqual([])
      expect(given.engine.load()).toEqual({ running: 0, queued: 0 })
    })

    it('stops within 250 ms of an abort, frees the slot, and runs again', TIMED, async () => {
      const controller = new AbortController()
      let abortedAt = 0
      const run = async () => {
        for await (const event of given.engine.generate(given.long, controller.signal)) {
          if (event.type !== 'text' || abortedAt !== 0) continue
          setTimeout(() => {
            abortedAt = performance.now()
            controller.abort()
          }, 20)
          abortedAt = Number.NaN
        }
      }
      expect(await failureOf(run())).toMatchObject({ code: 'CANCELLED' })
      expect(performance.now() - abortedAt).toBeLessThan(STOP_WITHIN_MS)
      await idle(given.engine)
      expect((await collect(given.engine, given.short)).events.at(-1)).toMatchObject({ type: 'finish' })
    })

    it('stops within 250 ms while it still reads the prompt or waits for the first token', TIMED, async () => {
      const controller = new AbortController()
      const failure = failureOf(collect(given.engine, given.long, controller.signal))
      await new Promise((resolve) => setTimeout(resolve, 5))
      const abortedAt = performance.now()
      controller.abort()
      expect(await failure).toMatchObject({ code: 'CANCELLED' })
      expect(performance.now() - abortedAt).toBeLessThan(STOP_WITHIN_MS)
      await idle(given.engine)
    })

    it('stops when its reader leaves early', async () => {
      for await (const event of given.engine.generate(given.long, never())) {
        if (event.type === 'text') break
      }
      await idle(given.engine)
    })

    it('gives each of many at once its own answer', async () => {
      const { text } = await run(given.short)
      const all = await Promise.all(Array.from({ length: given.engine.description.slots + 2 }, () => run(given.short)))
      for (const one of all) {
        expect(one.events.at(-1)).toMatchObject({ type: 'finish', reason: 'stop' })
        expect(one.text.slice(0, 8)).toBe(text.slice(0, 8))
      }
    })

    it('lets one that waits for a slot be aborted', TIMED, async () => {
      const { slots } = given.engine.description
      const controllers = Array.from({ length: slots + 1 }, () => new AbortController())
      const runs = controllers.map(({ signal }) => failureOf(collect(given.engine, given.long, signal)))
      await until(() => given.engine.load().running === slots && given.engine.load().queued === 1)
      const abortedAt = performance.now()
      controllers.at(-1)?.abort()
      expect(await runs.at(-1)).toMatchObject({ code: 'CANCELLED' })
      expect(performance.now() - abortedAt).toBeLessThan(STOP_WITHIN_MS)
      expect(given.engine.load().queued).toBe(0)
      for (const controller of controllers) controller.abort()
      await Promise.all(runs)
      await idle(given.engine)
    })

    it('proves with a canary that it can generate', async () => {
      await given.engine.canary(timeoutMs)
      await idle(given.engine)
    })

    it('takes the work that goes on for a canary while all slots are taken', async () => {
      const controllers = Array.from({ length: given.engine.description.slots }, () => new AbortController())
      const runs = controllers.map(({ signal }) => failureOf(collect(given.engine, given.long, signal)))
      await until(() => given.engine.load().running === given.engine.description.slots)
      await given.engine.canary(timeoutMs)
      // It did not wait for a slot.
      expect(given.engine.load()).toEqual({ running: given.engine.description.slots, queued: 0 })
      for (const controller of controllers) controller.abort()
      await Promise.all(runs)
    })

    it('fails what runs when it is closed, and all that comes later', async () => {
      const { engine, long, short } = await create()
      const running = failureOf(collect(engine, long))
      await until(() => engine.load().running === 1)
      await engine.close()
      expect(await running).toMatchObject({ code: 'ENGINE_FAILED' })
      await expect(collect(engine, short)).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE' })
      await expect(engine.canary(1_000)).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE' })
      await engine.close()
    })
  })
}

interface Collected {
  readonly events: readonly EngineEvent[]
  readonly text: string
  readonly usage: Usage
}

/** Reads a whole run; throws if it ends without `finish`. */
export async function collect(
  engine: Engine,
  request: Generation,
  signal: AbortSignal = never(),
  events: EngineEvent[] = [],
): Promise<Collected> {
  for await (const event of engine.generate(request, signal)) events.push(event)
  const last = events.at(-1)
  if (last?.type !== 'finish') throw new Error('the iteration ended without a finish event')
  const text = events.map((event) => (event.type === 'text' ? event.text : '')).join('')
  return { events, text, usage: last.usage }
}

export async function failureOf(promise: Promise<unknown>): Promise<EngineError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(EngineError)
  return error as EngineError
}

async function until(condition: () => boolean, timeoutMs = 10_000): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('the state that was waited for did not come')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const idle = (engine: Engine): Promise<void> => until(() => engine.load().running === 0)

import type { AgentMessage } from '@mystranet/schemas/link'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Engine, EngineError } from './engine.ts'
import { createPulse, type Pulse } from './pulse.ts'

/** Only what the pulse asks of an engine. `isStopped` is what SIGSTOP does to its process: it says nothing any more. */
function sleepyEngine() {
  const state = { canaries: 0, isStopped: false, queued: 0 }
  const engine = {
    load: () => ({ running: 0, queued: state.queued }),
    canary: (timeoutMs: number) => {
      state.canaries += 1
      if (!state.isStopped) return Promise.resolve()
      return new Promise((_, reject) =>
        setTimeout(() => reject(new EngineError('ENGINE_FAILED', 'no token came')), timeoutMs),
      )
    },
  } as unknown as Engine
  return { engine, state }
}

const silent = {
  clock: { now: () => Date.now() },
  send: () => undefined,
  running: () => 0,
  draining: () => false,
  log: () => undefined,
}

describe('the pulse', () => {
  let pulse: Pulse
  beforeEach(() => vi.useFakeTimers({ now: 1_800_000_000_000 }))
  afterEach(() => {
    pulse.stop()
    vi.useRealTimers()
  })

  function start(fields: { running?: number } = {}) {
    const { engine, state } = sleepyEngine()
    const sent: AgentMessage[] = []
    const lines: string[] = []
    pulse = createPulse({
      engine,
      clock: { now: () => Date.now() },
      send: (message) => sent.push(message),
      running: () => fields.running ?? 0,
      draining: () => false,
      log: (line) => lines.push(line),
    })
    pulse.start()
    const presence = () => sent.findLast((message) => message.type === 'presence')
    const ageMs = () => {
      const said = presence()
      return said?.type === 'presence' && said.canaryMs !== undefined ? Date.now() - said.canaryMs : undefined
    }
    return { state, sent, lines, presence, ageMs }
  }

  it('runs a canary at once and says when', async () => {
    const { state, presence, ageMs } = start()
    expect(presence()).toBeUndefined()
    await vi.advanceTimersByTimeAsync(0)
    expect(state.canaries).toBe(1)
    expect(ageMs()).toBe(0)
  })

  it('says how it is every 5 s, and runs a canary every 10 s when idle', async () => {
    const { state, sent } = start()
    await vi.advanceTimersByTimeAsync(60_500)
    // Twelve by the clock, and one after each canary.
    expect(sent.filter(({ type }) => type === 'presence')).toHaveLength(12 + 7)
    expect(state.canaries).toBe(7)
  })

  it('takes the tokens of a request for canaries, and counts them', async () => {
    const { state, presence, ageMs } = start()
    await vi.advanceTimersByTimeAsync(0)
    for (let i = 0; i < 300; i++) {
      pulse.generated()
      await vi.advanceTimersByTimeAsync(100)
    }
    expect(state.canaries).toBe(1)
    expect(ageMs()).toBeLessThanOrEqual(100)
    const said = presence()
    expect(said?.type === 'presence' && said.tokensPerSecond).toBeCloseTo(10, 0)
  })

  it('never lets a slow engine look dead: what a router sees is younger than 24 s', async () => {
    const { engine, state } = sleepyEngine()
    const seen: number[] = []
    engine.canary = () => {
      state.canaries += 1
      return new Promise((resolve) => setTimeout(resolve, 9_990))
    }
    pulse = createPulse({ ...silent, engine, send: (message) => void (message.type === 'presence' && note(message)) })
    const note = ({ canaryMs }: { canaryMs: number | undefined }) => {
      if (canaryMs !== undefined && canaryMs !== seen.at(-1)) seen.push(canaryMs)
    }
    pulse.start()
    await vi.advanceTimersByTimeAsync(300_000)
    const gaps = seen.slice(1).map((at, i) => at - (seen[i] as number))
    expect(gaps.length).toBeGreaterThan(10)
    expect(Math.max(...gaps)).toBeLessThan(24_000)
  })

  it('is as old as the silence of an engine that was stopped, and young once it goes on', async () => {
    const { state, lines, ageMs } = start()
    await vi.advanceTimersByTimeAsync(35_000)
    state.isStopped = true
    const stoppedAt = Date.now()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(ageMs()).toBeGreaterThanOrEqual(Date.now() - stoppedAt)
    expect(lines.some((line) => line.includes('no token came'))).toBe(true)
    state.isStopped = false
    await vi.advanceTimersByTimeAsync(30_000)
    expect(ageMs()).toBeLessThan(15_000)
  })

  it('never has two canaries at a time', async () => {
    const { state } = start()
    await vi.advanceTimersByTimeAsync(0)
    state.isStopped = true
    await vi.advanceTimersByTimeAsync(19_000)
    expect(state.canaries).toBe(2)
  })

  it('beats for a request at once and at least every 10 s', async () => {
    const { state, sent } = start()
    const request = new Uint8Array([7])
    const beats = () => sent.flatMap((message) => (message.type === 'heartbeat' ? [message.text] : []))
    state.queued = 3
    const stop = pulse.heartbeat(request)
    expect(beats()).toEqual(['queued 3'])
    state.queued = 0
    await vi.advanceTimersByTimeAsync(10_000)
    expect(beats()).toEqual(['queued 3', 'running', 'running'])
    stop()
    await vi.advanceTimersByTimeAsync(20_000)
    expect(beats()).toHaveLength(3)
  })
})

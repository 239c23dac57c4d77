/**
 * Signs of life: heartbeats for whoever waits, presence for the router, canaries for the truth of both.
 *
 * @module
 */
import type { AgentMessage } from '@mystranet/schemas/link'
import type { Engine } from './engine.ts'
import type { Clock } from './ports.ts'

const PRESENCE_MS = 5_000
/**
 * A canary runs at the first sign of presence after so long without a token: 13 s after it at the latest, and has 10 s. So a live
 * engine gives one every 23 s at the least, and a router may call one dead that gave none for 24 s (`WEAVE_CANARY_MS`).
 */
const CANARY_AFTER_MS = 8_000
const CANARY_TIMEOUT_MS = 10_000
/** Heartbeats come at least every 10 s; on a loaded machine a timer may be late. */
const HEARTBEAT_MS = 5_000
/** Tokens are counted over so many whole seconds. */
const RATE_SECONDS = 10

export interface Pulse {
  /** The engine gave a token to a request: as good as a canary. */
  generated(): void
  /** Tells whoever waits for a request how it stands: now and every 5 s. Call the result to stop. */
  heartbeat(request: Uint8Array): () => void
  /** Runs a canary and says what is going on: now, then every 5 s. */
  start(): void
  /** Says now what is going on. */
  announce(): void
  stop(): void
}

export interface PulseOptions {
  readonly engine: Engine
  readonly clock: Clock
  send(message: AgentMessage): void
  /** Packets that are being worked on. */
  running(): number
  draining(): boolean
  log(line: string): void
  /** For tests. */
  readonly presenceMs?: number | undefined
  readonly canaryAfterMs?: number | undefined
}

export function createPulse(options: PulseOptions): Pulse {
  const { engine, clock, presenceMs = PRESENCE_MS, canaryAfterMs = CANARY_AFTER_MS } = options
  const rate = createRate(clock)
  let canaryMs: number | undefined
  let isProving = false
  let timer: ReturnType<typeof setInterval> | undefined

  async function prove(): Promise<void> {
    if (isProving || (canaryMs !== undefined && clock.now() - canaryMs < canaryAfterMs)) return
    isProving = true
    try {
      await engine.canary(CANARY_TIMEOUT_MS)
      canaryMs = clock.now()
      presence()
    } catch (error) {
      options.log(`canary: ${error instanceof Error ? error.message : 'failed'}`)
    } finally {
      isProving = false
    }
  }

  function presence(): void {
    const { running, queued } = engine.load()
    options.send({
      type: 'presence',
      running: Math.max(running, options.running() - queued),
      queued,
      canaryMs,
      draining: options.draining(),
      tokensPerSecond: rate.perSecond(),
    })
  }

  return {
    generated() {
      canaryMs = clock.now()
      rate.count()
    },
    heartbeat(request) {
      const say = () => {
        const { queued } = engine.load()
        options.send({ type: 'heartbeat', request, text: queued > 0 ? `queued ${queued}` : 'running' })
      }
      say()
      const beat = setInterval(say, HEARTBEAT_MS)
      return () => clearInterval(beat)
    },
    start() {
      void prove()
      timer = setInterval(() => {
        presence()
        void prove()
      }, presenceMs)
    },
    announce: presence,
    stop: () => clearInterval(timer),
  }
}

function createRate(clock: Clock) {
  const seconds: { at: number; tokens: number }[] = []
  const trim = (now: number) => {
    while (seconds[0] !== undefined && seconds[0].at < now - RATE_SECONDS) seconds.shift()
  }
  return {
    count() {
      const at = Math.floor(clock.now() / 1_000)
      const last = seconds.at(-1)
      if (last?.at === at) last.tokens += 1
      else seconds.push({ at, tokens: 1 })
      trim(at)
    },
    perSecond() {
      const now = Math.floor(clock.now() / 1_000)
      trim(now)
      // The second that is not over yet would always look slow.
      return seconds.reduce((sum, { at, tokens }) => (at < now ? sum + tokens : sum), 0) / RATE_SECONDS
    },
  }
}

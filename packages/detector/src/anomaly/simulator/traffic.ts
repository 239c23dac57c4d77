/**
 * Weeks of a network's traffic in seconds: people in sessions over the hours of the week, jobs, growth, good and bad days,
 * a holiday, deployments, agents that start again, and what is injected. The same for the same seed and options.
 *
 * What it is not: a measured network. Its shapes are assumptions, all of them in this folder.
 *
 * @module
 */
import { toHex } from '@mystranet/sdk/bytes'
import { createAgenda } from './agenda.ts'
import { applyChange, beaconMinutes, type Injection, noChange } from './injection.ts'
import { leafWriter } from './leaves.ts'
import { type Agent, ask, type Network, refuse, type Sink } from './packets.ts'
import { allTags, type Job, jobs, type Person, people, personRate, type Sender, stranger } from './people.ts'
import { type Random, seededRandom } from './random.ts'

export { drawInjection, INJECTIONS, type Injection, type InjectionKind } from './injection.ts'

export interface SimulationOptions {
  readonly seed: number | string
  readonly days: number
  /** A mean; default 3,000. */
  readonly requestsPerDay?: number
  readonly people?: number
  readonly agents?: number
  readonly injections?: readonly Injection[]
}

/** A Monday. */
export const SIMULATION_START_MS = Date.UTC(2026, 0, 5)
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
/** Requests of a session, and the time between two. */
const SESSION_REQUESTS = 8
const SESSION_GAP_MS = 55_000

/**
 * Runs a simulation into a sink, in order of time.
 *
 * @returns Whom each injection was about, where it was about one: a sender, an agent, a code.
 */
export function simulate(options: SimulationOptions, sink: Sink): ReadonlyMap<Injection, string> {
  const world = createWorld(options, sink)
  for (let minute = 0; minute < options.days * 1_440; minute++) world.minute(SIMULATION_START_MS + minute * MINUTE_MS)
  return world.sources
}

function createWorld(options: SimulationOptions, sink: Sink) {
  const { seed, days, requestsPerDay = 3_000, people: count = 40, agents = 4, injections = [] } = options
  const random = seededRandom(seed)
  const all = people(random.fork('people'), count)
  const network = createNetwork(random, sink, agents)
  const { agenda } = network
  const moods = createMoods(random.fork('moods'), days)
  const own = random.fork('sessions')
  const regular = jobs(random.fork('jobs'))
  for (const job of regular) repeat(network, job, SIMULATION_START_MS + own.between(0, job.periodMs))
  const sources = new Map<Injection, string>()
  for (const injection of injections) {
    agenda.at(injection.startMs, () => {
      const source = BEGIN[injection.kind]?.(network, injection, all, seededRandom(`${seed} ${injection.pick}`))
      if (source !== undefined) sources.set(injection, source)
    })
  }
  const sessionsPerMinute = requestsPerDay / SESSION_REQUESTS / 1_440
  return {
    sources,
    minute(timeMs: number) {
      const change = noChange()
      for (const each of injections) {
        if (each.startMs <= timeMs && timeMs < each.endMs) applyChange(change, each, timeMs)
      }
      network.change = change
      const mood = moods(timeMs)
      const hour = (timeMs / HOUR_MS) % 24
      let rates = JOBS_PER_MINUTE / SESSION_REQUESTS
      for (const person of all) {
        const rate = sessionsPerMinute * person.share * personRate(person, hour, mood.isDayOff) * mood.factor
        rates += rate
        const isLate = own.unit() < NIGHT_WORK_PER_MINUTE / count
        if (own.unit() < rate || isLate) session(network, person, timeMs, own)
      }
      const more = own.poisson(Math.max(0, change.rate - 1) * rates)
      for (let i = 0; i < more; i++) session(network, own.pick(all), timeMs, own)
      agenda.until(timeMs + MINUTE_MS)
      restarts(network, timeMs)
      if (timeMs % (5 * MINUTE_MS) === 0) showFlows(network, timeMs, injections)
      sink.tick(timeMs + MINUTE_MS)
    },
  }
}

/** What all jobs together ask. */
const JOBS_PER_MINUTE = 1 / 5 + 1 / 15 + 1 / 60 + 1 / 30

/** Sessions at any hour of the day, in the whole network: one in ten days. */
const NIGHT_WORK_PER_MINUTE = 0.1 / 1_440

function createNetwork(random: Random, sink: Sink, agents: number): Network {
  const own = random.fork('agents')
  const writer = leafWriter(random.fork('leaves'))
  const table = own.bytes(32)
  sink.leaf(
    writer.write({ kind: 'routing-table', timeMs: SIMULATION_START_MS, partition: own.bytes(32), subject: table }),
  )
  return {
    random: random.fork('packets'),
    agenda: createAgenda(),
    writer,
    sink,
    table,
    agents: Array.from({ length: agents }, () => ({ ...stranger(own), awayUntilMs: 0, movedBytes: 0 })),
    change: noChange(),
  }
}

/** Growth, good and bad days and hours, a holiday in three weeks. */
function createMoods(random: Random, days: number) {
  const growth = random.between(0, 0.006)
  const wobble = Array.from({ length: days + 1 }, () => Math.exp(0.07 * random.normal()))
  const holidays = new Set(Array.from({ length: Math.round(days / 21) }, () => random.below(days)))
  let hour = -1
  let now = 0
  return (timeMs: number) => {
    const sinceMs = timeMs - SIMULATION_START_MS
    const day = Math.floor(sinceMs / DAY_MS)
    const thisHour = Math.floor(sinceMs / HOUR_MS)
    if (thisHour !== hour) {
      hour = thisHour
      now = 0.7 * now + 0.06 * random.normal()
    }
    const factor = (1 + growth) ** (sinceMs / DAY_MS) * (wobble[day] as number) * Math.exp(now)
    const isDayOff = day % 7 >= 5 || holidays.has(day)
    return { factor, isDayOff }
  }
}

/** Buckets of §7.1, and what stands around the ciphertext. */
function packetBytes(plain: number): number {
  let bucket = 256
  for (const next of [1_024, 4_096, 8_192]) if (plain > bucket) bucket = next
  while (plain > bucket) bucket *= 2
  return bucket + 700
}

/** Refusals of a usual day. */
const REFUSED = 0.01
const CODES = ['CLOCK_SKEWED', 'RATE_LIMITED', 'PACKET_EXPIRED', 'TABLE_STALE', 'QUEUE_FULL'] as const

function send(network: Network, sender: Sender, target: string, bytes: number, timeMs: number): void {
  const { random, change } = network
  // What is silenced does not come: nobody asks again.
  if (change.rate < 1 && random.unit() >= change.rate) return
  const asked = { sender, target, bytes }
  if (random.unit() < REFUSED) refuse(network, asked, timeMs, random.pick(CODES))
  else ask(network, asked, timeMs)
}

function session(network: Network, person: Person, startMs: number, random: Random): void {
  const target = random.unit() < 0.75 ? (person.tags[0] as string) : random.pick(person.tags)
  let atMs = startMs + random.between(0, MINUTE_MS)
  let plain = 600 * Math.exp(random.normal())
  do {
    const bytes = packetBytes(plain)
    network.agenda.at(atMs, (timeMs) => send(network, person, target, bytes, timeMs))
    // A conversation brings its past along.
    plain += 400 * Math.exp(0.8 * random.normal())
    atMs += 2_000 + random.exponential(SESSION_GAP_MS)
  } while (random.unit() > 1 / SESSION_REQUESTS)
}

function repeat(network: Network, job: Job, atMs: number): void {
  const { agenda, random } = network
  agenda.at(atMs + random.between(0, job.jitter) * job.periodMs, (timeMs) => {
    send(network, job, job.tags[0] as string, job.bytes, timeMs)
    repeat(network, job, atMs + job.periodMs)
  })
}

/** Each agent starts again about every other day, and refuses for some minutes. */
function restarts({ agents, random }: Network, timeMs: number): void {
  for (const agent of agents) {
    if (random.unit() < 1 / 2_880) agent.awayUntilMs = timeMs + random.between(1, 5) * MINUTE_MS
  }
}

/** What agents moved, and what is injected beside the log. */
function showFlows({ agents, sink, random }: Network, timeMs: number, injections: readonly Injection[]): void {
  const isOn = ({ startMs, endMs }: Injection) => startMs <= timeMs && timeMs < endMs
  for (const agent of agents) {
    let bytes = agent.movedBytes * random.between(1.05, 1.15) + 10_000 * random.between(0.5, 1.5)
    for (const injection of injections) {
      if (!isOn(injection) || hitAgent(agents, injection) !== agent) continue
      if (injection.kind === 'bypass') bytes *= 1 - injection.size
      else if (injection.kind === 'exfiltration') bytes += (injection.size * 1_048_576) / 12
    }
    sink.flow({ agent: agent.instance, timeMs, bytes })
    agent.movedBytes = 0
  }
}

const hitAgent = (agents: readonly Agent[], { pick }: Injection) => agents[Math.floor(pick * agents.length)] as Agent

type Begin = (network: Network, injection: Injection, all: readonly Person[], random: Random) => string

/** Asks one thing over and over, at these times. */
function asks(
  network: Network,
  sender: Sender,
  times: Iterable<number>,
  bytes: number,
  target = sender.tags[0] as string,
) {
  for (const atMs of times) network.agenda.at(atMs, (timeMs) => ask(network, { sender, target, bytes }, timeMs))
  return toHex(sender.instance)
}

function* steps(fromMs: number, toMs: number, next: () => number): Iterable<number> {
  for (let atMs = fromMs; atMs < toMs; atMs += next()) yield atMs
}

function* scattered(count: number, fromMs: number, toMs: number, random: Random): Iterable<number> {
  for (let i = 0; i < count; i++) yield random.between(fromMs, toMs)
}

/** Injections that are about one sender or agent. */
const BEGIN: { readonly [Kind in Injection['kind']]?: Begin } = {
  exfiltration: ({ agents }, injection) => toHex(hitAgent(agents, injection).instance),
  bypass: ({ agents }, injection) => toHex(hitAgent(agents, injection).instance),
  refusals: (network, { size, startMs, endMs }, _, random) => {
    const code = random.pick(['SIGNATURE_INVALID', 'KEY_UNKNOWN', 'RATE_LIMITED', 'REPLAYED'])
    const asked = { sender: stranger(random), target: allTags[0] as string, bytes: 1_724 }
    for (const atMs of steps(startMs, endMs, () => random.exponential(HOUR_MS / size))) {
      network.agenda.at(atMs, (timeMs) => refuse(network, asked, timeMs, code))
    }
    return code
  },
  'sender-burst': (network, { size, startMs, endMs }, all, random) =>
    asks(
      network,
      random.pick(all),
      steps(startMs, endMs, () => random.exponential(MINUTE_MS / size)),
      1_724,
    ),
  beacon: (network, { startMs, endMs, pick }, all, random) => {
    // Half of them are senders that have not been there before.
    const sender = random.unit() < 0.5 ? random.pick(all) : stranger(random)
    const periodMs = beaconMinutes(pick) * MINUTE_MS
    return asks(
      network,
      sender,
      steps(startMs, endMs, () => periodMs * random.between(0.95, 1.05)),
      956,
    )
  },
  'fan-out': (network, { size, startMs, endMs }, all, random) => {
    const sender = random.pick(all)
    for (let i = 0; i < size; i++) {
      asks(network, sender, scattered(1, startMs, endMs, random), 956, allTags[i % allTags.length])
    }
    return toHex(sender.instance)
  },
  'odd-hours': (network, { size, startMs }, all, random) => {
    // One that is known well: of the more active half.
    const sender = random.pick([...all].sort((a, b) => b.share - a.share).slice(0, all.length / 2))
    // From half past two to four of its own night, which begins at one and ends at six.
    const nightMs = startMs + (3 + 2.5 + sender.late + random.between(0, 0.8)) * HOUR_MS
    return asks(network, sender, scattered(size, nightMs, nightMs + 40 * MINUTE_MS, random), 956)
  },
  'constant-size': (network, { size, startMs, endMs }, all, random) =>
    asks(network, random.pick(all), scattered(size, startMs, endMs, random), 262_844),
}

/**
 * One part, killed again and again under load: each time inside the stage whose turn it is.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { auditLog, type Finding, overHttp } from './audit-log.ts'
import { type Ask, type Load, startLoad } from './load.ts'
import { createWhereabouts, STAGES, type Stage, type Whereabouts } from './stages.ts'
import { type Tally, tally } from './tally.ts'
import { type Part, startWorld, type World } from './world.ts'

/** `client`: the one who asks. */
export type Killed = Part | 'client'

export interface SeriesOptions {
  readonly part: Killed
  /** Agents over a broker; 0: the agent is a child of `weave up`. */
  readonly remoteAgents: number
  readonly kills: number
  readonly seed: number
  /** One line for whoever waits. */
  progress(line: string): void
}

export interface Series {
  readonly name: string
  readonly kills: Readonly<Record<Stage, number>>
  readonly tally: Tally
  /** What an auditor found in the log afterwards; empty when it is sound. */
  readonly findings: readonly Finding[]
  /** Of the log. */
  readonly entries: number
  readonly seconds: number
}

/** Asks at once: more than all slots, so that some wait in each stage. */
const WIDTH = 14
const STAGE_TIMEOUT_MS = 20_000
/** Into a stage that lasts, a kill falls anywhere. */
const DEPTH_MS: Readonly<Partial<Record<Stage, number>>> = { queue: 30, infer: 120, commit: 4, deliver: 6, submit: 2 }
const BREATH_MS = 400
/** The longest that an ask or a leaf may still take: a packet's lifetime, and 30 s more. */
const SETTLE_MS = 90_000
/** At least one kill of so many falls inside each stage. */
const LEAST_SHARE = 10
/** Kills that missed their stage are made again, up to so many times the number that is wanted. */
const PATIENCE = 4

export const seriesName = ({ part, remoteAgents }: Pick<SeriesOptions, 'part' | 'remoteAgents'>): string =>
  part === 'agent' && remoteAgents > 0 ? 'agent over a broker' : part

export async function runSeries(options: SeriesOptions): Promise<Series> {
  const beganMs = Date.now()
  const whereabouts = createWhereabouts()
  const world = await startWorld({ whereabouts, remoteAgents: options.remoteAgents })
  const kept = options.part === 'client' ? join(dirname(world.state), 'kept') : ''
  const load = startLoad({ ...world, width: WIDTH, whereabouts, kept })
  try {
    load.tell('resume')
    const { kills, shown } = await killAll(options, world, load, whereabouts)
    await load.finish(SETTLE_MS)
    world.check()
    const { findings, entries, requests } = await settledAudit(world, shown)
    const counts = tally(load.asks, requests, world.effects)
    const seconds = (Date.now() - beganMs) / 1_000
    return { name: seriesName(options), kills, tally: counts, findings, entries, seconds }
  } finally {
    load.close()
    await world.close()
  }
}

async function killAll(options: SeriesOptions, world: World, load: Load, whereabouts: Whereabouts) {
  const { part, kills, seed, progress } = options
  const random = createRandom(seed)
  const made = Object.fromEntries(STAGES.map((stage) => [stage, 0])) as Record<Stage, number>
  const hits = () => Object.values(made).reduce((a, b) => a + b, 0)
  const least = Math.floor(kills / LEAST_SHARE)
  /** Checkpoints on the way: the log may never go back behind one. */
  const shown: Uint8Array[] = []
  for (let at = 1; hits() < kills || STAGES.some((stage) => made[stage] < least); at += 1) {
    if (at > kills * PATIENCE)
      throw new Error(`Cannot go on: ${at - 1} kills, and ${hits()} of ${kills} in their stages`)
    const fewest = Math.min(...Object.values(made))
    const open = STAGES.filter((stage) => made[stage] === fewest)
    const stage = open[Math.floor(open.length * random())] as Stage
    await sleep(BREATH_MS * random())
    await inside(stage, whereabouts, random)
    const met = load.open()
    const struck = part === 'client' ? load.strike() : world.strike(part)
    const hit = await struck.then(() => landed(stage, whereabouts))
    if (hit !== undefined) made[hit] += 1
    attribute(met, `${seriesName(options)} ${hit ?? 'none'}`)
    progress(`${seriesName(options)}: kill ${at}, in ${hit ?? 'no stage'} (${load.asks.length} asked)`)
    await (part === 'client' ? load.revive() : world.revive(part))
    world.check()
    const note = await overHttp(world.url)('checkpoint')
    if (note !== undefined) shown.push(note)
  }
  return { kills: made, shown }
}

/** Resolves in the same turn of the event loop in which a packet is there. */
function inside(stage: Stage, whereabouts: Whereabouts, random: () => number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`Cannot go on: no packet came to ${stage} within ${STAGE_TIMEOUT_MS} ms`)),
      STAGE_TIMEOUT_MS,
    )
    const done = () => {
      clearTimeout(timer)
      whereabouts.watch(() => undefined)
      resolve()
    }
    const look = () => {
      if (whereabouts.count(stage) > 0) done()
      else whereabouts.watch(entered)
    }
    const entered = (at: Stage) => {
      if (at !== stage) return
      const depthMs = Math.floor((DEPTH_MS[stage] ?? 0) * random())
      if (depthMs === 0) return done()
      whereabouts.watch(() => undefined)
      setTimeout(look, depthMs)
    }
    whereabouts.watch(entered)
  })
}

/** Where the kill came: in the stage that was meant if some packet was there, or else in the last that any was in. */
function landed(meant: Stage, whereabouts: Whereabouts): Stage | undefined {
  if (whereabouts.count(meant) > 0) return meant
  return STAGES.findLast((stage) => whereabouts.count(stage) > 0)
}

function attribute(asks: readonly Ask[], row: string): void {
  for (const ask of asks) ask.row ??= row
}

/** Audits until nothing is left that time would end. */
async function settledAudit(world: World, earlier: readonly Uint8Array[]) {
  const trust = await readFile(world.trustFile)
  const until = Date.now() + SETTLE_MS
  for (;;) {
    const found = await auditLog(overHttp(world.url), trust, earlier)
    if (found.findings.every(({ what }) => what !== 'unended') || Date.now() > until) return found
    await sleep(2_000)
  }
}

/** mulberry32: the same seed gives the same kills as far as the machine does the same. */
function createRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

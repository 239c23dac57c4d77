/**
 * The detector of a `weave up`: an instance of its own that signs what was seen, keeps a book of it, and hears what people
 * say about it.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { PacketFact, VolumeFact } from '@mystranet/detector/anomaly'
import { EXPECTED_FLOOD_MODEL, EXPECTED_OUTLIER_MODEL } from '@mystranet/detector/ensemble'
import { scanGguf } from '@mystranet/detector/gguf'
import { EXPECTED_HTTP_MODEL, type HttpVerdict, httpModel } from '@mystranet/detector/l7'
import { httpObservation, type Outbox, scanObservation } from '@mystranet/detector/loop'
import { openLoopFile, sqliteFeedback, sqliteOutbox } from '@mystranet/detector/loop/sqlite'
import { shippedModel } from '@mystranet/detector/model/node'
import { digestFile, openFile } from '@mystranet/detector/node'
import { type StartedRouter, type WiredLoop, wireLoop } from '@mystranet/router'
import { toHex } from '@mystranet/sdk/bytes'
import { makeFolder, type StateFolder } from '../state.ts'
import { detectorIdentity, keepEnrolled } from './detector-identity.ts'
import { type DetectorModels, modelsFolder, openDetectorModels } from './detector-models.ts'
import { judgeOf } from './detector-words.ts'
import type { Keys } from './keys.ts'
import { followLog } from './log-watch.ts'

export interface RunningDetector extends Pick<WiredLoop, 'observe' | 'tell' | 'threshold'> {
  readonly outbox: Pick<Outbox, 'find' | 'list' | 'counts'>
  readonly models: DetectorModels
  /** The router took or refused a packet. Returns at once, never throws. */
  packet(fact: PacketFact): void
  /** Traffic of an agent was seen. @returns false when it comes too late or too early to be judged. */
  volume(fact: VolumeFact): boolean
  /** A window of requests was judged. */
  requestVerdict(verdict: HttpVerdict): void
  /** The agent did not start: what a scan finds in its model is told. Never rejects. @param path Of the model, if it is a file. */
  modelRefused(path: string | undefined): Promise<void>
  /**
   * Publishes an operator's word about a finding and, for its source, the standing that the nexus makes of all such words.
   *
   * @throws {PacketError} `NOT_FOUND`; what publishing throws.
   */
  judge(id: string, isAccepted: boolean): Promise<void>
  /** Tells what is open, tries to publish it for so long, and closes the book. */
  close(graceMs: number): Promise<void>
}

/** The threshold of the model that watches requests. */
const HTTP_THRESHOLD = 'l7/attack/fpr-1e-3'

const TICK_MS = 500
const LOG_MS = 1_000
const RENEWAL_MS = 600_000
const LIMITS = { waiting: 1_000, bytes: 32 * 1024 * 1024, kept: 2_000 }
const DAYS_KEPT_MS = 61 * 86_400_000

export interface DetectorPlace {
  readonly router: StartedRouter
  readonly state: StateFolder
  readonly keys: Keys
  readonly network: Uint8Array
}

/** Starts it: its identity is enrolled when this resolves. @throws {PacketError} */
export async function startDetector({ router, state, keys, network }: DetectorPlace): Promise<RunningDetector> {
  await makeFolder(state.detector)
  const identity = await detectorIdentity(state)
  const renew = () => keepEnrolled(router, identity, network)
  await renew()
  const file = openLoopFile(join(state.detector, 'findings.sqlite'))
  const outbox = sqliteOutbox(file, LIMITS)
  const feedback = sqliteFeedback(file)
  const fault = (error: unknown) => router.trace.fault('detector', error)
  let models: DetectorModels | undefined
  const loop = wireLoop({
    ...router,
    network,
    producerId: identity.instance,
    key: identity.packet,
    outbox,
    limits: LIMITS,
    feedback,
    boundOf: (name) => models?.bounds().get(name),
    nowMs: Date.now,
    random,
  })
  const tuned = new Map<string, number>()
  models = await openDetectorModels({
    folder: modelsFolder(state),
    expected: [EXPECTED_HTTP_MODEL, EXPECTED_FLOOD_MODEL, EXPECTED_OUTLIER_MODEL],
    shipped: shippedModel,
    observe: loop.observe,
    tell: loop.tell,
    onFault: fault,
    onServer(id, server) {
      if (id !== EXPECTED_HTTP_MODEL.id) return
      const standard = () => models?.bounds().get(HTTP_THRESHOLD)?.standard ?? 1
      router.requests.use(httpModel(server, () => tuned.get(HTTP_THRESHOLD) ?? standard()))
    },
  })
  const opened = models
  const retune = async () => {
    for (const [name, { standard }] of opened.bounds()) tuned.set(name, (await loop.threshold(name)) ?? standard)
  }
  await retune()
  router.addGauges(() => gaugesOf(outbox))
  const sinceMs = () => Date.now() - DAYS_KEPT_MS
  const { poll, packet, flow } = followLog(router, loop.observe)
  const timers = [
    every(TICK_MS, () => loop.tick().then(retune), fault),
    every(LOG_MS, poll, fault),
    every(RENEWAL_MS, () => renew().then(() => feedback.forget(sinceMs())), fault),
  ]

  return {
    observe: loop.observe,
    tell: loop.tell,
    threshold: loop.threshold,
    outbox,
    models: opened,
    packet,
    volume: flow,
    requestVerdict(verdict) {
      const isOfModel = verdict.votes.some(({ member, says }) => member === 'model' && says === 'attack')
      const seen = httpObservation(verdict, isOfModel ? HTTP_THRESHOLD : undefined)
      if (seen !== undefined) loop.observe(seen)
    },
    modelRefused: (path) => scanned(path, loop.observe).catch(fault),
    judge: judgeOf({ router, keys, network, outbox, feedback, sinceMs }),
    async close(graceMs) {
      for (const { stop } of timers) await stop()
      await opened.kept()
      await loop.close(graceMs)
      await loop.tick()
      file.close()
    },
  }
}

const random = (bytes: number) => new Uint8Array(randomBytes(bytes))

/** Runs something again and again, once at a time. `stop` waits for what runs. */
function every(pauseMs: number, run: () => Promise<void>, fault: (error: unknown) => void) {
  let running: Promise<void> | undefined
  const timer = setInterval(() => {
    running ??= run()
      .catch(fault)
      .finally(() => {
        running = undefined
      })
  }, pauseMs)
  timer.unref()
  return {
    async stop() {
      clearInterval(timer)
      await running
    },
  }
}

/** Files of up to this size are told by their digest, larger ones by their name. */
const MAX_DIGESTED_BYTES = 2 ** 30

async function scanned(path: string | undefined, observe: RunningDetector['observe']): Promise<void> {
  if (path === undefined) return
  const file = await openFile(path)
  try {
    const { files } = await scanGguf(file)
    const digest = file.size <= MAX_DIGESTED_BYTES ? toHex(await digestFile(path)) : undefined
    const [report] = files
    const seen = report && scanObservation(report, Date.now(), digest)
    if (seen !== undefined) observe(seen)
  } finally {
    await file.close()
  }
}

async function gaugesOf(outbox: Outbox) {
  const { states, shed } = await outbox.counts()
  const kept = Object.entries(states).map(([state, value]) => ({
    name: 'weave_findings',
    help: 'Findings in the detector’s book, by state.',
    value,
    labels: { state },
  }))
  const lost = shed.map(({ severity, count }) => ({
    name: 'weave_findings_shed',
    help: 'Findings that were given up for want of room, by severity.',
    value: count,
    labels: { severity: `${severity}` },
  }))
  return [...kept, ...lost]
}

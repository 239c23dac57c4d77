/**
 * `weave collect --capture`: packets of a capture, or of a tool that writes one, to verdicts; and, when asked, to findings of
 * the `weave up` in the state folder.
 *
 * @module
 */
import { createReadStream } from 'node:fs'
import { captureReader } from '@mystranet/detector/capture'
import {
  EXPECTED_FLOOD_MODEL,
  EXPECTED_OUTLIER_MODEL,
  type FloodModel,
  type FloodVerdict,
  floodWatch,
} from '@mystranet/detector/ensemble'
import { trafficWatch } from '@mystranet/detector/flow'
import { floodObservation, flowObservation, type Observation } from '@mystranet/detector/loop'
import type { ModelServer } from '@mystranet/detector/model'
import { shippedModel } from '@mystranet/detector/model/node'
import { PacketError } from '@mystranet/sdk/errors'
import { askAdmin } from './admin/client.ts'
import type { DetectorDocument, LiveRows } from './admin/findings.ts'
import type { Call } from './command.ts'
import { EXIT_CODES } from './exit.ts'
import { type StateFolder, stateFolder } from './state.ts'
import { type DetectorModels, modelsFolder, openDetectorModels } from './up/detector-models.ts'

/** Rows a second that a candidate in the shadow gets to see. */
const ROWS_PER_S = 64
const TELL_MS = 1_000
const THRESHOLDS_MS = 5_000

/**
 * Reads until the capture ends, or the program is told to.
 *
 * @param path Of a file or a pipe; `-` is standard input.
 * @param tells Whether attacks become findings of the `weave up` in the state folder, which says where thresholds stand.
 */
export async function watchCapture(call: Call, path: string, tells: boolean): Promise<number> {
  const state = stateFolder(call.config.state)
  const models = await openDetectorModels({
    folder: modelsFolder(state),
    expected: [EXPECTED_FLOOD_MODEL, EXPECTED_OUTLIER_MODEL],
    shipped: shippedModel,
    observe: ({ source, detail }) =>
      call.terminal.err(`weave: the model ${source} is not used: ${JSON.stringify(detail)}\n`),
    tell: async () => undefined,
    onFault: (error) => call.terminal.err(`weave: ${String(error)}\n`),
    onServer: () => undefined,
  })
  const teller = tells ? await openTeller(state) : undefined
  const watch = watchOf(models, call, teller)
  const reader = captureReader(watch.frame)
  const input = path === '-' ? process.stdin : createReadStream(path)
  const stop = () => input.destroy()
  call.signal.addEventListener('abort', stop, { once: true })
  try {
    for await (const chunk of input) {
      reader.push(chunk as Uint8Array)
      await watch.settled()
      await teller?.flush()
    }
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'EACCES' || code === 'EISDIR') {
      throw new PacketError('NOT_FOUND', `Cannot read the capture ${path}: ${code}`, { cause })
    }
    if (!call.signal.aborted) throw cause
  } finally {
    call.signal.removeEventListener('abort', stop)
  }
  const counts = reader.end()
  await watch.end()
  await teller?.flush(true)
  call.terminal.err(`${counts.frames} frames, ${watch.counts.attacks} windows of attacks\n`)
  return EXIT_CODES.ok.code
}

/** With models, or without them where this release brings none. */
function watchOf(models: DetectorModels, { terminal }: Call, teller: Teller | undefined) {
  const counts = { attacks: 0 }
  const say = (verdict: object, observation: Observation | undefined) => {
    if (observation === undefined) return
    counts.attacks += 1
    terminal.out(`${JSON.stringify(verdict)}\n`)
    teller?.take(observation)
  }
  const [trees, outlier] = [models.server('flood'), models.server('flood-outlier')]
  if (trees === undefined) {
    const { frame, end } = trafficWatch((verdict) => say(verdict, flowObservation(verdict)))
    return { counts, frame, settled: async () => undefined, end: async () => end() }
  }
  const versions = models.list().flatMap(({ id, version }) => (version === undefined ? [] : [`${id}@${version}`]))
  const onVerdict = (verdict: FloodVerdict) => say(verdict, floodObservation(verdict, versions.join(' ')))
  const watch = floodWatch(onVerdict, {
    trees: shared(trees, 'flood', teller),
    ...(outlier && { outlier: shared(outlier, 'flood-outlier', teller) }),
    ...(teller && { thresholdAt: teller.thresholdAt }),
    onModelError: (error) => terminal.err(`weave: ${String(error)}\n`),
  })
  return { counts, frame: watch.frame, settled: watch.settled, end: watch.end }
}

/** A model some of whose rows the `weave up` gets to see. */
const shared = (server: ModelServer, id: string, teller: Teller | undefined): FloodModel => ({
  get manifest() {
    return server.manifest
  },
  score(rows, rowCount) {
    teller?.show(id, rows, rowCount)
    return server.score(rows, rowCount)
  },
})

interface Teller {
  take(observation: Observation): void
  show(id: string, rows: Float32Array, rowCount: number): void
  thresholdAt(name: string): number | undefined
  /** Hands over what was taken, once a second, or now. */
  flush(isLast?: boolean): Promise<void>
}

/** @throws {PacketError} `ROUTER_UNREACHABLE` when no `weave up` runs there. */
async function openTeller(state: StateFolder): Promise<Teller> {
  const thresholds = new Map<string, number>()
  const samples = new Map<string, (number | null)[][]>()
  let observations: Observation[] = []
  let [toldMs, askedMs] = [Date.now(), 0]
  const ask = async () => {
    const document = await askAdmin<DetectorDocument>(state, 'GET', '/detector')
    for (const { name, at } of document.thresholds) thresholds.set(name, at)
    askedMs = Date.now()
  }
  await ask()
  return {
    take: (observation) => void observations.push(observation),
    thresholdAt: (name) => thresholds.get(name),
    show(id, rows, rowCount) {
      const sample = samples.get(id) ?? []
      samples.set(id, sample)
      const width = rows.length / rowCount
      for (let at = 0; at < rowCount && sample.length < ROWS_PER_S; at++) {
        sample.push(
          Array.from(rows.subarray(at * width, (at + 1) * width), (value) => (Number.isNaN(value) ? null : value)),
        )
      }
    },
    async flush(isLast = false) {
      if (!isLast && Date.now() - toldMs < TELL_MS) return
      toldMs = Date.now()
      const told = observations
      observations = []
      if (told.length > 0) await askAdmin(state, 'POST', '/observations', told)
      for (const [id, rows] of samples) await askAdmin(state, 'POST', '/detector/rows', { id, rows } satisfies LiveRows)
      samples.clear()
      if (Date.now() - askedMs > THRESHOLDS_MS) await ask()
    },
  }
}

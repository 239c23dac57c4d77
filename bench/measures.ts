/**
 * Which measurement gives which rows. Each is loaded when it is wanted, so that one that cannot run costs only its rows.
 *
 * @module
 */
import type { Measured } from './table.ts'

export interface Options {
  /** Interleaved pairs, instead of each measurement's own number. */
  readonly pairs?: number | undefined
  /** For whoever waits. */
  readonly progress: (line: string) => void
}

/** Rows by id. An id that is missing from the result was not measured. */
export type Findings = Readonly<Record<string, Measured>>

export interface Measure {
  readonly ids: readonly string[]
  run(options: Options): Promise<Findings>
}

const PAIRS = 240
const pairsOf = ({ pairs = PAIRS }: Options) => pairs

/** One row from one function of a file. */
const single = (id: string, measure: (options: Options) => Promise<Measured>): Measure => ({
  ids: [id],
  run: async (options) => ({ [id]: await measure(options) }),
})

const primitives = () => import('./primitives.ts')
const packet = () => import('./packet.ts')
const stream = () => import('./stream.ts')
const detector = () => import('../packages/detector/bench/gguf.ts')
const packets = () => import('../packages/detector/bench/packets.ts')
const floods = () => import('../packages/detector/bench/floods.ts')
const scorer = () => import('../packages/detector/bench/scorer.ts')
const pe = () => import('../packages/detector/bench/pe.ts')

/** Rows whose subject or whose measurement is not built yet, by the first word of their ids. */
export const NOT_YET: Readonly<Record<string, string>> = {
  log: 'comes with the log across machines; packages/router/bench/log.ts measures the embedded one',
  fabric: 'comes with the fabric on JetStream',
  detector: 'comes with the parts of the detector that watch traffic and programs',
  memory: 'comes with the soak runs',
}

export const MEASURES: readonly Measure[] = [
  single('sdk.sign.vs_primitive', async (options) => (await primitives()).signVsPrimitive(pairsOf(options))),
  single('sdk.verify.vs_primitive', async (options) => (await primitives()).verifyVsPrimitive(pairsOf(options))),
  single('sdk.open.vs_primitive', async (options) => (await packet()).openVsPrimitive(pairsOf(options))),
  single('sdk.seal.vs_panva', async (options) => (await packet()).sealVsPanva(pairsOf(options))),
  single('sdk.seal.vs_hpke_core', async (options) => (await packet()).sealVsHpkeCore(pairsOf(options))),
  single('sdk.frame.make', async (options) => (await stream()).frameMake(pairsOf(options))),
  single('sdk.frame.check', async (options) => (await stream()).frameCheck(pairsOf(options))),
  single('sdk.stream.bytes_per_token', async () => (await stream()).bytesPerToken()),
  {
    ids: ['sdk.bundle.verifier', 'sdk.bundle.all', 'sdk.browser.verify', 'sdk.browser.verify_cold'],
    // Loads a browser driver, which not every machine has.
    run: async (options) => (await import('./browser.ts')).browser(options),
  },
  {
    ids: ['path.first_token.added', 'path.tokens.vs_direct'],
    run: async (options) => (await import('./path.ts')).path(options),
  },
  single('path.demo.first_verified_token', async (options) => (await import('./demo.ts')).firstVerifiedToken(options)),
  {
    ids: ['fabric.faults.lost', 'fabric.faults.doubled', 'fabric.faults.truncated'],
    run: async (options) => (await import('./faults.ts')).faults(options),
  },
  single('detector.packets', async () => (await packets()).packets()),
  single('detector.scorer.vs_ort', async () => (await scorer()).scorerVsOrt()),
  single('detector.pe.auc_cross', async () => (await pe()).peAucCross()),
  single('detector.gguf.header', async () => (await detector()).ggufHeader()),
  single('detector.gguf.hash', async () => (await detector()).ggufHash()),
  single('detector.floods.families', async () => (await floods()).floodFamilies()),
  single('detector.ece', async () => (await floods()).floodEce()),
]

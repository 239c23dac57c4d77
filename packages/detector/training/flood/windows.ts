/**
 * Turns captures into the table that the models are trained and measured on: one row a window, by our own extractor, with
 * what the rules said of it.
 *
 *     node --conditions=@mystranet/source packages/detector/training/flood/windows.ts
 *
 * Reads the given captures (`../shared/data/pcap` beside the repository, or `WEAVE_PCAP_FOLDER`) and what `training/generate`
 * made; writes `.cache/detector-data/flood/windows.csv` and `captures.json` (family, maker, SHA-256 of each file).
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { captureReader } from '../../src/capture/reader.ts'
import { EXTRACTOR_VERSION, FEATURES } from '../../src/flow/feature.ts'
import { trafficWatch, type Verdict } from '../../src/flow/watch.ts'

const given = process.env['WEAVE_PCAP_FOLDER'] ?? new URL('../../../../../shared/data/pcap', import.meta.url).pathname
const made = new URL('../../../../.cache/detector-data/flood/', import.meta.url).pathname

interface Capture {
  readonly name: string
  readonly path: string
  readonly kind: 'attack' | 'benign'
  readonly origin: 'given' | 'made'
  readonly family: string
  readonly madeBy: string
  /** Only what goes to it is the attack; undefined: all destinations, as in the given captures. */
  readonly victim: string | undefined
}

interface Label {
  readonly family: string
  readonly madeBy: string
  readonly victim?: string
}

function captures(): Capture[] {
  const found: Capture[] = []
  for (const kind of ['attack', 'benign'] as const) {
    for (const file of readdirSync(join(given, kind)).sort()) {
      const family = kind === 'attack' ? file.replace(/\.pcap(ng)?$/, '') : 'ordinary'
      const madeBy = kind === 'attack' ? 'StopDDoS' : 'nDPI'
      const path = join(given, kind, file)
      found.push({ name: file, path, kind, origin: 'given', family, madeBy, victim: undefined })
    }
    const folder = join(made, kind)
    if (!existsSync(folder)) throw new Error(`Cannot read ${folder}: it is not there. Run training/generate first`)
    for (const file of readdirSync(folder).sort()) {
      if (!file.endsWith('.pcap')) continue
      const path = join(folder, file)
      const { family, madeBy, victim } = JSON.parse(readFileSync(path.replace('.pcap', '.json'), 'utf8')) as Label
      found.push({ name: file, path, kind, origin: 'made', family, madeBy, victim })
    }
  }
  return found
}

const COLUMNS = ['file', 'kind', 'origin', 'family', 'group', 'seconds', 'rate', 'limit', 'rules']

function rowsOf(capture: Capture, bytes: Uint8Array, into: string[]): void {
  const { name, kind, origin, family, victim } = capture
  const add = ({ group, subject, rate, rules, features, usualLimit, startUs }: Verdict): void => {
    if (kind === 'attack' && (group !== 'destination' || (victim !== undefined && subject !== victim))) return
    const fired = rules.map(({ id }) => id).join(' ')
    into.push(
      [name, kind, origin, family, group, startUs / 1e6, rate, usualLimit ?? '', fired, ...features!]
        .join(',')
        .replaceAll('NaN', ''),
    )
  }
  const watch = trafficWatch(add, { seed: 1, withFeatures: ['destination', 'source'] })
  const reader = captureReader(watch.frame)
  reader.push(bytes)
  reader.end()
  watch.end()
}

const rows: string[] = []
const table = captures().map((capture) => {
  const bytes = new Uint8Array(readFileSync(capture.path))
  rowsOf(capture, bytes, rows)
  const { name, kind, origin, family, madeBy } = capture
  return { name, kind, origin, family, madeBy, sha256: createHash('sha256').update(bytes).digest('hex') }
})
const features = FEATURES.map(({ name, unit, use, nan }) => ({ name, unit, use, nan }))
writeFileSync(
  join(made, 'windows.csv'),
  `${[...COLUMNS, ...FEATURES.map(({ name }) => name)].join(',')}\n${rows.join('\n')}\n`,
)
writeFileSync(
  join(made, 'captures.json'),
  `${JSON.stringify({ extractor: EXTRACTOR_VERSION, features, captures: table }, undefined, 1)}\n`,
)
console.log(`${table.length} captures, ${rows.length} windows`)

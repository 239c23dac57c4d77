/**
 * `pnpm bench [prefix…] [--json] [--pairs N]`: measures, and prints one table. Ratios count; absolute figures belong to the
 * machine that is named below them. See bench/table.ts for the ids and goals.
 *
 *   pnpm bench sdk path          the rows whose ids begin so
 *   pnpm bench --json            one JSON object on stdout, and nothing else there
 *   pnpm bench path --pairs 8    shorter, and noisier
 *
 * @module
 */
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { machine } from './machine.ts'
import { type Findings, MEASURES, type Measure, NOT_YET, type Options } from './measures.ts'
import { drawTable } from './print.ts'
import { type Line, linesFor, type Row, rowOf, unmeasured } from './table.ts'

const progress = (line: string): void => void process.stderr.write(`· ${line}\n`)

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** One line, in which no folder of this machine stands. */
const reasonOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n', 1).join('').replaceAll(ROOT, '')

/** A measurement that fails takes only its own rows with it. */
async function findingsOf(measure: Measure, options: Options): Promise<Findings> {
  progress(`measuring ${measure.ids.join(', ')}`)
  try {
    return await measure.run(options)
  } catch (error) {
    const note = `not measured: ${reasonOf(error)}`
    progress(note)
    return Object.fromEntries(measure.ids.map((id) => [id, unmeasured(note)]))
  }
}

async function measureAll(lines: readonly Line[], options: Options): Promise<Findings> {
  const wanted = new Set(lines.map(({ id }) => id))
  const found: Record<string, Findings[string]> = {}
  for (const measure of MEASURES) {
    if (measure.ids.some((id) => wanted.has(id))) Object.assign(found, await findingsOf(measure, options))
  }
  return found
}

function notMeasured({ id }: Line): Findings[string] {
  return unmeasured(NOT_YET[id.split('.')[0] ?? ''] ?? 'its measurement gave no such row')
}

function readArguments() {
  const { values, positionals } = parseArgs({
    options: { json: { type: 'boolean', default: false }, pairs: { type: 'string' } },
    allowPositionals: true,
  })
  const pairs = values.pairs === undefined ? undefined : Number(values.pairs)
  if (pairs !== undefined && !(Number.isInteger(pairs) && pairs > 0)) {
    throw new RangeError(`Cannot measure ${values.pairs} pairs, wanted a whole number above 0`)
  }
  return { lines: linesFor(positionals), json: values.json, pairs }
}

/** Whatever a library prints belongs to stderr: stdout is the table's. */
function keepStdout(): (text: string) => void {
  const write = process.stdout.write.bind(process.stdout)
  process.stdout.write = process.stderr.write.bind(process.stderr)
  return (text) => void write(text)
}

async function main(): Promise<void> {
  const { lines, json, pairs } = readArguments()
  const print = keepStdout()
  const seen = machine()
  const found = await measureAll(lines, { pairs, progress })
  const rows = lines.map((line): [Row, Line] => [rowOf(line, found[line.id] ?? notMeasured(line)), line])
  const on = seen()
  print(json ? `${JSON.stringify({ machine: on, rows: rows.map(([row]) => row) })}\n` : drawTable(rows, on))
}

try {
  await main()
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 2
}

/**
 * `pnpm faults`: kills -9 of `weave up`, of its agent, of the broker and of the client under load, inside each stage of the
 * flow, and a table of what became of every packet. Exits 1 when one was lost, ran twice, or was cut and shown as whole, and when the
 * log does not verify from scratch.
 *
 *   pnpm faults                          200 kills of each part
 *   pnpm faults --count 16 --part up     fewer, of one part
 *   pnpm faults --seed 7 --json
 *
 * @module
 */
import { parseArgs } from 'node:util'
import { drawFaults } from './print.ts'
import { runFaults } from './run.ts'
import type { Killed, Series } from './series.ts'

const PARTS: readonly Killed[] = ['up', 'agent', 'broker', 'client']

function readArguments() {
  const { values } = parseArgs({
    options: {
      count: { type: 'string', default: '200' },
      part: { type: 'string', multiple: true, default: [...PARTS] },
      seed: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
    },
  })
  const whole = (name: 'count' | 'seed') => {
    const value = Number(values[name])
    if (!Number.isSafeInteger(value) || value < 1)
      throw new RangeError(`--${name} is ${values[name]}, wanted a whole number above 0`)
    return value
  }
  const unknown = values.part.find((part) => !PARTS.includes(part as Killed))
  if (unknown !== undefined) throw new RangeError(`--part is ${unknown}, wanted one of ${PARTS.join(', ')}`)
  return { kills: whole('count'), parts: values.part as Killed[], seed: whole('seed'), json: values.json }
}

const plain = ({ tally, ...rest }: Series) => ({ ...rest, ...tally, rows: Object.fromEntries(tally.rows) })

try {
  const { json, ...wanted } = readArguments()
  const series = await runFaults({
    ...wanted,
    progress: (line) => void process.stderr.write(`· ${Math.round(performance.now() / 1_000)} s · ${line}\n`),
  })
  const { text, isSound } = drawFaults(series)
  process.stdout.write(json ? `${JSON.stringify({ isSound, series: series.map(plain) })}\n` : text)
  process.exitCode = isSound ? 0 : 1
} catch (error) {
  process.stderr.write(`faults: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 2
}

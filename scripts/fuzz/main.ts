// `pnpm fuzz [target…]`: feeds every parser of bytes from outside with mutations of valid inputs, the same ones for the
// same seed. A throw that is not a declared refusal, an input that takes longer than 2 s or too much memory, a promise that
// does not hold for what was accepted, and a declared refusal that came fewer than 100 times make the run red.
//
//   --seed TEXT       another run; 1 by default
//   --scale NUMBER    share of the full count
//   --minutes NUMBER  stops each target after so long
//   --lanes NUMBER    processes at once; 2 by default
//   --hang NUMBER     seconds that one input may take; 2 by default
//   --folder FOLDER   where the targets are; `target/` by default, which holds one file for each parser
//   --replay TARGET BASE64|FILE   one input again, in this process
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { runInProcess } from './lane.ts'
import type { Outcome } from './loop.ts'
import { reportOf } from './report.ts'
import type { Target } from './target.ts'

const text = { type: 'string' } as const
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: text, scale: text, minutes: text, lanes: text, hang: text, folder: text, replay: text },
})
const folder = resolve(values.folder ?? join(import.meta.dirname, 'target'))
const files = globSync('*.ts', { cwd: folder }).sort()

async function loaded(): Promise<readonly (readonly [Target, string])[]> {
  return Promise.all(
    files.map(async (name) => {
      const file = join(folder, name)
      const { target } = (await import(pathToFileURL(file).href)) as { readonly target: Target }
      return [target, file] as const
    }),
  )
}

async function replay(target: Target, given: string): Promise<void> {
  const input = existsSync(given) ? readFileSync(given) : Buffer.from(given, 'base64')
  const subject = await target.open()
  await subject.renew?.(0)
  console.log(`${target.name}: ${input.length} bytes: ${await subject.run(new Uint8Array(input))}`)
  await subject.close?.()
}

async function run(chosen: readonly (readonly [Target, string])[]): Promise<boolean> {
  const queue = chosen.toSorted(([a], [b]) => b.inputs - a.inputs)
  const outcomes: Outcome[] = []
  const startMs = performance.now()
  const lane = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [target, file] = next
      const outcome = await runInProcess({
        name: target.name,
        file,
        seed: values.seed ?? '1',
        inputs: Math.max(1, Math.ceil(target.inputs * Number(values.scale ?? 1))),
        minutes: values.minutes === undefined ? undefined : Number(values.minutes),
        hangMs: Number(values.hang ?? 2) * 1_000,
      })
      outcomes.push(outcome)
      const seconds = ((performance.now() - startMs) / 1000).toFixed(0)
      process.stderr.write(
        `· ${seconds} s  ${target.name}: ${outcome.inputs} inputs, ${outcome.crashes.length} crashes\n`,
      )
    }
  }
  await Promise.all(Array.from({ length: Number(values.lanes ?? 2) }, lane))
  outcomes.sort((a, b) => a.target.localeCompare(b.target))
  const { lines, green } = reportOf(
    chosen.map(([target]) => target),
    outcomes,
  )
  console.log(lines.join('\n'))
  return green
}

const targets = await loaded()
const [wanted] = [values.replay === undefined ? positionals : [values.replay]]
const unknown = wanted.filter((name) => !targets.some(([target]) => target.name === name))
if (unknown.length > 0) {
  console.error(`Unknown target ${unknown.join(', ')}, wanted: ${targets.map(([{ name }]) => name).join(', ')}`)
  process.exit(2)
}
const chosen = targets.filter(([{ name }]) => wanted.length === 0 || wanted.includes(name))
if (values.replay === undefined) process.exitCode = (await run(chosen)) ? 0 : 1
else await replay((chosen[0] as readonly [Target, string])[0], positionals[0] ?? '')
// Timers of what a target imports must not keep the program open.
process.exit()

/**
 * How long somebody waits who starts the demo and has its model already.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { measured, round, spreadOf } from './contest.ts'
import type { Options } from './measures.ts'
import type { Measured } from './table.ts'
import { MAIN } from './weave-up.ts'

const RUNS = 3

/** Until the whole answer has its verdict: later than its first token, which was authenticated before it was shown. */
export async function firstVerifiedToken({ progress }: Options): Promise<Measured> {
  // The first one may have to fetch the model, and measures the machine's threads.
  await demo()
  const runs: DemoTimes[] = []
  for (let run = 0; run < RUNS; run++) {
    runs.push(await demo())
    progress(`demo ${run + 1} of ${RUNS}`)
  }
  const shown = runs.map(
    ({ verifiedAfterStartMs, totalMs, firstTextMs }) => verifiedAfterStartMs - totalMs + firstTextMs,
  )
  return {
    ...measured(spreadOf(runs.map(({ verifiedAfterStartMs }) => verifiedAfterStartMs / 1_000))),
    note:
      'weave demo --once --json, from the start of the program to the verdict on the whole answer, with an empty state ' +
      `folder and the model in its cache; first token shown after ${round(spreadOf(shown).median / 1_000)} s`,
  }
}

/** Milliseconds, as the demo itself tells. */
interface DemoTimes {
  /** From the question. */
  readonly firstTextMs: number
  readonly totalMs: number
  /** From the start of the program. */
  readonly verifiedAfterStartMs: number
}

async function demo(): Promise<DemoTimes> {
  const state = await mkdtemp(join(tmpdir(), 'weave-bench-demo-'))
  try {
    const document = JSON.parse(await run(['demo', '--once', '--json', '--state', state])) as {
      readonly status: string
      readonly times: DemoTimes
    }
    if (document.status !== 'VERIFIED') throw new Error(`the demo's verdict is ${document.status}, wanted VERIFIED`)
    return document.times
  } finally {
    await rm(state, { recursive: true, force: true })
  }
}

/** What it wrote to stdout. @throws Error when it ends with anything but 0. */
function run(args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, ['--conditions=@mystranet/source', MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [out, err] = ['', '']
  child.stdout.on('data', (chunk) => (out += chunk))
  child.stderr.on('data', (chunk) => (err = `${err}${chunk}`.slice(-2_000)))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) resolve(out)
      else reject(new Error(`weave ${args[0]} ended with ${code}: ${err.trim().split('\n').at(-1)}`))
    })
  })
}

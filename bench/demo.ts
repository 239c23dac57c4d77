/**
 * How long somebody waits who starts the demo and has its model already.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { measured, spreadOf } from './contest.ts'
import type { Options } from './measures.ts'
import type { Measured } from './table.ts'
import { MAIN } from './weave-up.ts'

const RUNS = 3

/** From the start of the program to the end of it: starting, answering, verifying, and finding a changed byte. */
export async function firstVerifiedToken({ progress }: Options): Promise<Measured> {
  const seconds: number[] = []
  // The first one may have to fetch the model, and measures the machine's threads.
  await demo()
  for (let run = 0; run < RUNS; run++) {
    seconds.push(await demo())
    progress(`demo ${run + 1} of ${RUNS}`)
  }
  return {
    ...measured(spreadOf(seconds)),
    note: 'weave demo --once --json with an empty state folder and the model in its cache',
  }
}

async function demo(): Promise<number> {
  const state = await mkdtemp(join(tmpdir(), 'weave-bench-demo-'))
  try {
    const startedAt = performance.now()
    const document = await run(['demo', '--once', '--json', '--state', state])
    const wholeMs = performance.now() - startedAt
    return (firstTokenOf(document) ?? wholeMs) / 1_000
  } finally {
    await rm(state, { recursive: true, force: true })
  }
}

function firstTokenOf(document: string): number | undefined {
  const { firstVerifiedTokenMs } = JSON.parse(document) as { firstVerifiedTokenMs?: unknown }
  return typeof firstVerifiedTokenMs === 'number' ? firstVerifiedTokenMs : undefined
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

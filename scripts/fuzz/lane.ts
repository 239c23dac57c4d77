/**
 * Runs targets in processes, and watches them from outside: who stands still too long, takes too much memory or ends without
 * a word is killed, and the input that did it is read from where the process left it.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, readSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Crash, Outcome } from './loop.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const FOLDER = join(ROOT, '.cache', 'fuzz')
const WORKER = join(import.meta.dirname, 'worker.ts')
const LOOK_MS = 100
const MAX_RSS_BYTES = 1024 * 1024 * 1024
const NODE = ['--conditions=@mystranet/source', '--max-old-space-size=512', '--expose-gc', '--no-warnings']

export interface Assignment {
  readonly name: string
  /** File of the target. */
  readonly file: string
  readonly seed: string
  readonly inputs: number
  readonly minutes?: number | undefined
  /** Milliseconds that one input may take. */
  readonly hangMs: number
}

export async function runInProcess(assignment: Assignment): Promise<Outcome> {
  const { name, file, seed, inputs, minutes, hangMs } = assignment
  mkdirSync(FOLDER, { recursive: true })
  const watched = join(FOLDER, `${name}.${process.pid}.input`)
  const argv = [...NODE, WORKER, file, watched, seed, `${inputs}`, `${minutes ?? ''}`]
  const child = spawn(process.execPath, argv, { cwd: ROOT, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-4_000)
  })
  let outcome: Outcome | undefined
  child.on('message', (message) => {
    outcome = message as Outcome
  })
  let why: string | undefined
  const kill = (reason: string) => {
    why ??= reason
    child.kill('SIGKILL')
  }
  const looking = setInterval(look(watched, hangMs, kill, child.pid), LOOK_MS)
  const code = await new Promise<number | null>((resolve) => {
    child.on('error', () => resolve(null))
    child.on('exit', resolve)
  })
  clearInterval(looking)
  const last = lastInput(watched)
  rmSync(watched, { force: true })
  if (outcome !== undefined && why === undefined) return outcome
  const what = why ?? `the process ended with ${code} and said: ${said.trim()}`
  const crash: Crash = { target: name, seed, index: (last?.number ?? 1) - 1, what, base64: last?.base64 ?? '' }
  return {
    target: name,
    inputs: last?.number ?? 0,
    counts: {},
    slowestMs: hangMs,
    mostBytes: 0,
    peakRssBytes: 0,
    crashes: [crash],
  }
}

/** Looks at the number of the input that runs: it must change. */
function look(watched: string, hangMs: number, kill: (why: string) => void, pid: number | undefined): () => void {
  let seen = 0
  let looks = 0
  return () => {
    const number = numberOf(watched)
    looks = number === seen && number !== 0 ? looks + 1 : 0
    seen = number
    // In looks, not by a clock: on a machine that is busy elsewhere, both programs stand still together.
    if (looks * LOOK_MS > hangMs) kill(`one input takes longer than ${hangMs} ms`)
    const rss = rssOf(pid)
    if (rss > MAX_RSS_BYTES) kill(`the process holds ${rss} bytes, wanted at most ${MAX_RSS_BYTES}`)
  }
}

function numberOf(watched: string): number {
  try {
    const fd = openSync(watched, 'r')
    const head = Buffer.alloc(4)
    const read = readSync(fd, head, 0, 4, 0)
    closeSync(fd)
    return read === 4 ? head.readUInt32LE(0) : 0
  } catch {
    return 0
  }
}

/** Zero where the system does not tell; the heap is bounded by V8 all the same. */
function rssOf(pid: number | undefined): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4_096
  } catch {
    return 0
  }
}

function lastInput(watched: string): { readonly number: number; readonly base64: string } | undefined {
  try {
    const record = readFileSync(watched)
    const length = record.readUInt32LE(4)
    return { number: record.readUInt32LE(0), base64: record.subarray(8, 8 + length).toString('base64') }
  } catch {
    return undefined
  }
}

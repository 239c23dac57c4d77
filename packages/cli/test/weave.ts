/** `weave` as a child process, as a user runs it, with a state folder and a script of the test's own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** As the agent's scripted engine reads it: by the content of the last message, `*` for any other. */
type Piece = string | { readonly text: string; readonly delayMs: number } | { readonly fault: 'fail' | 'hang' | 'exit' }
type Script = Readonly<Record<string, { readonly pieces: readonly Piece[]; readonly finish?: 'stop' | 'length' }>>

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url))
const FLAGS = ['--conditions=@mystranet/source', MAIN]

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Settings of the machine that must not reach a test. */
export const cleanEnv = () =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('WEAVE_')))

/** @param input What it reads from standard input; without it, nothing. */
export function spawnWeave(args: readonly string[], env: Record<string, string> = {}, input?: string): ChildProcess {
  const child = spawn(process.execPath, [...FLAGS, ...args], {
    env: { ...cleanEnv(), NO_COLOR: '1', ...env },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  child.stdin?.end(input)
  return child
}

/** Runs one command to its end. */
export async function weave(args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  return ended(spawnWeave(args, env))
}

export async function ended(child: ChildProcess): Promise<Ran> {
  let [stdout, stderr] = ['', '']
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, stdout, stderr }
}

export interface Up {
  readonly pid: number
  readonly url: string
  readonly proxyUrl: string
  readonly page: string
  readonly token: string
  /** What it wrote to standard error so far. */
  readonly stderr: () => string
  /** Sends a signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

export interface Place {
  readonly folder: string
  readonly state: string
  /** Lines `⟨packet⟩ start|finish|failed|cancelled` of the scripted engine, over all its processes. */
  journal(): Promise<readonly string[]>
  /** Starts `weave up`, and waits until it is ready unless told not to. */
  up(
    args?: readonly string[],
    options?: { readonly waits?: boolean; readonly env?: Record<string, string> },
  ): Promise<Up>
  /** A command in this state folder. */
  weave(...args: string[]): Promise<Ran>
  /** A path in the test's folder. */
  path(name: string): string
  remove(): Promise<void>
}

export async function place(script?: Script): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'weave-'))
  const state = join(folder, 's')
  const path = (name: string) => join(folder, name)
  const alive = new Set<Up>()
  if (script !== undefined) await writeFile(path('script.json'), JSON.stringify(script))
  const journal = async () => {
    const text = await readFile(path('journal'), 'utf8').catch(() => '')
    return text.split('\n').filter((line) => line !== '')
  }
  return {
    folder,
    state,
    path,
    journal,
    weave: (...args) => weave([...args, '--state', state]),
    async up(args = [], { waits = true, env = {} } = {}) {
      const engine = script === undefined ? [] : ['--engine', 'scripted', '--script', path('script.json')]
      const ports = ['--port', '0', '--proxy-port', '0']
      const child = spawnWeave(['up', '--json', '--state', state, ...ports, ...engine, ...args], {
        WEAVE_AGENT_JOURNAL: path('journal'),
        ...env,
      })
      let stderr = ''
      child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
      const exit = new Promise<number | null>((resolve) => child.once('close', resolve))
      const lines = createInterface({ input: child.stdout as NonNullable<ChildProcess['stdout']> })[
        Symbol.asyncIterator
      ]()
      const nextLine = async () => {
        const { value, done } = (await lines.next()) as IteratorResult<string>
        if (done) throw new Error(`weave up ended with ${await exit}: ${stderr}`)
        return JSON.parse(value) as Record<string, string>
      }
      const said = (await nextLine()) as unknown as Omit<Up, 'token'> & { readonly proxyTokenFile: string }
      if (waits) await nextLine()
      const up: Up = {
        ...said,
        token: (await readFile(said.proxyTokenFile, 'utf8')).trim(),
        stderr: () => stderr,
        async stop(signal = 'SIGTERM') {
          alive.delete(up)
          child.kill(signal)
          return exit
        },
      }
      alive.add(up)
      return up
    },
    async remove() {
      await Promise.all([...alive].map((up) => up.stop('SIGKILL')))
      // The agent of a killed parent leaves by itself, a moment later.
      await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
    },
  }
}

/** Waits until something is true. */
export async function until(what: string, check: () => Promise<boolean> | boolean, timeoutMs = 20_000): Promise<void> {
  const end = Date.now() + timeoutMs
  while (!(await check())) {
    if (Date.now() > end) throw new Error(`Waited ${timeoutMs} ms in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** `count` pieces, one each `delayMs`. */
export const slowly = (count: number, delayMs: number) => ({
  pieces: Array.from({ length: count }, (_, at) => ({ text: `w${at} `, delayMs })),
})

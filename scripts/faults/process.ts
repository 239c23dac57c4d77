/**
 * `weave` as a child process that may be killed at any moment: everything that it wrote before is read.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, type FSWatcher, openSync, readFileSync, readSync, watch, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../packages/cli/src/main.ts', import.meta.url))
const SOURCES = '--conditions=@mystranet/source'
/** Of standard error, for whoever has to explain an end that nobody wanted. */
const KEPT_CHARS = 8_000

export interface Weave {
  readonly pid: number
  /** The next line of standard output, as JSON. Rejects when it ends before. */
  said<T>(): Promise<T>
  /** Resolves when it is gone and all it wrote has been read. */
  readonly gone: Promise<void>
  readonly isGone: boolean
  signal(signal: NodeJS.Signals): void
  lastWords(): string
}

/** Settings of the machine that must not reach it. */
const cleanEnv = () => Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('WEAVE_')))

/** @param onLine Gets each line of standard error. */
export function startWeave(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  onLine: (line: string) => void = () => undefined,
): Weave {
  const child = spawn(process.execPath, [SOURCES, MAIN, ...args], {
    env: { ...cleanEnv(), NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let kept = ''
  let isGone = false
  const gone = new Promise<void>((resolve) => {
    child.once('close', () => {
      isGone = true
      resolve()
    })
  })
  splitLines(child, (line) => {
    kept = `${kept}${line}\n`.slice(-KEPT_CHARS)
    onLine(line)
  })
  const lines = createInterface({ input: child.stdout as NonNullable<ChildProcess['stdout']> })[Symbol.asyncIterator]()
  return {
    pid: child.pid as number,
    gone,
    get isGone() {
      return isGone
    },
    async said<T>() {
      const { value, done } = (await lines.next()) as IteratorResult<string>
      if (done) throw new Error(`weave ${args[0]} ended with ${child.exitCode ?? child.signalCode}: ${kept}`)
      return JSON.parse(value) as T
    },
    signal: (signal) => void child.kill(signal),
    lastWords: () => `${child.exitCode ?? child.signalCode}: ${kept}`,
  }
}

function splitLines({ stderr }: ChildProcess, take: (line: string) => void): void {
  let held = ''
  stderr?.setEncoding('utf8')
  stderr?.on('data', (text: string) => {
    const lines = (held + text).split('\n')
    held = lines.pop() ?? ''
    for (const line of lines) take(line)
  })
}

export interface Journal {
  /** Reads what came since. Called by itself whenever the file grows. */
  read(): void
  /** All lines so far. */
  readonly lines: readonly string[]
  close(): void
}

/** Follows a file that several processes append whole lines to; makes it. */
export function followJournal(path: string, onLine: (line: string) => void): Journal {
  writeFileSync(path, '', { flag: 'a' })
  const file = openSync(path, 'r')
  const buffer = new Uint8Array(65_536)
  const decoder = new TextDecoder()
  const lines: string[] = []
  let at = 0
  let held = ''
  const read = () => {
    for (;;) {
      const count = readSync(file, buffer, 0, buffer.length, at)
      if (count === 0) return
      at += count
      const found = (held + decoder.decode(buffer.subarray(0, count), { stream: true })).split('\n')
      held = found.pop() ?? ''
      for (const line of found) {
        lines.push(line)
        onLine(line)
      }
    }
  }
  const watcher: FSWatcher = watch(path, read)
  return { read, lines, close: () => watcher.close() }
}

/** Resolves when the process runs no more, be it that nobody has fetched its exit code yet. */
export async function untilGone(pid: number): Promise<void> {
  while (runs(pid)) await new Promise((resolve) => setTimeout(resolve, 5))
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0)
    // An orphan stays in the table until its new parent looks. Where there is no /proc, that is waited for.
    return !existsSync('/proc/self/stat') || !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return false
  }
}

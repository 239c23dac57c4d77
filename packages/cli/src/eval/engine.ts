/**
 * The engine of `weave eval` as its parent sees it: a process of its own, in a sandbox or not, that is believed nothing but the
 * text it sends.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, realpathSync } from 'node:fs'
import { devNull } from 'node:os'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { PromptEvent, PromptRequest, PromptTarget } from '@mystranet/detector/prompt/target'
import { PacketError } from '@mystranet/sdk/errors'
import { highestLeftOpen, programFolders, type Sandbox, sandboxed } from './sandbox.ts'
import { type EngineFacts, type EngineOrder, type EngineWord, parseWord } from './wire.ts'

export interface EvalEngineOptions {
  readonly modelPath: string
  /** Undefined: none. */
  readonly sandbox: Sandbox | undefined
  readonly contextTokens: number
  readonly memoryBytes: number
  /** Wall-clock time of all that it does; then it is killed. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** The program to start; the engine's own unless a test says otherwise. */
  readonly program?: string | undefined
}

export interface EvalEngine extends PromptTarget {
  readonly facts: EngineFacts
  /** Of the engine's process so far, by its own word. */
  cpuSeconds(): number
  close(): Promise<void>
}

const SOURCE_CONDITION = '--conditions=@mystranet/source'
const NODE_INSIDE = '/node'
const MODEL_INSIDE = '/model.gguf'
/** A process of the engine that says so much without a line break is not ours any more. */
const MAX_LINE = 65_536
/** Of what it says to people; more of it is not held. */
const MAX_TAIL = 4_096

/**
 * Starts the engine, and waits until the model is loaded.
 *
 * @throws {PacketError} `MODEL_UNAVAILABLE` with the engine's own reason; `CANCELLED`.
 */
export async function startEvalEngine(options: EvalEngineOptions): Promise<EvalEngine> {
  const { signal, timeoutMs } = options
  signal.throwIfAborted()
  const child = started(options)
  const ended = once(child, 'close').catch(() => [])
  const kill = () => child.kill('SIGKILL')
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    kill()
  }, timeoutMs)
  signal.addEventListener('abort', kill)
  const lastLine = lastLineOf(child.stderr as Readable)
  const words = wordsOf(child)
  let cpuSeconds = 0
  const close = async () => {
    clearTimeout(timer)
    signal.removeEventListener('abort', kill)
    kill()
    // What it still says keeps it from being over, as long as nobody reads that.
    ;(child.stdio[3] as Readable).destroy()
    await ended
  }
  const next = async (): Promise<EngineWord> => {
    const { value } = await words.next()
    if (value?.type === 'finish') cpuSeconds = value.cpuSeconds
    if (value !== undefined) return value
    await close()
    if (signal.aborted) throw new PacketError('CANCELLED', 'Cannot go on: it was stopped')
    const state = isLate
      ? `it took longer than ${Math.round(timeoutMs / 60_000)} min`
      : lastLine() || 'it ended without a word'
    throw new PacketError('MODEL_UNAVAILABLE', `Cannot go on with the model: ${state}`)
  }
  const first = await next()
  if (first.type !== 'ready') {
    await close()
    const state = first.type === 'error' ? first.message : `it said ${first.type} before it was ready`
    throw new PacketError('MODEL_UNAVAILABLE', `Cannot start the engine: ${state}`)
  }
  return { facts: first.facts, generate: generateWith(child, next, close), cpuSeconds: () => cpuSeconds, close }
}

const generateWith = (child: ChildProcess, next: () => Promise<EngineWord>, close: () => Promise<void>) =>
  async function* (request: PromptRequest, signal: AbortSignal): AsyncGenerator<PromptEvent, void, void> {
    signal.throwIfAborted()
    // What a given-up answer still says must not be taken for the next one's: the process ends with it.
    const giveUp = () => void close()
    signal.addEventListener('abort', giveUp)
    try {
      const order: EngineOrder = { type: 'generate', request }
      child.stdin?.write(`${JSON.stringify(order)}\n`)
      for (;;) {
        const word = await next()
        if (word.type === 'error') throw Object.assign(new Error(word.message), { code: word.code })
        if (word.type === 'text') yield word
        else if (word.type === 'finish') return yield word
        else throw new PacketError('MODEL_UNAVAILABLE', `Cannot take the answer: the engine said ${word.type}`)
      }
    } finally {
      signal.removeEventListener('abort', giveUp)
    }
  }

function started({
  modelPath,
  sandbox,
  contextTokens,
  memoryBytes,
  timeoutMs,
  program: own,
}: EvalEngineOptions): ChildProcess {
  const self = realpathSync(own ?? fileURLToPath(import.meta.resolve('@mystranet/cli/eval-engine')))
  const node = realpathSync(process.execPath)
  const flags = self.endsWith('.ts') ? [SOURCE_CONDITION] : []
  const commandFor = (program: string, model: string) =>
    [program, ...flags, self, model, String(contextTokens)] as const
  const [program, ...args] =
    sandbox === undefined
      ? commandFor(node, realpathSync(modelPath))
      : sandboxed({
          command: [...commandFor(NODE_INSIDE, MODEL_INSIDE)],
          reads: new Map([
            [node, NODE_INSIDE],
            ...programFolders(self).map((folder) => [folder, folder] as const),
            [realpathSync(modelPath), MODEL_INSIDE],
          ]),
          memoryBytes,
          cpuSeconds: Math.ceil(timeoutMs / 1_000) * 4,
          proc: sandbox.proc,
        })
  const env = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', NODE_OPTIONS: '' }
  // Detached: a Ctrl-C in the terminal is for us, who then end it.
  const given = ['pipe', 'ignore', 'pipe', 'pipe'] as const
  // A descriptor that was left open to us, of whatever file or socket, would be open to it.
  const nothing = openSync(devNull, 'r+')
  const covered = Array<number>(Math.max(0, highestLeftOpen() + 1 - given.length)).fill(nothing)
  const child = spawn(program, args, { stdio: [...given, ...covered], env, detached: true })
  closeSync(nothing)
  // A process that is gone is told of by its end; what was written to it is lost.
  child.stdin?.on('error', () => {})
  return child
}

/** The last line of a stream, or the end of it. The stream may bring text without end, and without a line break. */
function lastLineOf(stream: Readable): () => string {
  let tail = ''
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    tail = (tail + chunk).slice(-MAX_TAIL)
  })
  return () => (tail.split('\n').findLast((line) => line.trim() !== '') ?? '').slice(0, 400)
}

/** Lines of the child, each a word; anything else ends it. */
async function* wordsOf(child: ChildProcess): AsyncGenerator<EngineWord, undefined, void> {
  const stream = child.stdio[3] as Readable
  const failed = new Promise<undefined>((resolve) => child.once('error', () => resolve(undefined)))
  let held = ''
  stream.setEncoding('utf8')
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<string>
  for (;;) {
    const chunk = await Promise.race([chunks.next().catch(() => undefined), failed])
    if (chunk === undefined || chunk.done) return undefined
    const lines = (held + chunk.value).split('\n')
    held = lines.pop() ?? ''
    for (const line of lines) {
      const word = line.length > MAX_LINE ? undefined : parseWord(line)
      if (word === undefined) {
        child.kill('SIGKILL')
        return undefined
      }
      yield word
    }
    if (held.length > MAX_LINE) {
      child.kill('SIGKILL')
      return undefined
    }
  }
}

/**
 * The agent as a child process: started, linked to the router, started again when it dies.
 *
 * @module
 */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { AgentLinks } from '@mystranet/router'
import type { AgentMessage } from '@mystranet/schemas/link'

export interface AgentProcessOptions {
  /** Variables of the agent's own configuration. */
  readonly env: Readonly<Record<string, string>>
  readonly links: Pick<AgentLinks, 'attach'>
  /** Each time it said who it is. */
  onHello(instance: Uint8Array): void
  /** One line of its standard error, or ours about it. */
  onLine(line: string): void
  /** It will not be started again: its configuration is wrong, or it never came up. */
  onGivenUp(reason: string): void
  /** The program to fork; the agent's own unless a test says otherwise. */
  readonly program?: string | undefined
  readonly backOffMs?: number | undefined
}

export interface AgentProcess {
  readonly pid: number | undefined
  readonly restarts: number
  /** Lets it finish what runs for so long, then ends it. */
  stop(graceMs: number): Promise<void>
}

const SOURCE_CONDITION = '@mystranet/source'
/** Exit code of a wrong configuration: another start would not help. */
const EXIT_CONFIG = 2
/** Deaths in a row before the first hello. */
const MAX_STILLBORN = 3
const MAX_BACK_OFF_MS = 30_000
/** An agent that lived so long starts with a clean sheet. */
const STEADY_MS = 60_000

/** Variables of ours that are meant for the router, or for nobody else at all. */
const PASSED_ON = /^(?!WEAVE_)/

export function startAgentProcess(options: AgentProcessOptions): AgentProcess {
  const { backOffMs = 500 } = options
  let child: ChildProcess | undefined
  let timer: NodeJS.Timeout | undefined
  let restarts = 0
  let deaths = 0
  let hasSpoken = false
  let isStopping = false
  let lastLine = ''

  function start(): void {
    const bornMs = Date.now()
    const started = forkAgent(options)
    child = started
    const attached = options.links.attach({
      mayEnrol: true,
      send(message) {
        if (!started.connected) throw new Error('the agent is gone')
        // A message that does not arrive is made up for by leases and repeats.
        started.send(message, () => {})
      },
    })
    started.on('message', (message) => {
      const said = message as AgentMessage
      attached.receive(said)
      if (said.type !== 'hello') return
      hasSpoken = true
      options.onHello(said.instance)
    })
    eachLine(started, (line) => {
      lastLine = line
      options.onLine(line)
    })
    started.on('error', (error) => options.onLine(`weave: the agent cannot be started: ${error.message}`))
    started.once('exit', (code, signal) => {
      attached.lost()
      child = undefined
      if (isStopping) return
      if (Date.now() - bornMs > STEADY_MS) deaths = 0
      deaths += 1
      if (code === EXIT_CONFIG) return options.onGivenUp(lastLine || 'its configuration is wrong')
      if (!hasSpoken && deaths >= MAX_STILLBORN) return options.onGivenUp(lastLine || `it ended with ${code ?? signal}`)
      const waitMs = Math.min(MAX_BACK_OFF_MS, backOffMs * 2 ** (deaths - 1)) * (0.5 + Math.random() / 2)
      options.onLine(`weave: the agent ended with ${signal ?? code}; starting it again in ${Math.round(waitMs)} ms`)
      timer = setTimeout(() => {
        restarts += 1
        start()
      }, waitMs)
    })
  }

  start()
  return {
    get pid() {
      return child?.pid
    },
    get restarts() {
      return restarts
    },
    async stop(graceMs) {
      isStopping = true
      clearTimeout(timer)
      const running = child
      if (running === undefined || running.exitCode !== null || running.signalCode !== null) return
      const ended = new Promise((resolve) => running.once('exit', resolve))
      running.kill('SIGTERM')
      const killer = setTimeout(() => running.kill('SIGKILL'), graceMs)
      await ended
      clearTimeout(killer)
    },
  }
}

function forkAgent({ env, program }: AgentProcessOptions): ChildProcess {
  const path = program ?? fileURLToPath(import.meta.resolve('@mystranet/agent/main'))
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => PASSED_ON.test(name)))
  return fork(path, [], {
    env: { ...inherited, ...env } as NodeJS.ProcessEnv,
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    // From source its own imports must lead to source too, whatever other flags this process has.
    execArgv: path.endsWith('.ts') ? [`--conditions=${SOURCE_CONDITION}`] : [],
  })
}

function eachLine({ stderr }: ChildProcess, take: (line: string) => void): void {
  let held = ''
  stderr?.setEncoding('utf8')
  stderr?.on('data', (text: string) => {
    const lines = (held + text).split('\n')
    held = (lines.pop() ?? '').slice(-4_096)
    for (const line of lines) if (line.trim() !== '') take(line)
  })
}

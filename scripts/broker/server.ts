// A real nats-server for tests: on a port of its own, with its store in a folder that survives a restart.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../runtime/free-port.ts'

export interface Broker {
  readonly url: string
  /** Where it takes WebSockets. */
  readonly webSocketUrl: string
  /** Ends the server; its store stays. */
  stop(signal?: NodeJS.Signals): Promise<void>
  /** Starts it again on the same port, with the same store. */
  start(): Promise<void>
  /** Ends it and removes its store. */
  remove(): Promise<void>
}

const CACHED = fileURLToPath(new URL('../../.cache/nats-server-2.15.1/nats-server', import.meta.url))
const UP_MS = 10_000

/** The program, as scripts/prepare.mjs left it or as the machine has it. */
function program(): string {
  const places = [
    process.env['WEAVE_NATS_SERVER'],
    CACHED,
    ...(process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'nats-server')),
  ]
  const found = places.find((path) => path !== undefined && path !== '' && existsSync(path))
  if (found === undefined)
    throw new Error('Cannot start a broker: no nats-server here, wanted one (npm test fetches it)')
  return found
}

/** Starts a server that answers. @param flags More flags of nats-server. */
export async function startBroker(...flags: readonly string[]): Promise<Broker> {
  const store = await mkdtemp(join(tmpdir(), 'broker-'))
  const [port, webPort] = [await freePort(), await freePort()]
  const config = join(store, 'server.conf')
  await writeFile(config, `websocket { listen: "127.0.0.1:${webPort}", no_tls: true }\n`)
  let child: ChildProcess | undefined
  const start = async () => {
    const args = ['-a', '127.0.0.1', '-p', String(port), '-js', '-sd', store, '-c', config, ...flags]
    const started = spawn(program(), args, { stdio: ['ignore', 'ignore', 'pipe'] })
    child = started
    let said = ''
    started.stderr?.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-4_096)))
    const until = Date.now() + UP_MS
    while (!(await answers(port))) {
      if (started.exitCode !== null || Date.now() > until) throw new Error(`Cannot start a broker: ${said}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const stop = async (signal: NodeJS.Signals = 'SIGKILL') => {
    const running = child
    child = undefined
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return
    const ended = new Promise((resolve) => running.once('exit', resolve))
    running.kill(signal)
    await ended
  }
  await start()
  return {
    url: `nats://127.0.0.1:${port}`,
    webSocketUrl: `ws://127.0.0.1:${webPort}`,
    start,
    stop,
    async remove() {
      await stop()
      await rm(store, { recursive: true, force: true })
    },
  }
}

/** A server that takes connections greets each of them. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const done = (is: boolean) => {
      socket.destroy()
      resolve(is)
    }
    socket.once('data', (bytes) => done(bytes.toString('latin1').startsWith('INFO ')))
    socket.once('error', () => done(false))
    socket.setTimeout(1_000, () => done(false))
  })
}

/**
 * `weave up` in its own processes and an empty state folder, as a user starts it, and a client of it in this one.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { readConfig } from '../packages/cli/src/config.ts'
import { readRunning } from '../packages/cli/src/running.ts'
import { openSession, type Session } from '../packages/cli/src/session.ts'
import { stateFolder } from '../packages/cli/src/state.ts'

export const MAIN = fileURLToPath(new URL('../packages/cli/src/main.ts', import.meta.url))
export const TAG = 'bench.weave'
const READY_MS = 120_000
const STOP_MS = 15_000

export interface Fabric {
  readonly session: Session
  /** An error with how `weave up` fared and what it said last. */
  explain(error: unknown): Error
  close(): Promise<void>
}

/** Resolves once the model is ready. @throws Error with the last lines of what `weave up` wrote when it ends before. */
export async function weaveUp(model: string): Promise<Fabric> {
  const state = await mkdtemp(join(tmpdir(), 'weave-bench-'))
  const flags = ['--state', state, '--port', '0', '--proxy-port', '0', '--tag', TAG, '--model', model, '--slots', '1']
  const child = spawn(process.execPath, ['--conditions=@mystranet/source', MAIN, 'up', ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  const listen = (chunk: Buffer) => {
    said = `${said}${chunk}`.slice(-2_000)
  }
  child.stdout.on('data', listen)
  child.stderr.on('data', listen)
  const explain = (error: unknown): Error => {
    const fate = child.exitCode ?? child.signalCode
    const last = said.trim().split('\n').slice(-3).join(' / ')
    return new Error(
      `${(error as Error).message}; weave up ${fate === null ? 'runs' : `ended with ${fate}`} and said last: ${last}`,
    )
  }
  const close = async () => {
    await stop(child)
    await rm(state, { recursive: true, force: true })
  }
  try {
    const url = await readyAt(child, state)
    const session = await openSession(readConfig({}, { state, router: url }))
    await session.client.enrol()
    return { session, explain, close }
  } catch (error) {
    const explained = explain(error)
    await close()
    throw explained
  }
}

/** The router's address, when it says that it is ready. */
async function readyAt(child: ChildProcess, state: string): Promise<string> {
  const untilMs = performance.now() + READY_MS
  while (performance.now() < untilMs) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`)
    const url = (await readRunning(stateFolder(state)))?.url
    const answer = url === undefined ? undefined : await fetch(`${url}/readyz`).catch(() => undefined)
    if (url !== undefined && answer?.ok) return url
    await sleep(100)
  }
  throw new Error(`it was not ready after ${READY_MS} ms`)
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  await Promise.race([ended, sleep(STOP_MS).then(() => child.kill('SIGKILL'))])
  await ended
}

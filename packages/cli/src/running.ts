/**
 * Who runs in a state folder, and where. The file is a note for other commands of the same user, not a lock: the admin
 * socket is.
 *
 * @module
 */
import { unlink } from 'node:fs/promises'
import { readFileIfThere, type StateFolder, writeFileWhole } from './state.ts'

export interface Running {
  readonly pid: number
  /** Router and page. */
  readonly url: string
  /** Base URL of the OpenAI-compatible proxy, up to and with /v1. */
  readonly proxyUrl: string
  readonly tags: readonly string[]
  readonly startedMs: number
}

export async function writeRunning(state: StateFolder, running: Running): Promise<void> {
  await writeFileWhole(state.running, new TextEncoder().encode(`${JSON.stringify(running, undefined, 2)}\n`))
}

/** The note, if there is one whose process lives. */
export async function readRunning(state: StateFolder): Promise<Running | undefined> {
  const bytes = await readFileIfThere(state.running)
  if (bytes === undefined) return undefined
  try {
    const running = JSON.parse(new TextDecoder().decode(bytes)) as Running
    return isAlive(running.pid) ? running : undefined
  } catch {
    // Cut or edited by hand: no note.
    return undefined
  }
}

export async function removeRunning(state: StateFolder): Promise<void> {
  await unlink(state.running).catch(() => {})
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

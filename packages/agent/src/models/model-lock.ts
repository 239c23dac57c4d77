import { mkdir, open, readFile, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ModelError } from './model-error.ts'

const POLL_MS = 200

/**
 * Runs `action` while no other process of this machine does so for the same `target`. The lock is a file that names its
 * owner; one whose owner is dead is taken over.
 *
 * @throws {ModelError} `CANCELLED` while it waits, `STORE_FAILED` if the folder cannot be written.
 */
export async function withModelLock<T>(target: string, signal: AbortSignal, action: () => Promise<T>): Promise<T> {
  const path = `${target}.lock`
  while (!(await take(path))) {
    if (!(await alive(path))) await rm(path, { force: true })
    else await sleep(POLL_MS, undefined, { signal }).catch(() => undefined)
    if (signal.aborted) throw new ModelError('CANCELLED', 'Cannot fetch the model: cancelled', { cause: signal.reason })
  }
  try {
    return await action()
  } finally {
    await rm(path, { force: true })
  }
}

async function take(path: string): Promise<boolean> {
  try {
    await mkdir(dirname(path), { recursive: true })
    const file = await open(path, 'wx')
    await file.write(String(process.pid))
    await file.close()
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw new ModelError('STORE_FAILED', `Cannot lock ${path}: ${(error as Error).message}`, { cause: error })
  }
}

/** A lock without a number was just made, or its maker died in between: asked again before it counts as dead. */
async function alive(path: string): Promise<boolean> {
  for (let asked = 0; asked < 5; asked++) {
    const text = await readFile(path, 'utf8').catch(() => undefined)
    if (text === undefined) return true
    if (text !== '') return isRunning(Number(text))
    await sleep(POLL_MS)
  }
  return false
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

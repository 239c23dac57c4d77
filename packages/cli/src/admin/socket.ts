/**
 * Where the admin interface listens: a socket in the state folder, which only its owner may enter. That is all the
 * permission there is to it, and the lock that keeps a second `weave up` out of the same folder.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { chmod, unlink } from 'node:fs/promises'
import { connect } from 'node:net'
import { UsageError } from '../exit.ts'
import { type Listener, listen } from '../listen.ts'
import type { StateFolder } from '../state.ts'

/** Bytes of a socket's path: 104 with its zero on BSD and macOS, 108 on Linux. */
const MAX_PATH_BYTES = 103

/** @throws {UsageError} when the system could not take the path. */
export function socketPath({ adminSocket, root }: StateFolder): string {
  if (process.platform === 'win32') {
    return `\\\\.\\pipe\\mystranet-weave-${createHash('sha256').update(root).digest('hex').slice(0, 32)}`
  }
  const bytes = Buffer.byteLength(adminSocket)
  if (bytes <= MAX_PATH_BYTES) return adminSocket
  throw new UsageError([
    `Cannot use the state folder ${root}: its socket's path would have ${bytes} bytes, wanted at most ${MAX_PATH_BYTES}`,
  ])
}

/** @throws {UsageError} when another `weave up` has the folder. */
export async function listenAdmin(state: StateFolder, fetch: Parameters<typeof listen>[0]): Promise<Listener> {
  const path = socketPath(state)
  if (await answers(path)) {
    throw new UsageError([
      `Cannot use the state folder ${state.root}: a weave up runs in it already (weave status), wanted one at a time`,
    ])
  }
  // What a killed one left.
  if (process.platform !== 'win32') await unlink(path).catch(() => {})
  const listener = await listen(fetch, { path })
  if (process.platform !== 'win32') await chmod(path, 0o600)
  return listener
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}

/**
 * The state folder: what is where, and how files there are written. `packages/cli/README.md` shows the layout.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import { chmod, link, mkdir, open, readFile, rename, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { PacketError } from '@mystranet/sdk/errors'

export interface StateFolder {
  readonly root: string
  /** Seeds of log, witness and nexus: the router's. */
  readonly routerKeys: string
  /** The router's stores. */
  readonly router: string
  /** The key that signs routing tables. Nothing below `router` ever sees it. */
  readonly operator: string
  /** Invited agents of other machines. */
  readonly agentBook: string
  /** The detector's book of findings, and the models that it was given. */
  readonly detector: string
  readonly detectorIdentity: string
  /** The agent's own folder. */
  readonly agent: string
  /** Trust files by their names. */
  readonly trust: string
  /** What clients have seen, by network. */
  readonly memory: string
  readonly userIdentity: string
  /** Locks of the programs that sign, by instance. */
  readonly senders: string
  /** Signed evaluations of models. */
  readonly evaluations: string
  readonly proxyToken: string
  /** Who runs here, and where; there only while it does. */
  readonly running: string
  readonly adminSocket: string
}

export const stateFolder = (root: string): StateFolder => ({
  root,
  routerKeys: join(root, 'router', 'keys'),
  router: join(root, 'router'),
  operator: join(root, 'operator'),
  agentBook: join(root, 'operator', 'agents.json'),
  detector: join(root, 'detector'),
  detectorIdentity: join(root, 'detector', 'detector.identity'),
  agent: join(root, 'agent'),
  trust: join(root, 'trust'),
  memory: join(root, 'memory'),
  userIdentity: join(root, 'user.identity'),
  senders: join(root, 'senders'),
  evaluations: join(root, 'evaluations'),
  proxyToken: join(root, 'proxy.token'),
  running: join(root, 'running.json'),
  adminSocket: join(root, 'admin.sock'),
})

/** Makes a folder that only its owner may enter. One that is there keeps what it holds, and loses the others' access. */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 }).catch((cause) => {
    throw storeFailed('make the folder', path, cause)
  })
}

/** As {@link makeFolder}, for the state folder itself: its mode is set even when it was there. */
export async function makeStateFolder({ root }: StateFolder): Promise<void> {
  await makeFolder(root)
  await chmod(root, 0o700).catch((cause) => {
    throw storeFailed('close the folder', root, cause)
  })
}

/**
 * Writes a file, whole or not at all: temporary file, fsync, then the name, then fsync of the folder. Mode 0600.
 *
 * @param options.replace Without it an existing file is kept, and the call rejects.
 * @throws {PacketError} `STORE_FAILED`: the file may hold the old bytes or the new ones, never a part.
 */
export async function writeFileWhole(
  path: string,
  bytes: Uint8Array,
  { replace = true }: { readonly replace?: boolean } = {},
): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    if (replace) await rename(temporary, path)
    else {
      // A link, unlike a rename, cannot replace a file that somebody else has written meanwhile.
      await link(temporary, path)
      await unlink(temporary).catch(() => {})
    }
    await syncFolder(dirname(path))
  } catch (cause) {
    await unlink(temporary).catch(() => {})
    throw storeFailed('write', path, cause)
  }
}

async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** The bytes of a file, or undefined when it is not there. @throws {PacketError} `STORE_FAILED` */
export async function readFileIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return new Uint8Array(await readFile(path))
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw storeFailed('read', path, cause)
  }
}

/**
 * A secret that is made when it is first asked for.
 *
 * Two programs that ask at once get the same: one of them writes, the other reads what was written.
 */
export async function secretFile(path: string, make: () => string): Promise<string> {
  for (let again = false; ; again = true) {
    const there = await readFileIfThere(path)
    if (there !== undefined) return new TextDecoder().decode(there).trim()
    try {
      const secret = make()
      await writeFileWhole(path, new TextEncoder().encode(`${secret}\n`), { replace: false })
      return secret
    } catch (error) {
      if (again) throw error
    }
  }
}

function storeFailed(action: string, path: string, cause: unknown): PacketError {
  const code = (cause as NodeJS.ErrnoException).code
  const state = code === 'EEXIST' ? 'it is there already' : `it failed (${code ?? String(cause)})`
  return new PacketError('STORE_FAILED', `Cannot ${action} ${path}: ${state}`, { cause })
}

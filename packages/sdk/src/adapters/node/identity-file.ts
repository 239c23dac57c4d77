/**
 * Identity files on a disk: mode 0600, whole or not at all.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import process from 'node:process'
import type { Bytes } from '../../bytes.ts'
import { PacketError } from '../../errors.ts'

/** Larger ones are not read: see `keys/identity-file.ts`. */
const MAX_BYTES = 64 * 1024
const OWNER_ONLY = 0o600

/** The steps of a write, one system call each, so that a test can let any of them fail. */
export interface Disk {
  /** Creates `path`, which must not exist, with mode 0600. */
  create(path: string): Promise<OpenFile>
  /** Gives a file a second name; fails with `EEXIST` if that is taken. Atomic. */
  link(from: string, to: string): Promise<void>
  /** Moves a file over whatever has the other name. Atomic. */
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  /** Makes the names in a folder durable. */
  syncFolder(path: string): Promise<void>
}

export interface OpenFile {
  write(bytes: Uint8Array): Promise<void>
  /** Makes the content durable. */
  sync(): Promise<void>
  close(): Promise<void>
}

/** The disk of this machine. */
export const nodeDisk: Disk = {
  async create(path) {
    const handle = await fs.open(path, 'wx', OWNER_ONLY)
    return {
      write: (bytes) => handle.writeFile(bytes),
      sync: () => handle.sync(),
      close: () => handle.close(),
    }
  },
  link: fs.link,
  rename: fs.rename,
  remove: fs.unlink,
  async syncFolder(path) {
    // Windows cannot open a folder; there the rename is as durable as it gets.
    if (process.platform === 'win32') return
    const handle = await fs.open(path, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  },
}

/**
 * Writes an identity file: temporary file beside it, fsync, then the name, then fsync of the folder.
 *
 * At every moment, after a crash too, `path` holds what it held before or the new file as a whole; beside it a
 * `.….tmp` with mode 0600 may be left. When this rejects with `STORE_FAILED` either may be the case: read the file
 * before you do anything else.
 *
 * @param options.replace Without it an existing file is kept and the call rejects: keys are not overwritten by accident.
 * @throws {PacketError} `STORE_FAILED`
 */
export async function writeIdentityFile(
  path: string,
  file: Uint8Array,
  options: { readonly replace?: boolean; readonly disk?: Disk } = {},
): Promise<void> {
  const { replace = false, disk = nodeDisk } = options
  const folder = dirname(path)
  const temporary = join(folder, `.${basename(path)}.${randomBytes(8).toString('hex')}.tmp`)
  try {
    await writeDurably(disk, temporary, file)
    // A link, unlike a rename, cannot replace a file that another process has written in the meantime.
    if (replace) await disk.rename(temporary, path)
    else await disk.link(temporary, path)
    await disk.syncFolder(folder)
  } catch (cause) {
    await disk.remove(temporary).catch(() => {})
    throw storeFailed('write', path, (cause as { code?: unknown }).code === 'EEXIST' ? 'it exists' : 'it failed', cause)
  }
  if (!replace) await disk.remove(temporary).catch(() => {}) // the second name; the file is in place
}

async function writeDurably(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  const open = await disk.create(path)
  try {
    await open.write(bytes)
    await open.sync()
  } finally {
    await open.close()
  }
}

/**
 * Reads the bytes of an identity file, for `openIdentityFile()`.
 *
 * @param options.plain The caller means to take a file without a lock: then nobody else may be able to read it.
 * @throws {PacketError} `NOT_FOUND`, `IDENTITY_FILE_INVALID` (too large, or a plain one that others can read),
 *   `STORE_FAILED`
 */
export async function readIdentityFile(path: string, options: { readonly plain?: boolean } = {}): Promise<Bytes> {
  const handle = await fs.open(path, 'r').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') {
      throw new PacketError('NOT_FOUND', `Cannot read the identity file ${path}: it is not there`, { cause })
    }
    throw storeFailed('read', path, 'it failed', cause)
  })
  try {
    const { mode, size } = await handle.stat()
    if (size > MAX_BYTES) throw unfit(path, `it has ${size} bytes, wanted at most ${MAX_BYTES}`)
    if (options.plain === true && process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw unfit(path, `its mode is ${(mode & 0o777).toString(8)}, wanted 600 (chmod 600)`)
    }
    return new Uint8Array(await handle.readFile())
  } catch (cause) {
    throw cause instanceof PacketError ? cause : storeFailed('read', path, 'it failed', cause)
  } finally {
    await handle.close()
  }
}

const unfit = (path: string, state: string) =>
  new PacketError('IDENTITY_FILE_INVALID', `Cannot use the identity file ${path}: ${state}`)

const storeFailed = (action: string, path: string, state: string, cause: unknown) =>
  new PacketError('STORE_FAILED', `Cannot ${action} the identity file ${path}: ${state}`, { cause })

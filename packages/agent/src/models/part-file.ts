import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ModelError } from './model-error.ts'

/**
 * A file on its way: `⟨target⟩.part`, digested as it is written. What it may leave behind:
 * - `keep`: the part file, to go on from;
 * - `finish`: the target, whole, checked and durable, or nothing at all;
 * - `discard`: nothing.
 */
export interface PartFile {
  /** Bytes that are there already. */
  readonly bytes: number
  /** @throws {ModelError} `STORE_FAILED` when the disk refuses. */
  write(chunk: Uint8Array): Promise<void>
  /** Begins again at byte 0. */
  restart(): Promise<void>
  /**
   * Compares size and digest, then fsync, rename, fsync of the folder.
   *
   * @returns `'mismatch'` if these are other bytes; the part file is gone then.
   * @throws {ModelError} `STORE_FAILED`; after a failed rename nothing is left, after a failed fsync of the folder the
   *   target may be there, and whoever finds it must check its digest, as always.
   */
  finish(): Promise<'done' | 'mismatch'>
  keep(): Promise<void>
  discard(): Promise<void>
}

/** Opens or creates the part file; what an earlier attempt left is digested first. */
export async function openPart(target: string, expected: { bytes: number; sha256: string }): Promise<PartFile> {
  const path = `${target}.part`
  let hash: Hash = createHash('sha256')
  let bytes = 0
  const file: FileHandle = await stored(async () => {
    await mkdir(dirname(target), { recursive: true })
    return open(path, 'a+')
  })
  if ((await file.stat()).size > expected.bytes) await file.truncate(0)
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    hash.update(chunk as Uint8Array)
    bytes += (chunk as Uint8Array).length
  }
  const discard = async () => {
    await file.close().catch(() => undefined)
    await rm(path, { force: true })
  }
  return {
    get bytes() {
      return bytes
    },
    write: (chunk) =>
      stored(async () => {
        for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at, chunk.length - at)).bytesWritten
        hash.update(chunk)
        bytes += chunk.length
      }),
    restart: () =>
      stored(async () => {
        await file.truncate(0)
        hash = createHash('sha256')
        bytes = 0
      }),
    async finish() {
      if (bytes !== expected.bytes || hash.copy().digest('hex') !== expected.sha256) {
        await discard()
        return 'mismatch'
      }
      try {
        await file.sync()
        await file.close()
        await rename(path, target)
      } catch (error) {
        await discard()
        throw storeFailed(error)
      }
      await stored(() => syncFolder(dirname(target)))
      return 'done'
    },
    keep: () => file.close(),
    discard,
  }
}

async function syncFolder(path: string): Promise<void> {
  // Windows cannot open a folder; a rename is durable there once it returns.
  if (process.platform === 'win32') return
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

async function stored<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    throw storeFailed(error)
  }
}

function storeFailed(error: unknown): ModelError {
  const state = error instanceof Error ? error.message : String(error)
  return new ModelError('STORE_FAILED', `Cannot write the model file: ${state}`, { cause: error })
}

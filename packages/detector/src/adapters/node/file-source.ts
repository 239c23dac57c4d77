/**
 * Files of this machine, for Node, Deno and Bun.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { DetectorError } from '../../errors.ts'
import type { ByteSource } from '../../gguf/source.ts'

export interface OpenFile extends ByteSource {
  close(): Promise<void>
}

/**
 * A file, held open: what is scanned is what is loaded, as long as nobody writes into it.
 *
 * @throws {DetectorError} `NOT_FOUND` if there is no such regular file; `STORE_FAILED`.
 */
export async function openFile(path: string): Promise<OpenFile> {
  const file = await opened(path)
  try {
    const found = await file.stat()
    if (!found.isFile()) throw new DetectorError('NOT_FOUND', `Cannot read ${path}: it is no regular file`)
    const { size } = found
    return {
      name: path,
      size,
      isFar: false,
      read: (offset, length) => readExactly(file, path, offset, length),
      close: () => file.close(),
    }
  } catch (error) {
    await file.close()
    throw error
  }
}

async function opened(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r')
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    throw new DetectorError(code === 'ENOENT' ? 'NOT_FOUND' : 'STORE_FAILED', `Cannot open ${path}: ${message}`, {
      cause,
    })
  }
}

async function readExactly(file: FileHandle, path: string, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  let filled = 0
  try {
    while (filled < length) {
      const { bytesRead } = await file.read(bytes, filled, length - filled, offset + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
  } catch (cause) {
    throw new DetectorError('STORE_FAILED', `Cannot read ${path}: ${(cause as Error).message}`, { cause })
  }
  if (filled < length) {
    throw new DetectorError(
      'STORE_FAILED',
      `Cannot read ${path}: it ended at byte ${offset + filled}, wanted ${offset + length}`,
    )
  }
  return bytes
}

const DIGEST_CHUNK = 4 * 1024 * 1024

/**
 * SHA-256 of a file's content, as fast as the machine's own is: one part is read while the one before is hashed.
 *
 * @param onBytes Called with the bytes digested so far.
 * @throws what the file system throws, and the reason of `signal`.
 */
export async function digestFile(
  path: string,
  options: { readonly signal?: AbortSignal | undefined; readonly onBytes?: (done: number) => void } = {},
): Promise<Uint8Array> {
  const { signal, onBytes } = options
  const hash = createHash('sha256')
  const file = await open(path, 'r')
  let done = 0
  let [current, spare] = [new Uint8Array(DIGEST_CHUNK), new Uint8Array(DIGEST_CHUNK)]
  let reading = file.read(current, 0, DIGEST_CHUNK)
  try {
    for (;;) {
      const { bytesRead } = await reading
      if (bytesRead === 0) return new Uint8Array(hash.digest())
      signal?.throwIfAborted()
      reading = file.read(spare, 0, DIGEST_CHUNK)
      hash.update(current.subarray(0, bytesRead))
      ;[current, spare] = [spare, current]
      done += bytesRead
      onBytes?.(done)
    }
  } finally {
    // A read that is under way still needs the file.
    await reading.catch(() => undefined)
    await file.close()
  }
}

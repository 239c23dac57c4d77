import { open } from 'node:fs/promises'
import { DetectorError } from '../../errors.ts'
import type { Journal } from '../../prompt/journal.ts'

export interface JournalFile extends Journal {
  close(): Promise<void>
}

/**
 * A {@link Journal} in a file, made when it is not there, with mode 0600. A torn last line is cut off when it is opened, or after
 * the append that left it. Each append is on the disk when it resolves.
 *
 * @throws {DetectorError} `STORE_FAILED`
 */
export async function openJournalFile(path: string): Promise<JournalFile> {
  const failed = (action: string, cause: unknown) => {
    const state = (cause as NodeJS.ErrnoException).code ?? String(cause)
    return new DetectorError('STORE_FAILED', `Cannot ${action} the journal ${path}: it failed (${state})`, { cause })
  }
  // Not in append mode: a torn line is written over.
  const file = await open(path, 'r+', 0o600)
    .catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'ENOENT') throw cause
      return open(path, 'wx+', 0o600)
    })
    .catch((cause) => {
      throw failed('open', cause)
    })
  const text = async () => {
    try {
      const { size } = await file.stat()
      const bytes = new Uint8Array(size)
      await file.read(bytes, 0, size, 0)
      const whole = bytes.lastIndexOf(0x0a) + 1
      // A torn first line begins an object. Anything else is somebody's file, and would be written over.
      if (size > 0 && whole === 0 && bytes[0] !== 0x7b) throw new Error('it is no journal')
      return bytes.subarray(0, whole)
    } catch (cause) {
      await file.close().catch(() => {})
      throw failed('read', cause)
    }
  }
  let end = (await text()).length
  return {
    async read() {
      return new TextDecoder()
        .decode(await text())
        .split('\n')
        .slice(0, -1)
    },
    async append(line) {
      try {
        const bytes = new TextEncoder().encode(`${line}\n`)
        await file.truncate(end)
        await file.write(bytes, 0, bytes.length, end)
        await file.sync()
        end += bytes.length
      } catch (cause) {
        throw failed('write', cause)
      }
    },
    close: () => file.close(),
  }
}

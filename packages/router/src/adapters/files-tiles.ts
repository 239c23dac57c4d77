/**
 * Tiles as files under the paths of C2SP tlog-tiles, so that any web server can serve the folder.
 *
 * @module
 */
import { mkdir, open, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parseTilePath } from '@mystranet/sdk/proof/tile'
import type { TileStore } from '../log/ports.ts'

export interface FilesTilesOptions {
  readonly dir: string
  /** Called around the rename that makes a tile visible; what it throws is what the disk would have said. */
  probe?(step: 'before-write' | 'after-write'): void
}

/** Opens the folder, which need not exist. A crash leaves at most files that end in `.tmp`. */
export function filesTiles({ dir, probe = () => {} }: FilesTilesOptions): TileStore {
  const folders = new Set<string>()
  const unsynced = new Set<string>()
  let writes = 0
  const fileOf = (path: string) => {
    // What comes from outside never leaves the folder.
    if (parseTilePath(path) === undefined) throw new RangeError(`Cannot name a tile file: ${JSON.stringify(path)}`)
    return join(dir, path)
  }
  return {
    async read(path) {
      try {
        return new Uint8Array(await readFile(fileOf(path)))
      } catch (error) {
        if (isAbsent(error)) return undefined
        throw error
      }
    },
    async write(path, bytes) {
      const file = fileOf(path)
      const folder = dirname(file)
      if (!folders.has(folder)) await mkdir(folder, { recursive: true })
      folders.add(folder)
      writes += 1
      const draft = `${file}.${process.pid}.${writes}.tmp`
      probe('before-write')
      await writeFile(draft, bytes)
      await rename(draft, file)
      unsynced.add(file)
      probe('after-write')
    },
    async sync() {
      const files = [...unsynced]
      const touched = new Set(files.flatMap((file) => foldersUpTo(dir, file)))
      for (const file of [...files, ...touched]) await syncFile(file)
      // Only now: a sync that failed is done again, from the files' names, with fresh descriptors.
      for (const file of files) unsynced.delete(file)
    },
  }
}

function foldersUpTo(dir: string, file: string): string[] {
  const folders: string[] = []
  for (let folder = dirname(file); folder.length >= dir.length; folder = dirname(folder)) {
    folders.push(folder)
    if (folder === dirname(folder)) break
  }
  return folders
}

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

const isAbsent = (error: unknown) =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')

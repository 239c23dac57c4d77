import type { BigIntStats } from 'node:fs'
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { digestFile } from '@mystranet/detector/node'

/**
 * SHA-256 of a file, remembered in `⟨folder⟩/digests.json` by path, size, modification time and inode: for lists and for finding a
 * file in the cache. Someone who can write the file can also set its time back, so it proves nothing: an agent digests
 * again at every load.
 */
export async function rememberedDigest(path: string, folder: string): Promise<Uint8Array> {
  const memory = join(folder, 'digests.json')
  const key = resolve(path)
  const before = fingerprint(await stat(path, { bigint: true }))
  const known = (await readMemory(memory))[key]
  if (known?.fingerprint === before && /^[0-9a-f]{64}$/.test(known.sha256)) {
    return new Uint8Array(Buffer.from(known.sha256, 'hex'))
  }
  const digest = await digestFile(path)
  // A file that changed while it was read is digested, and not remembered.
  if (fingerprint(await stat(path, { bigint: true })) === before) {
    await writeMemory(folder, memory, key, { fingerprint: before, sha256: Buffer.from(digest).toString('hex') })
  }
  return digest
}

interface Remembered {
  readonly fingerprint: string
  readonly sha256: string
}

function fingerprint({ size, mtimeNs, ctimeNs, ino }: BigIntStats): string {
  return `${size}-${mtimeNs}-${ctimeNs}-${ino}`
}

/** A memory that is missing or broken is an empty one: it only saves time. */
async function readMemory(memory: string): Promise<Readonly<Record<string, Remembered>>> {
  try {
    const parsed: unknown = JSON.parse(await readFile(memory, 'utf8'))
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, Remembered>) : {}
  } catch {
    return {}
  }
}

/** Two writers at once: the later one wins, and the other file is digested once more. */
async function writeMemory(folder: string, memory: string, key: string, entry: Remembered): Promise<void> {
  try {
    await mkdir(folder, { recursive: true })
    const scratch = `${memory}.${process.pid}.${performance.now()}`
    await writeFile(scratch, JSON.stringify({ ...(await readMemory(memory)), [key]: entry }, null, 2))
    await rename(scratch, memory)
  } catch {
    // A folder that cannot be written costs time at the next look, nothing else.
  }
}

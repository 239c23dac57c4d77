/**
 * Evidence of forks as files that other programs read: C2SP notes and `.tlog-proof` files.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ForkEvidence } from '../ports.ts'

/** Forks that are kept: one is proof enough, and nobody may fill the disk. */
const MAX_FORKS = 16

/** One folder a fork, named by size and contents: the same is written once. */
export function evidenceFiles(folder: string): (evidence: ForkEvidence) => Promise<void> {
  return async ({ treeSize, known, shown }) => {
    const digest = createHash('sha256').update(known).update(shown).digest('hex').slice(0, 16)
    const name = `fork-${treeSize}-${digest}`
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const kept = await readdir(folder)
    if (kept.includes(name) || kept.length >= MAX_FORKS) return
    await mkdir(join(folder, name), { mode: 0o700 })
    await writeFile(join(folder, name, 'known.txt'), known)
    await writeFile(join(folder, name, 'shown.txt'), shown)
  }
}

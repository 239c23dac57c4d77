/**
 * What a scan of a model file costs before its weights.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { digestFile, openFile } from '../packages/detector/src/adapters/node/file-source.ts'
import { readGgufHeader } from '../packages/detector/src/gguf/header-of.ts'
import { largeHeader } from '../packages/detector/test/gguf-file.ts'
import { contest, measured, NODE_CRYPTO, round, spreadOf } from './contest.ts'
import type { Measured } from './table.ts'

const TOKENS = 150_000
const PAIRS = 24
const HASHED_BYTES = 256 * 1024 * 1024

/** A package that only the detector has. */
const ofDetector = createRequire(new URL('../packages/detector/package.json', import.meta.url))

/** A file with tokens, scores, types and merges of a large vocabulary, opened, read and checked. */
export async function ggufHeader(): Promise<Measured> {
  const folder = await mkdtemp(join(tmpdir(), 'weave-bench-'))
  try {
    const path = join(folder, 'large.gguf')
    const bytes = largeHeader(TOKENS)
    await writeFile(path, bytes)
    const { gguf } = ofDetector(
      '@huggingface/gguf',
    ) as typeof import('../packages/detector/node_modules/@huggingface/gguf')
    const { oursUs, theirsUs } = await contest({
      ours: async () => {
        const file = await openFile(path)
        await readGgufHeader(file)
        await file.close()
      },
      theirs: () => gguf(path, { allowLocalFile: true }),
      ourBatch: 1,
      theirBatch: 1,
      pairs: PAIRS,
    })
    const ms = { median: oursUs.median / 1e3, min: oursUs.min / 1e3, max: oursUs.max / 1e3, n: oursUs.n }
    const { devDependencies } = ofDetector('./package.json') as { devDependencies: Record<string, string> }
    return {
      ...measured(ms),
      peer: {
        name: '@huggingface/gguf',
        version: devDependencies['@huggingface/gguf'] ?? '',
        value: round(theirsUs.median / 1e3),
      },
      note: `${TOKENS} tokens with scores, types and merges, ${round(bytes.length / 1e6)} MB, from a file that lies in memory`,
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** SHA-256 of a file, beside the same hash over bytes that lie ready. */
export async function ggufHash(): Promise<Measured> {
  const folder = await mkdtemp(join(tmpdir(), 'weave-bench-'))
  try {
    const path = join(folder, 'weights')
    const chunk = new Uint8Array(1 << 20).fill(7)
    await writeFile(path, new Uint8Array(HASHED_BYTES).fill(7))
    const { oursUs, theirsUs } = await contest({
      ours: () => digestFile(path),
      theirs() {
        const hash = createHash('sha256')
        for (let done = 0; done < HASHED_BYTES; done += chunk.length) hash.update(chunk)
        hash.digest()
      },
      ourBatch: 1,
      theirBatch: 1,
      pairs: 8,
    })
    const rate = (us: number) => HASHED_BYTES / us / 1e3
    return {
      ...measured(spreadOf([oursUs.min, oursUs.median, oursUs.max].map(rate))),
      n: oursUs.n,
      peer: { name: NODE_CRYPTO[0], version: NODE_CRYPTO[1], value: round(rate(theirsUs.median)) },
      note: '256 MiB from a file that lies in memory; peer: bytes that lie ready',
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

/**
 * What a scan of a model file costs before its weights.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gguf } from '@huggingface/gguf'
import { contest, measured, NODE_CRYPTO, round, spreadOf } from '../../../bench/contest.ts'
import type { Measured } from '../../../bench/table.ts'
import { digestFile, openFile } from '../src/adapters/node/file-source.ts'
import { readGgufHeader } from '../src/gguf/header-of.ts'
import { largeHeader } from '../test/gguf-file.ts'

const TOKENS = 150_000
const PAIRS = 24
const HASHED_BYTES = 256 * 1024 * 1024

const PEER = '@huggingface/gguf'

/** A file with tokens, scores, types and merges of a large vocabulary, opened, read and checked. */
export async function ggufHeader(): Promise<Measured> {
  const folder = await mkdtemp(join(tmpdir(), 'weave-bench-'))
  try {
    const path = join(folder, 'large.gguf')
    const bytes = largeHeader(TOKENS)
    await writeFile(path, bytes)
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
    const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
    const { devDependencies } = JSON.parse(manifest) as { devDependencies: Record<string, string> }
    return {
      ...measured(ms),
      peer: {
        name: PEER,
        version: devDependencies[PEER] ?? '',
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

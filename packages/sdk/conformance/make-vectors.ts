/**
 * Makes the published vectors of packages/schemas/vectors. Nothing in them is left to chance, so that making them again
 * leaves no diff:
 *
 *     node --conditions=@mystranet/source packages/sdk/conformance/make-vectors.ts
 *
 * @module
 */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { keyChains } from './make/key-chain.ts'
import { log } from './make/log.ts'
import { names, signatures } from './make/name.ts'
import { batches, packets, replies, sessions } from './make/packet.ts'
import { protobuf } from './make/protobuf.ts'
import { refusals } from './make/refusal.ts'
import { replays } from './make/replay.ts'
import { routes } from './make/route.ts'
import { savedAnswers } from './make/saved-answer.ts'
import { streams } from './make/stream.ts'
import { trustFiles } from './make/trust-file.ts'

/** File name without `.json` → what makes it. */
const MAKERS = {
  names,
  signatures,
  protobuf,
  packets,
  sessions,
  batches,
  replies,
  streams,
  replays,
  'key-chains': keyChains,
  routes,
  log,
  'trust-files': trustFiles,
  refusals,
  'saved-answers': savedAnswers,
} as const

export type Vectors = { readonly [Name in keyof typeof MAKERS]: Awaited<ReturnType<(typeof MAKERS)[Name]>> }

export const VECTOR_FOLDER = fileURLToPath(new URL('../../schemas/vectors/', import.meta.url))
export const VECTOR_FILES: readonly string[] = Object.keys(MAKERS).map((name) => `${name}.json`)

/** File name → its text. */
export async function makeVectors(): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>()
  for (const [name, make] of Object.entries(MAKERS)) {
    files.set(`${name}.json`, `${JSON.stringify(await make(), undefined, 1)}\n`)
  }
  return files
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const files = await makeVectors()
  await mkdir(VECTOR_FOLDER, { recursive: true })
  for (const name of await readdir(VECTOR_FOLDER)) {
    if (name.endsWith('.json') && !files.has(name)) await rm(`${VECTOR_FOLDER}${name}`)
  }
  let bytes = 0
  for (const [name, text] of files) {
    await writeFile(`${VECTOR_FOLDER}${name}`, text)
    bytes += text.length
    console.log(`${name.padEnd(20)} ${text.length.toLocaleString('en').padStart(9)} B`)
  }
  console.log(`${'in all'.padEnd(20)} ${bytes.toLocaleString('en').padStart(9)} B`)
}

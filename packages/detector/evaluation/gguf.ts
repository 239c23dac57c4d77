/**
 * What the scanner says of files that others made, into `gguf.json`: the hostile and valid ones of `../shared/data/gguf`, or
 * of `WEAVE_GGUF_FILES`.
 *
 *   node --conditions=@mystranet/source packages/detector/evaluation/gguf.ts
 *
 * @module
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { memorySource, scanGguf } from '../src/gguf/scan.ts'
import { ggufFile, withTemplate } from '../test/gguf-file.ts'

const beside = fileURLToPath(new URL('../../../../shared/data/gguf', import.meta.url))
const given = process.env['WEAVE_GGUF_FILES'] ?? beside

async function judged(bytes: Uint8Array) {
  const startMs = performance.now()
  const { verdict, files } = await scanGguf(memorySource(bytes))
  const findings = files.flatMap((file) => file.findings)
  return { verdict, ids: [...new Set(findings.map(({ id }) => id))], findings, ms: performance.now() - startMs }
}

const read = (folder: string, end: string) =>
  readdirSync(join(given, folder))
    .filter((name) => name.endsWith(end))
    .sort()
    .map((name) => ({ name, bytes: new Uint8Array(readFileSync(join(given, folder, name))) }))

const rowsOf = async (files: readonly { readonly name: string; readonly bytes: Uint8Array }[]) => {
  const rows = []
  for (const { name, bytes } of files) {
    const { verdict, ids, findings, ms } = await judged(bytes)
    rows.push({ name, verdict, ids: ids.join(' '), message: findings[0]?.message ?? '', ms: Number(ms.toFixed(1)) })
  }
  return rows
}

const hostile = await rowsOf(read('hostile', '.gguf'))
const valid = await rowsOf(read('valid', '.gguf'))
const templates = await rowsOf(
  read('valid', '.jinja').map(({ name, bytes }) => ({
    name,
    // A comment before it: not one that is known by its hash.
    bytes: ggufFile({ pairs: withTemplate(`{#- changed -#}\n${new TextDecoder().decode(bytes)}`) }),
  })),
)
const bad = hostile.filter(({ name }) => !name.startsWith('00_'))
const good = [...hostile.filter(({ name }) => name.startsWith('00_')), ...valid, ...templates]

const part = {
  part: 'gguf',
  title: 'Model files: GGUF',
  command: 'node --conditions=@mystranet/source packages/detector/evaluation/gguf.ts',
  about:
    `${bad.length} hand-made hostile files, and ${good.length} that are good: one beside them, ${valid.length} vocabularies of llama.cpp, ` +
    `and ${templates.length} chat templates of publishers, changed so that no hash knows them. The scanner is rules; nothing was trained, so nothing is split.`,
  tables: [
    {
      id: 'summary',
      title: 'In one line each',
      columns: ['files', 'n', 'clean', 'suspicious', 'invalid', 'incomplete'],
      rows: [
        ['hostile', bad],
        ['good', good],
      ].map(([name, files]) => {
        const of = files as typeof bad
        const count = (wanted: string) => of.filter(({ verdict }) => verdict === wanted).length
        return [name, of.length, count('clean'), count('suspicious'), count('invalid'), count('incomplete')]
      }),
    },
    {
      id: 'hostile',
      title: 'Each hostile file',
      columns: ['file', 'verdict', 'findings', 'the first says'],
      rows: bad.map(({ name, verdict, ids, message }) => [name, verdict, ids, message]),
    },
  ],
  plots: [],
  missing: [
    'Quantisation backdoors cannot be seen in one file (G28); provenance is what answers them.',
    'Hostile files come from one maker; others are measured as they are given.',
    'Templates that deceive in words no rule names pass as clean.',
  ],
}
writeFileSync(new URL('gguf.json', import.meta.url), `${JSON.stringify(part, undefined, 2)}\n`)
const slowest = Math.max(...[...bad, ...good].map(({ ms }) => ms))
console.log(`gguf.json: ${bad.length} hostile, ${good.length} good, slowest ${slowest} ms`)

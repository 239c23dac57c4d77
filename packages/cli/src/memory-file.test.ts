import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeMemory, newer, openMemory, parseMemory } from './memory-file.ts'

const index = fc.bigInt({ min: 0n, max: (1n << 63n) - 1n })
const instance = fc.stringMatching(/^[0-9a-f]{64}$/)
const note = fc.uint8Array({ minLength: 1, maxLength: 40 })
const parts = {
  tableVersion: fc.option(index, { nil: undefined }),
  checkpoint: fc.option(
    fc.record(
      { treeSize: index, rootHash: fc.uint8Array({ minLength: 32, maxLength: 32 }), note },
      { requiredKeys: ['treeSize', 'rootHash'] },
    ),
    { nil: undefined },
  ),
  heads: fc.array(fc.tuple(instance, index)).map((heads) => new Map(heads)),
}
const memory = fc
  .record(
    { ...parts, forks: fc.array(fc.record({ older: note, newer: note }), { maxLength: 8 }) },
    { requiredKeys: ['heads'] },
  )
  .map(({ tableVersion, checkpoint, ...rest }) => ({ tableVersion, checkpoint, ...rest }))

test('what is written is read again', () => {
  fc.assert(
    fc.property(memory, (value) => {
      expect(parseMemory(encodeMemory(value))).toEqual(value)
    }),
  )
})

test('any text is a memory or STORE_FAILED, never a forgotten world', () => {
  const text = fc.oneof(
    fc.string(),
    fc.json(),
    memory.map(encodeMemory).chain((whole) => fc.nat(whole.length - 2).map((at) => whole.slice(0, at))),
  )
  fc.assert(
    fc.property(text, (given) => {
      try {
        parseMemory(given)
      } catch (error) {
        expect(error).toMatchObject({ code: 'STORE_FAILED' })
      }
    }),
    { seed: 7, numRuns: 500 },
  )
  expect(() => parseMemory('{')).toThrow(/Cannot read what was seen/)
})

test('the newer of two worlds never goes back', () => {
  fc.assert(
    fc.property(memory, memory, (a, b) => {
      const both = newer(a, b)
      for (const one of [a, b]) {
        expect(both.tableVersion ?? -1n).toBeGreaterThanOrEqual(one.tableVersion ?? -1n)
        expect(both.checkpoint?.treeSize ?? -1n).toBeGreaterThanOrEqual(one.checkpoint?.treeSize ?? -1n)
        if ((a.forks?.length ?? 0) + (b.forks?.length ?? 0) <= 8)
          expect(both.forks ?? []).toEqual(expect.arrayContaining([...(one.forks ?? [])]))
        for (const [id, at] of one.heads) expect(both.heads?.get(id) ?? -1n).toBeGreaterThanOrEqual(at)
      }
    }),
  )
})

test('two programs that save keep what either saw; a damaged file is not taken for an empty one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'weave-memory-'))
  const network = new Uint8Array(32).fill(1)
  const [a, b] = [await openMemory(folder, network), await openMemory(folder, network)]
  a.memory.tableVersion = 7n
  await a.save()
  b.memory.tableVersion = 5n
  b.memory.heads = new Map([['ab', 3n]])
  await b.save()
  expect((await openMemory(folder, network)).memory).toMatchObject({ tableVersion: 7n, heads: new Map([['ab', 3n]]) })
  await writeFile(join(folder, `${'01'.repeat(32)}.json`), '{"heads":')
  await expect(openMemory(folder, network)).rejects.toMatchObject({ code: 'STORE_FAILED' })
})

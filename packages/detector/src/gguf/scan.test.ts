import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gguf } from '@huggingface/gguf'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type FileGiven,
  GOOD_TENSORS,
  ggufFile,
  largeHeader,
  type Pair,
  pairsWith,
  withTemplate,
} from '../../test/gguf-file.ts'
import { DetectorError } from '../errors.ts'
import { readGgufHeader } from './header-of.ts'
import { isArray } from './parse/header.ts'
import { TENSOR_TYPES } from './parse/tensor-type.ts'
import { TYPE } from './parse/value-type.ts'
import { sarifOf } from './sarif.ts'
import { type ByteSource, CHECKS, memorySource, type ScanOptions, scanGguf } from './scan.ts'

/** Far, and with every read noted. */
const farSource = (bytes: Uint8Array): { source: ByteSource; reads: (readonly [number, number])[] } => {
  const near = memorySource(bytes, 'far')
  const reads: (readonly [number, number])[] = []
  const read = (offset: number, length: number) => {
    reads.push([offset, length])
    return near.read(offset, length)
  }
  return { source: { ...near, isFar: true, read }, reads }
}

describe('a header', () => {
  it('is read to the same entries through a window that grows', async () => {
    const bytes = largeHeader(30_000)
    const { source, reads } = farSource(bytes)
    const far = await readGgufHeader(source)
    const near = await readGgufHeader(memorySource(bytes))
    expect(reads.length).toBeGreaterThan(1)
    expect(reads.reduce((sum, [, length]) => sum + length, 0)).toBeLessThanOrEqual(bytes.length)
    expect([...far.entries.values()]).toEqual([...near.entries.values()])
  })

  it('gives back what was written, in both byte orders', async () => {
    const text = fc.string({ unit: 'binary', maxLength: 40 })
    const value = fc.oneof(
      text.map((each): Pair => ['', TYPE.string, each]),
      fc.nat(2 ** 32 - 1).map((each): Pair => ['', TYPE.u32, each]),
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((each): Pair => ['', TYPE.u64, each]),
      fc.boolean().map((each): Pair => ['', TYPE.bool, each]),
      fc.double({ noNaN: true }).map((each): Pair => ['', TYPE.f64, each]),
      fc.array(text, { maxLength: 5 }).map((each): Pair => ['', TYPE.array, each, TYPE.string]),
      fc.array(fc.nat(65_535), { maxLength: 5 }).map((each): Pair => ['', TYPE.array, each, TYPE.u16]),
    )
    const pairs = fc
      .uniqueArray(fc.stringMatching(/^[a-z][a-z0-9._]{0,30}$/), { maxLength: 8 })
      .filter((keys) => !keys.includes('general.alignment'))
      .chain((keys) => fc.tuple(...keys.map((key) => value.map(([, ...rest]): Pair => [key, ...rest] as Pair))))
    await fc.assert(
      fc.asyncProperty(pairs, fc.boolean(), async (given, isBigEndian) => {
        const bytes = ggufFile({ pairs: given, isBigEndian })
        const { entries, tensors, end, dataStart } = await readGgufHeader(memorySource(bytes))
        expect([...entries.keys()]).toEqual(given.map(([key]) => key))
        for (const [key, , wanted] of given) {
          const found = entries.get(key)?.value
          if (Array.isArray(wanted)) expect(found).toMatchObject({ count: wanted.length })
          else expect(found).toBe(wanted)
        }
        expect(tensors.map(({ name, dimensions }) => ({ name, dimensions }))).toEqual(
          GOOD_TENSORS.map(({ name, dimensions }) => ({ name, dimensions })),
        )
        expect(dataStart).toBe(Math.ceil(end / 32) * 32)
      }),
      { seed: 11, numRuns: 300 },
    )
  })

  it('refuses, with the broken rule, every beginning of a file', async () => {
    const bytes = ggufFile()
    const { end } = await readGgufHeader(memorySource(bytes))
    for (let length = 0; length < end; length += 7) {
      await expect(readGgufHeader(memorySource(bytes.subarray(0, length)))).rejects.toMatchObject({
        name: 'DetectorError',
        code: 'DOCUMENT_MALFORMED',
        message: expect.stringMatching(/G\d\d: /),
      })
    }
  })
})

describe('another reader', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weave-gguf-'))
  const given = process.env['WEAVE_GGUF_FILES'] ?? new URL('../../../../../shared/data/gguf', import.meta.url).pathname
  const valid = existsSync(`${given}/valid`)
    ? readdirSync(`${given}/valid`).filter((name) => name.endsWith('.gguf'))
    : []
  const types = Object.keys(TENSOR_TYPES).map(Number)
  const made: FileGiven[] = [
    {},
    { version: 2 },
    { pairs: pairsWith(['general.alignment', TYPE.u32, 64]), alignment: 64 },
    { tensors: types.map((type) => ({ name: `t${type}`, dimensions: [256, 2], type })) },
  ]
  const agrees = async (path: string) => {
    const { metadata, tensorInfos } = await gguf(path, { allowLocalFile: true })
    const ours = await readGgufHeader(memorySource(readFileSync(path)))
    for (const { key, value } of ours.entries.values()) {
      const theirs = (metadata as Record<string, unknown>)[key]
      if (isArray(value)) expect((theirs as unknown[]).length).toBe(value.count)
      else expect(theirs).toEqual(value)
    }
    const shapeOf = ({ name, offset }: { name: string; offset: bigint }, shape: readonly (number | bigint)[]) =>
      [name, offset, shape.map(Number)] as const
    expect(ours.tensors.map((tensor) => shapeOf(tensor, tensor.dimensions))).toEqual(
      tensorInfos.map((tensor) => shapeOf(tensor, tensor.shape)),
    )
  }
  it.each(made.map((file, index) => [index, file] as const))(
    'reads made file %s as @huggingface/gguf does',
    async (index, file) => {
      const path = join(folder, `${index}.gguf`)
      writeFileSync(path, ggufFile(file))
      await agrees(path)
    },
  )
  it.each(valid)('reads %s as @huggingface/gguf does', (name) => agrees(`${given}/valid/${name}`))
})

describe('a budget', () => {
  it.each<[string, ScanOptions]>([
    [
      'time',
      {
        budget: { timeMs: 5 },
        nowMs: (
          (now) => () =>
            (now += 10)
        )(0),
      },
    ],
    ['a header', { budget: { headerBytes: 300 } }],
    ['reads', { budget: { readBytes: 400 } }],
  ])('of %s that is spent makes the scan incomplete, not clean', async (_, options) => {
    const { verdict, files } = await scanGguf(memorySource(ggufFile()), options)
    expect(verdict).toBe('incomplete')
    expect(files[0]?.incomplete).toMatch(/more than/)
    expect(files[0]?.checks.some(({ outcome }) => outcome === 'not-reached')).toBe(true)
  })

  it('bounds what is asked of a server', async () => {
    const tensors = Array.from({ length: 400 }, (_, index) => ({ name: `t${index}`, dimensions: [32] }))
    const { source, reads } = farSource(ggufFile({ tensors }))
    expect((await scanGguf(source)).verdict).toBe('clean')
    expect(reads.length).toBeLessThan(120)
  })

  it('gives on what the source throws', async () => {
    const source: ByteSource = {
      name: 'gone',
      size: 1_000,
      isFar: true,
      read: async () => {
        throw new DetectorError('MODEL_UNAVAILABLE', 'Cannot read gone: it is')
      },
    }
    await expect(scanGguf(source)).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE' })
  })
})

describe('shards', () => {
  const shard = (number: number, count: number, name: string, more: readonly Pair[] = []) =>
    memorySource(
      ggufFile({
        pairs: [
          ['general.architecture', TYPE.string, 'llama'],
          ['split.no', TYPE.u16, number],
          ['split.count', TYPE.u16, count],
          ...more,
        ],
        tensors: [{ name, dimensions: [8] }],
      }),
      `shard ${number}`,
    )
  const found = async (...shards: readonly ByteSource[]) =>
    (await scanGguf(shards)).files.flatMap(({ findings }) => findings.map(({ id, message }) => `${id} ${message}`))

  it('that agree are clean', async () => {
    const total: Pair = ['split.tensors.count', TYPE.i32, 2]
    expect(await found(shard(0, 2, 'a', [total]), shard(1, 2, 'b', [total]))).toEqual([])
  })

  it.each<[string, readonly ByteSource[], RegExp]>([
    ['one that is missing', [shard(0, 3, 'a'), shard(1, 3, 'b')], /2 of 3/],
    ['one that comes twice', [shard(0, 2, 'a'), shard(0, 2, 'b')], /comes twice/],
    ['another count', [shard(0, 2, 'a'), shard(1, 3, 'b')], /another number/],
    ['a tensor in two', [shard(0, 2, 'a'), shard(1, 2, 'a')], /in two shards/],
    ['a wrong total', [shard(0, 2, 'a', [['split.tensors.count', TYPE.i32, 9]]), shard(1, 2, 'b')], /9 tensors/],
    ['what is no shard', [shard(0, 2, 'a'), memorySource(ggufFile())], /no shard/],
  ])('with %s are not', async (_, shards, message) => {
    expect(await found(...shards)).toContainEqual(expect.stringMatching(new RegExp(`^G30 .*${message.source}`)))
  })
})

describe('SARIF', () => {
  it('has a rule for every check, and a place for every finding', async () => {
    const bytes = ggufFile({ pairs: withTemplate("{{ ''.__class__ }}") })
    const { runs, version } = sarifOf(await scanGguf(memorySource(bytes, '/models/a b.gguf')))
    expect(version).toBe('2.1.0')
    const [run] = runs
    expect(run?.tool.driver.rules.map(({ id }) => id)).toEqual(Object.keys(CHECKS))
    expect(run?.results.length).toBeGreaterThan(0)
    for (const { ruleId, ruleIndex, level, locations } of run?.results ?? []) {
      expect(run?.tool.driver.rules[ruleIndex]?.id).toBe(ruleId)
      expect(level).toBe('error')
      expect(locations[0]?.physicalLocation.artifactLocation.uri).toBe('file:///models/a%20b.gguf')
      expect(locations[0]?.physicalLocation.region.byteOffset).toBeGreaterThan(0)
    }
  })

  it('says that a run was not whole', async () => {
    const sarif = sarifOf(await scanGguf(memorySource(ggufFile()), { budget: { readBytes: 400 } }))
    expect(sarif.runs[0]?.invocations[0]).toMatchObject({ executionSuccessful: false })
  })
})

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { entriesOf, type Manifest, sourceOf, targetsOf } from '../build/exports.ts'
import { type Packed, pack } from '../build/pack.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const PACKAGES = readdirSync(join(ROOT, 'packages')).filter((name) =>
  existsSync(join(ROOT, 'packages', name, 'package.json')),
)

/** The packages are ES modules only: that `require` or the resolution of Node 10 does not find them is no mistake. */
const NOT_PROMISED = new Set(['node10', 'node16-cjs'])
/** A file of another kind in a tarball is there by accident. */
const SHIPPED =
  /^(package\.json|README\.md|LICENSE|json\/(.*\.schema\.json(\.sig)?|schema-key\.txt)|models\/(README\.md|[a-z0-9-]+\/(model\.onnx|manifest\.(json|sig)|card\.md))|dist\/.*\.(js|js\.map|d\.ts|json|html|css|sha256|svg|wasm|onnx|proto))$/

const out = mkdtempSync(join(tmpdir(), 'weave-pack-'))
afterAll(() => rmSync(out, { recursive: true, force: true }))

const filesOf = (folder: string): readonly string[] =>
  (readdirSync(folder, { recursive: true }) as string[]).filter((path) => statSync(join(folder, path)).isFile()).sort()

/** What publint says against a tarball. */
const publintSays = async ({ tarball: path }: Packed): Promise<readonly string[]> => {
  const bytes = readFileSync(path)
  const tarball = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer
  const { messages, pkg } = await publint({ pack: { tarball }, strict: true, level: 'warning' })
  return messages.map((message) => formatMessage(message, pkg, { color: false }) ?? message.code)
}

/** What "are the types wrong" says against a tarball, of the ways to import it that are promised. */
const typesSay = async ({ tarball }: Packed): Promise<readonly string[]> => {
  const result = await checkPackage(createPackageFromTarballData(readFileSync(tarball)))
  if (result.types === false) return ['no types at all']
  return result.problems
    .map((problem) => ({ resolutionKind: '', entrypoint: '', ...problem }))
    .filter(({ resolutionKind }) => !NOT_PROMISED.has(resolutionKind))
    .map(({ kind, entrypoint, resolutionKind }) => `${kind} ${entrypoint} ${resolutionKind}`.trim())
}

describe.each(PACKAGES)('packages/%s', (name) => {
  let packed: Packed
  beforeAll(() => {
    packed = pack(ROOT, name, out)
  })

  const manifestHere = (): Manifest =>
    JSON.parse(readFileSync(join(ROOT, 'packages', name, 'package.json'), 'utf8')) as Manifest

  it('ships every file that its exports, imports and bin name', () => {
    const { manifest, folder } = packed
    const targets = [...targetsOf(manifest.exports), ...targetsOf(manifest.imports)].map((t) => t.target)
    expect(targets.length).toBeGreaterThan(0)
    const relative = targets.filter((target) => target.startsWith('./') && !target.includes('*'))
    const bins = Object.keys(entriesOf(manifest)).map((entry) => `./dist/${entry}.js`)
    expect([...relative, ...bins].filter((target) => !existsSync(join(folder, target)))).toEqual([])
  })

  it('builds each export from the source that the workspace runs', () => {
    const pairs = Object.entries(manifestHere().exports ?? {}).map(([subpath, node]) => {
      const targets = targetsOf(node)
      const sources = targets.filter((t) => t.path.includes('@mystranet/source')).map((t) => t.target)
      const built = targets.filter((t) => /^\.\/dist\/.*\.js$/.test(t.target)).map((t) => sourceOf(t.target))
      return { subpath, sources: [...new Set(sources)].sort(), built: [...new Set(built)].sort() }
    })
    for (const { subpath, sources, built } of pairs)
      expect({ subpath, from: built }).toEqual({ subpath, from: sources })
  })

  it('ships nothing by accident, and says what it ships', () => {
    const files = filesOf(packed.folder)
    expect(files.filter((path) => !SHIPPED.test(path) || /\.(test|contract)\./.test(path))).toEqual([])
    const code = files
      .filter((path) => /^dist\/.*\.js$/.test(path))
      .map((path) => readFileSync(join(packed.folder, path)))
    const bytes = code.reduce((total, text) => total + text.length, 0)
    const zipped = code.reduce((total, text) => total + gzipSync(text, { level: 9 }).length, 0)
    console.log(
      `${packed.manifest.name}: ${files.length} files, tarball ${statSync(packed.tarball).size} B, ` +
        `JavaScript ${bytes} B, ${zipped} B gzipped`,
    )
    expect(bytes).toBeGreaterThan(0)
  })

  it.runIf(name === 'detector')('finds its models from where its build lies', async () => {
    const { shippedModel } = (await import(
      join(packed.folder, 'dist/adapters/node/model-folder.js')
    )) as typeof import('../../packages/detector/src/adapters/node/model-folder.ts')
    expect(existsSync(new URL('README.md', shippedModel('.')))).toBe(true)
  })

  it('satisfies publint', async () => {
    expect(await publintSays(packed)).toEqual([])
  })

  it('gives types that match its code (are the types wrong)', async () => {
    expect(await typesSay(packed)).toEqual([])
  })

  it('loads from dist by every subpath, as a user imports it', () => {
    // A program is run, not imported: `main` starts at once.
    const subpaths = Object.keys(manifestHere().exports ?? {}).filter(
      (s) => s.startsWith('.') && !/[*]|\.json$|^\.\/main$/.test(s),
    )
    const names = subpaths.map((subpath) => join(packed.manifest.name, subpath))
    const script = `for (const name of ${JSON.stringify(names)}) await import(name); console.log('loaded')`
    // No NODE_OPTIONS from the test runner: its source condition would load src instead.
    const env = { ...process.env, NODE_OPTIONS: '' }
    const printed = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      cwd: join(ROOT, 'packages', name),
      env,
      encoding: 'utf8',
    })
    expect(printed).toContain('loaded')
  })
})

describe('the checks, over a package that breaks a promise', () => {
  const plant = async (exports: object, files: Readonly<Record<string, string>>): Promise<Packed> => {
    const root = mkdtempSync(join(out, 'planted-'))
    mkdirSync(join(root, 'packages/bad/dist'), { recursive: true })
    writeFileSync(join(root, 'LICENSE'), '')
    const manifest = { name: 'bad', version: '1.0.0', type: 'module', files: ['dist'], exports }
    for (const [path, text] of Object.entries({ ...files, 'package.json': JSON.stringify(manifest) })) {
      writeFileSync(join(root, 'packages/bad', path), text)
    }
    return pack(root, 'bad', join(root, 'out'))
  }
  const code = { 'dist/index.js': 'export const a = 1\n' }
  const types = { 'dist/index.d.ts': 'export declare const a: number\n' }
  const exports = { '.': { types: './dist/index.d.ts', default: './dist/index.js' } }

  it('accept a sound one', async () => {
    const packed = await plant(exports, { ...code, ...types })
    expect([...(await publintSays(packed)), ...(await typesSay(packed))]).toEqual([])
  })

  it('publint names an export that is not there', async () => {
    const packed = await plant(exports, { ...types })
    expect((await publintSays(packed)).join()).toContain('does not exist')
  })

  it('are-the-types-wrong names types that are not there', async () => {
    const packed = await plant(
      { ...exports, './b': { types: './dist/b.d.ts', default: './dist/b.js' } },
      {
        ...code,
        ...types,
        'dist/b.js': 'export const b = 1\n',
      },
    )
    expect((await typesSay(packed)).join()).toMatch(/UntypedResolution|NoResolution/)
  })

  it('are-the-types-wrong names types of another module kind than the code', async () => {
    const packed = await plant(
      { '.': { types: './dist/index.d.cts', default: './dist/index.js' } },
      {
        ...code,
        'dist/index.d.cts': 'export declare const a: number\n',
      },
    )
    expect((await typesSay(packed)).join()).toContain('FalseCJS')
  })

  it('packing refuses a package that was not built', async () => {
    const root = mkdtempSync(join(out, 'unbuilt-'))
    mkdirSync(join(root, 'packages/bad'), { recursive: true })
    writeFileSync(
      join(root, 'packages/bad/package.json'),
      JSON.stringify({ name: 'bad', version: '1.0.0', files: ['dist'] }),
    )
    expect(() => pack(root, 'bad', join(root, 'out'))).toThrow('wanted a built package')
  })
})

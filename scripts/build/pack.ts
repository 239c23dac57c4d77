import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { ExportNode, Manifest } from './exports.ts'

/** The condition under which this workspace runs its sources. What is published has no sources to offer. */
const SOURCE = '@mystranet/source'

const withoutSource = (node: ExportNode): ExportNode =>
  node === null || typeof node === 'string'
    ? node
    : Object.fromEntries(
        Object.entries(node).flatMap(([key, child]) => (key === SOURCE ? [] : [[key, withoutSource(child)]])),
      )

type FullManifest = Manifest & {
  readonly files?: readonly string[]
  readonly dependencies?: Readonly<Record<string, string>>
}

/**
 * The manifest as it is published: no source condition, no scripts, no development dependencies, and a sibling of the
 * workspace as a range that starts at the version it has here (all packages are released together).
 */
const publishedManifest = (manifest: FullManifest): FullManifest => {
  const { scripts: _scripts, ...rest } = manifest
  const { devDependencies: _development, ...kept } = rest as typeof rest & { devDependencies?: unknown }
  const range = (wanted: string): string => (wanted.startsWith('workspace:') ? `^${manifest.version}` : wanted)
  return {
    ...kept,
    ...(manifest.exports && { exports: withoutSource(manifest.exports) }),
    ...(manifest.imports && { imports: withoutSource(manifest.imports) }),
    ...(manifest.dependencies && {
      dependencies: Object.fromEntries(Object.entries(manifest.dependencies).map(([name, v]) => [name, range(v)])),
    }),
  }
}

/** One tarball, ready to publish, and the folder that it was packed from. */
export interface Packed {
  readonly manifest: FullManifest
  readonly folder: string
  readonly tarball: string
}

/**
 * Packs one built package into `out`.
 *
 * @throws Error when a path that `files` names does not exist: an unbuilt package must not make an empty tarball
 */
export const pack = (root: string, name: string, out: string): Packed => {
  const from = join(root, 'packages', name)
  const folder = join(out, name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const manifest = publishedManifest(JSON.parse(readFileSync(join(from, 'package.json'), 'utf8')) as FullManifest)
  for (const path of manifest.files ?? []) {
    if (path.startsWith('!')) continue
    if (!existsSync(join(from, path)))
      throw new Error(`Cannot pack ${manifest.name}: no ${path}, wanted a built package`)
    cpSync(join(from, path), join(folder, path), { recursive: true })
  }
  if (existsSync(join(from, 'README.md'))) cpSync(join(from, 'README.md'), join(folder, 'README.md'))
  cpSync(join(root, 'LICENSE'), join(folder, 'LICENSE'))
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  const destination = join(folder, '..', 'tarballs', name)
  rmSync(destination, { recursive: true, force: true })
  mkdirSync(destination, { recursive: true })
  execFileSync('pnpm', ['pack', '--ignore-workspace', '--pack-destination', destination], {
    cwd: folder,
    stdio: 'pipe',
  })
  const [tarball] = readdirSync(destination)
  if (tarball === undefined) throw new Error(`Cannot pack ${manifest.name}: pnpm left no tarball`)
  return { manifest, folder, tarball: join(destination, tarball) }
}

// `node scripts/build/pack.ts OUT`: a tarball of every package, which `npm install OUT/tarballs/*/*.tgz` takes.
if (import.meta.main) {
  const root = join(import.meta.dirname, '..', '..')
  const out = resolve(process.argv[2] ?? 'packed')
  for (const name of readdirSync(join(root, 'packages'))) console.log(pack(root, name, out).tarball)
}

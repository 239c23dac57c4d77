// An empty project with the packed packages in it, as a user would have installed them, and how each runtime runs it.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { transformSync } from 'esbuild'
import { type Packed, pack } from '../build/pack.ts'
import { blocksOf } from '../docs/markdown.ts'
import { bun, deno, olderNode } from '../runtime/program.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const DRIVERS = join(import.meta.dirname, 'driver')

export interface Project {
  readonly folder: string
  readonly packed: readonly Packed[]
}

/**
 * Packs every package and installs the tarballs with pnpm: strictly, so that a package finds only what it names itself.
 * Third-party packages come from pnpm's store where they are in it.
 */
export function installedProject(folder: string): Project {
  const names = readdirSync(join(ROOT, 'packages')).filter((name) => existsSync(join(ROOT, 'packages', name, 'dist')))
  const packed = names.map((name) => pack(ROOT, name, join(folder, '.packed')))
  const tarballs = packed.map(({ manifest, tarball }) => [manifest.name, `file:${tarball}`])
  const developing = (path: string) =>
    (JSON.parse(readFileSync(join(ROOT, path), 'utf8')) as { devDependencies: Record<string, string> }).devDependencies
  const manifest = {
    name: 'empty',
    type: 'module',
    private: true,
    dependencies: Object.fromEntries(tarballs),
    devDependencies: {
      '@types/node': developing('package.json')['@types/node'],
      vite: developing('examples/browser-verify/package.json')['vite'],
    },
  }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  // The siblings are not on any registry yet: their ranges lead to the tarballs too. No install script runs.
  const lines = tarballs.map(([name, file]) => `  '${name}': '${file}'`)
  writeFileSync(
    join(folder, 'pnpm-workspace.yaml'),
    [
      'overrides:',
      ...lines,
      'allowBuilds:',
      '  esbuild: false',
      '  node-llama-cpp: false',
      'pmOnFail: ignore',
      '',
    ].join('\n'),
  )
  execFileSync('pnpm', ['install', '--prefer-offline', '--ignore-scripts', '--no-frozen-lockfile'], {
    cwd: folder,
    stdio: 'pipe',
    // The machine's way to its registry may be in its environment.
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  for (const name of readdirSync(DRIVERS)) cpSync(join(DRIVERS, name), join(folder, name))
  for (const {
    manifest: { name },
    folder: from,
  } of packed)
    writeExample(folder, name.slice('@mystranet/'.length), from)
  writeFileSync(join(folder, 'runner.js'), RUNNER)
  return { folder, packed }
}

/** The first TypeScript of a README as it is shipped: as it stands, and with the types taken out. Without any, the import alone. */
function writeExample(folder: string, name: string, from: string): void {
  const first = blocksOf(readFileSync(join(from, 'README.md'), 'utf8')).find(({ language }) => language === 'ts')?.code
  const code = first ?? `import '@mystranet/${name}'\n`
  mkdirSync(join(folder, 'types'), { recursive: true })
  writeFileSync(join(folder, 'types', `example-${name}.ts`), code)
  writeFileSync(join(folder, `example-${name}.js`), transformSync(code, { loader: 'ts', target: 'es2022' }).code)
}

/** Runs the driver of a package with what it is to know, and prints what it gave. */
const RUNNER = `
import process from 'node:process'
const [name, input] = process.argv.slice(2)
const { run } = await import('./' + name + '.js')
console.log(JSON.stringify(await run(JSON.parse(input))))
process.exit(0)
`

/** Nothing of the test's own: its source condition would lead to sources that are not shipped. */
export const bare = (): Record<string, string> => {
  const { PATH = '', HOME = '', TMPDIR = '/tmp', XDG_CACHE_HOME, XDG_DATA_HOME, PNPM_HOME } = process.env
  const given = { PATH, HOME, TMPDIR, XDG_CACHE_HOME, XDG_DATA_HOME, PNPM_HOME }
  return Object.fromEntries(Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== undefined))
}

export interface Runtime {
  readonly name: string
  readonly program: string | undefined
  readonly flags: readonly string[]
}

/** Of this test. */
export const NODE = { name: 'Node 24', program: process.execPath, flags: [] }

export const RUNTIMES: readonly Runtime[] = [
  { name: 'Node 20', program: olderNode(20), flags: [] },
  { name: 'Node 22', program: olderNode(22), flags: [] },
  NODE,
  { name: 'Deno', program: deno(), flags: ['run', '--allow-all', '--no-remote'] },
  { name: 'Bun', program: bun(), flags: ['run'] },
]

/** Starts a package's driver on a runtime of its own. */
export function drive(
  { folder }: Project,
  { name, program, flags }: Runtime,
  which: string,
  input: object,
): ChildProcess {
  if (program === undefined)
    throw new Error(`no ${name} on this machine: pnpm install or scripts/prepare.mjs brings it`)
  return spawn(program, [...flags, 'runner.js', which, JSON.stringify(input)], {
    cwd: folder,
    env: { ...bare(), WEAVE_PORT: '0', WEAVE_LOG_LEVEL: 'silent', DENO_NO_UPDATE_CHECK: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** What it printed last, once it has ended well. @throws Error with all that it said. */
export async function outcome(child: ChildProcess): Promise<unknown> {
  let [stdout, stderr] = ['', '']
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const code = await new Promise((resolve) => child.once('close', resolve))
  if (code !== 0) throw new Error(`ended with ${code}: ${stderr}${stdout}`)
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? 'null')
}

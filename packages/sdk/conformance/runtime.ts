/**
 * The runtimes of the conformance suite: where their programs are, how the suite is bundled for each, how it is run.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { copyFile, mkdir } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BuildOptions, build } from 'esbuild'
import { chromium } from 'playwright-core'
import * as programs from '../../../scripts/runtime/program.ts'
import type { Data } from './data.ts'

const HERE = import.meta.dirname
const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const OUT = join(ROOT, '.cache', 'conformance')
const TIMEOUT_MS = 150_000

export interface Runtime {
  readonly name: string
  /** Path of its program, or undefined when it is not on this machine. */
  readonly program: string | undefined
  /** What to do about a missing one. */
  readonly missing: string
  run(program: string, data: Data): Promise<Outcome>
}

/** What a run printed, and how it ended. */
export interface Outcome {
  readonly tap: string
  readonly exitCode: number | null
}

/** The conditions under which each runtime resolves packages; the bundle must hold what the runtime itself would take. */
const BUNDLES = {
  node: { conditions: ['node', 'import'], platform: 'node', target: 'node20', format: 'esm' },
  deno: { conditions: ['deno', 'node', 'import'], platform: 'node', target: 'es2023', format: 'esm' },
  bun: { conditions: ['bun', 'node', 'import'], platform: 'node', target: 'es2023', format: 'esm' },
  workerd: { conditions: ['workerd', 'worker', 'import'], platform: 'browser', target: 'es2023', format: 'esm' },
  browser: { conditions: ['browser', 'import'], platform: 'browser', target: 'es2023', format: 'iife' },
} as const satisfies Record<string, Pick<BuildOptions, 'conditions' | 'platform' | 'target' | 'format'>>

type Bundle = keyof typeof BUNDLES

const REQUIRE = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"

const bundled = new Map<Bundle, Promise<string>>()

/** Bundles the suite with its data into one file, once a process. */
function bundle(name: Bundle, data: Data): Promise<string> {
  let made = bundled.get(name)
  if (made === undefined) {
    made = makeBundle(name, data)
    bundled.set(name, made)
  }
  return made
}

async function makeBundle(name: Bundle, data: Data): Promise<string> {
  const outfile = join(OUT, name, name === 'workerd' || name === 'browser' ? `${name}.js` : `${name}.mjs`)
  const { conditions, ...options } = BUNDLES[name]
  await build({
    ...options,
    conditions: ['@mystranet/source', ...conditions],
    entryPoints: [join(HERE, 'run', `${name}.ts`)],
    outfile,
    bundle: true,
    // Made of Node's own modules, and not of ES modules: no part of a bundle for where there are none.
    external: name === 'workerd' || name === 'browser' ? ['@sigstore/*'] : [],
    // CommonJS in an ES module asks for Node's modules so.
    ...(options.platform === 'node' && { banner: { js: REQUIRE } }),
    logLevel: 'error',
    plugins: [
      {
        name: 'data',
        setup(bundler) {
          bundler.onResolve({ filter: /^conformance:data$/ }, ({ path }) => ({ path, namespace: 'data' }))
          const text = JSON.stringify(JSON.stringify(data))
          bundler.onLoad({ filter: /.*/, namespace: 'data' }, () => ({
            contents: `export default JSON.parse(${text})`,
          }))
        },
      },
    ],
  })
  return outfile
}

/** Runs a program to its end, with nothing of our environment that could change what it does. */
function execute(program: string, args: readonly string[], cwd: string): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const { PATH = '', TMPDIR = '/tmp' } = process.env
    const env = { PATH, TMPDIR, HOME: OUT, NO_COLOR: '1', DENO_NO_UPDATE_CHECK: '1', DENO_DIR: join(OUT, 'deno-dir') }
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS)
    let tap = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (chunk) => (tap += chunk))
    child.on('error', reject)
    child.on('close', (exitCode) => {
      clearTimeout(timer)
      resolve({ tap, exitCode })
    })
  })
}

const NOT_INSTALLED = 'pnpm install brings it with the dependencies of this platform'

function script(
  name: string,
  which: Exclude<Bundle, 'browser' | 'workerd'>,
  found: string | undefined,
  missing: string,
  args: readonly string[],
): Runtime {
  return {
    name,
    program: found,
    missing,
    async run(path, data) {
      const file = await bundle(which, data)
      return execute(path, [...args, file], dirname(file))
    },
  }
}

/** Node of another major: where scripts/prepare.mjs put it. */
function olderNode(major: 20 | 22): Runtime {
  const missing = `npm test fetches it, as does node scripts/prepare.mjs; or name one in WEAVE_NODE${major}`
  return script(`Node ${major}`, 'node', programs.olderNode(major), missing, [])
}

const workerd: Runtime = {
  name: 'workerd',
  program: programs.workerd(),
  missing: NOT_INSTALLED,
  async run(path, data) {
    const folder = dirname(await bundle('workerd', data))
    await copyFile(join(HERE, 'run', 'workerd.capnp'), join(folder, 'workerd.capnp'))
    return execute(path, ['test', 'workerd.capnp'], folder)
  },
}

const browser: Runtime = {
  name: 'Chromium',
  program: programs.chromium(),
  missing: 'install chromium, or name one in WEAVE_CHROMIUM',
  async run(executablePath, data) {
    const source = readFileSync(await bundle('browser', data))
    // WebCrypto wants a secure context, which localhost is and a blank page is not.
    const server = createServer((request, response) => {
      const isScript = request.url === '/suite.js'
      response.setHeader('content-type', isScript ? 'text/javascript; charset=utf-8' : 'text/html; charset=utf-8')
      response.end(isScript ? source : '<!doctype html><title>suite</title><script src="/suite.js"></script>')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const opened = await chromium.launch({ executablePath, headless: true, args: ['--no-sandbox', '--disable-gpu'] })
    try {
      const page = await opened.newPage()
      page.setDefaultTimeout(TIMEOUT_MS)
      await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
      const lines = await page.evaluate('conformance')
      return {
        tap: (lines as string[]).join('\n'),
        exitCode: (lines as string[]).some((line) => /^not ok/.test(line)) ? 1 : 0,
      }
    } finally {
      await opened.close()
      server.close()
    }
  },
}

export const RUNTIMES: readonly Runtime[] = [
  olderNode(20),
  olderNode(22),
  script('Node 24', 'node', process.execPath, 'run this with Node 24', []),
  script('Deno', 'deno', programs.deno(), NOT_INSTALLED, [
    'run',
    '--no-config',
    '--no-remote',
    '--no-npm',
    '--allow-env',
    '--allow-sys',
  ]),
  script('Bun', 'bun', programs.bun(), NOT_INSTALLED, ['run']),
  workerd,
  browser,
]

/** Makes the folder that bundles go to. */
export const prepareBundles = (): Promise<unknown> => mkdir(OUT, { recursive: true })

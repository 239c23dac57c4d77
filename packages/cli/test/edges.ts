/** Edges of the router as programs, on each runtime that has one. */
import { type ChildProcess, spawn } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { PACKET_SCHEMA_V1 } from '@mystranet/schemas/packet-schema'
import { build } from 'esbuild'
import { freePort } from '../../../scripts/runtime/free-port.ts'
import { bun, deno, workerd } from '../../../scripts/runtime/program.ts'
import { ended, until } from './weave.ts'

export interface RunningEdge {
  readonly url: string
  stop(): Promise<void>
}

/** `WEAVE_NATS_URL` is of the kind that the runtime dials. */
export type EdgeEnv = Readonly<Record<string, string>>

export interface EdgeRuntime {
  readonly name: string
  /** What it dials the broker by. */
  readonly dials: 'socket' | 'WebSocket'
  start(env: EdgeEnv): Promise<RunningEdge>
  /** The same program with another packet schema than the signed one. */
  startSpoilt(env: EdgeEnv): Promise<RunningEdge>
}

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const ENTRIES = join(ROOT, 'packages/router/src/entry')
const OUT = join(ROOT, '.cache/edge')
const EXAMPLE = join(ROOT, 'examples/edge-worker')

/** @param program As scripts/runtime finds it. */
function found(program: string | undefined, name: string): string {
  if (program === undefined)
    throw new Error(`Cannot test an edge on ${name}: it is not here, wanted it from pnpm install`)
  return program
}

/** Runs a program that says its address in its first line. */
async function run(program: string, args: readonly string[], env: EdgeEnv): Promise<RunningEdge> {
  const child = spawned(program, args, { ...env, WEAVE_PORT: '0' })
  const lines = createInterface({ input: child.stdout as NonNullable<ChildProcess['stdout']> })
  for await (const line of lines) {
    const { url } = JSON.parse(line) as { url: string }
    // What it says later is read as well, or it would stop when the pipe is full.
    child.stdout?.resume()
    return { url, stop: () => stopped(child) }
  }
  await child.closed
  throw new Error(`${program} ended: ${child.said()}`)
}

function spawned(program: string, args: readonly string[], env: EdgeEnv) {
  const { PATH = '', HOME = OUT } = process.env
  const whole = { PATH, HOME, NO_COLOR: '1', DENO_NO_UPDATE_CHECK: '1', DENO_DIR: join(OUT, 'deno-dir'), ...env }
  const child = spawn(program, args, { cwd: EXAMPLE, env: whole, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-4_096)))
  const closed = new Promise((resolve) => child.once('close', resolve))
  return Object.assign(child as ChildProcess, { said: () => said, closed })
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('close', resolve))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 5_000)
  await ended
  clearTimeout(timer)
}

/** In place of the schema's signature another one. */
async function spoil(file: string): Promise<void> {
  const parts = (await readFile(file, 'utf8')).split(PACKET_SCHEMA_V1.signature)
  if (parts.length !== 2) throw new Error(`Cannot spoil ${file}: ${parts.length - 1} signatures in it, wanted one`)
  await writeFile(file, parts.join(btoa('x'.repeat(64))))
}

/** One file, with the conditions under which the runtime itself resolves packages. */
async function bundled(name: 'deno' | 'bun' | 'node', isSpoilt = false): Promise<string> {
  await mkdir(OUT, { recursive: true })
  const outfile = join(OUT, `edge-${name}${isSpoilt ? '-spoilt' : ''}.mjs`)
  await build({
    entryPoints: [join(ENTRIES, `edge-${name}.ts`)],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'es2023',
    format: 'esm',
    conditions: ['@mystranet/source', ...new Set([name, 'node']), 'import'],
    // Packages in CommonJS ask for modules of Node by `require`.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)" },
    logLevel: 'error',
  })
  if (isSpoilt) await spoil(outfile)
  return outfile
}

/** The example's own command and configuration, in a folder of its own. */
async function buildExample(): Promise<string> {
  const manifest = JSON.parse(await readFile(join(EXAMPLE, 'package.json'), 'utf8')) as { scripts: { build: string } }
  await mkdir(OUT, { recursive: true })
  const folder = await mkdtemp(join(OUT, 'worker-'))
  const command = manifest.scripts.build.replace('=dist/', `=${folder}/dist/`)
  const [program = '', ...args] = command.split(' ')
  const built = await ended(spawned(join(EXAMPLE, 'node_modules/.bin', program), args, {}))
  if (built.code !== 0) throw new Error(`The example does not build: ${built.stderr}`)
  await copyFile(join(EXAMPLE, 'edge.capnp'), join(folder, 'edge.capnp'))
  return folder
}

/** The example on workerd; only the port is another. */
export async function startWorkerd(env: EdgeEnv, isSpoilt = false): Promise<RunningEdge> {
  const folder = await buildExample()
  if (isSpoilt) await spoil(join(folder, 'dist/worker.js'))
  const port = await freePort()
  const args = ['serve', join(folder, 'edge.capnp'), `--socket-addr=http=127.0.0.1:${port}`]
  const child = spawned(found(workerd(), 'workerd'), args, env)
  child.stdout?.resume()
  const url = `http://127.0.0.1:${port}`
  await until('workerd answers', async () => {
    if (child.exitCode !== null) throw new Error(`workerd ended: ${child.said()}`)
    return fetch(`${url}/health`).then(
      ({ ok }) => ok || isSpoilt,
      () => false,
    )
  })
  return {
    url,
    async stop() {
      await stopped(child)
      await rm(folder, { recursive: true })
    },
  }
}

const DENO_FLAGS = [
  '--no-config',
  '--no-remote',
  '--no-npm',
  '--allow-net',
  '--allow-env',
  '--allow-read',
  '--allow-sys',
]

const runDeno = (file: string, env: EdgeEnv) => run(found(deno(), 'Deno'), ['run', ...DENO_FLAGS, file], env)
const runBun = (file: string, env: EdgeEnv) => run(found(bun(), 'Bun'), ['run', file], env)

export const EDGE_RUNTIMES: readonly EdgeRuntime[] = [
  {
    name: 'Node',
    dials: 'socket',
    start: (env) => run(process.execPath, ['--conditions=@mystranet/source', join(ENTRIES, 'edge-node.ts')], env),
    startSpoilt: async (env) => run(process.execPath, [await bundled('node', true)], env),
  },
  {
    name: 'Deno',
    dials: 'socket',
    start: async (env) => runDeno(await bundled('deno'), env),
    startSpoilt: async (env) => runDeno(await bundled('deno', true), env),
  },
  {
    name: 'Bun',
    dials: 'socket',
    start: async (env) => runBun(await bundled('bun'), env),
    startSpoilt: async (env) => runBun(await bundled('bun', true), env),
  },
  { name: 'workerd', dials: 'WebSocket', start: startWorkerd, startSpoilt: (env) => startWorkerd(env, true) },
]

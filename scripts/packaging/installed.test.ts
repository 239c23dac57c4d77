/** The packages as a user gets them: packed, installed into an empty project, and run on every runtime that is promised. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { targetsOf } from '../build/exports.ts'
import { bare, drive, installedProject, outcome, type Project, RUNTIMES } from './project.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const SCRIPTED = 'This answer comes from a script, not from a model. Its proof is real.'

let project: Project
const folder = mkdtempSync(join(tmpdir(), 'weave-installed-'))
beforeAll(() => {
  project = installedProject(folder)
}, 180_000)
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }))

const withBins = () => ({ ...bare(), PATH: [join(folder, 'node_modules', '.bin'), bare()['PATH']].join(delimiter) })
const weave = (line: string, env: Record<string, string> = {}) =>
  spawn('sh', ['-c', `exec ${line}`], {
    cwd: folder,
    env: { ...withBins(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })

interface House {
  readonly url: string
  readonly trust: string
  invite(): string
  stop(): Promise<void>
}

/** `weave up` of the installed package. */
async function house(state: string, env: Record<string, string> = {}): Promise<House> {
  const settings = { WEAVE_STATE: join(folder, state), WEAVE_PORT: '0', WEAVE_PROXY_PORT: '0', ...env }
  const child = weave('weave up --json', settings)
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const { value, done } = await lines.next()
  if (done) throw new Error(`weave up ended: ${stderr}`)
  const { url } = JSON.parse(value) as { url: string }
  if (env['WEAVE_NATS'] === undefined) await lines.next()
  return {
    url,
    trust: readFileSync(join(folder, state, 'trust/local.trust')).toString('base64'),
    invite() {
      const printed = execFileSync('weave', ['invite', '--json'], {
        env: { ...withBins(), ...settings },
        encoding: 'utf8',
      })
      return (JSON.parse(printed) as { token: string }).token
    },
    stop: () => ended(child),
  }
}

async function ended(child: ChildProcess): Promise<void> {
  const exit = new Promise((resolve) => child.once('close', resolve))
  child.kill('SIGTERM')
  await exit
}

describe('types resolve, and the examples compile', () => {
  const compilers = { 'TypeScript 6': 'typescript', 'TypeScript 7': 'typescript-7' }
  const modes = ['bundler', 'node16', 'nodenext']
  beforeAll(() => {
    const imports = project.packed.flatMap(({ manifest }) =>
      [...new Set(targetsOf(manifest.exports).map(({ path }) => path[0] ?? '.'))]
        .filter((subpath) => !subpath.endsWith('.json') && subpath !== './main')
        .map((subpath) => join(manifest.name, subpath)),
    )
    expect(imports.length).toBeGreaterThan(40)
    const text = imports.map((name, at) => `import * as part${at} from '${name}'\nexport { part${at} }\n`).join('')
    writeFileSync(join(folder, 'types', 'every-subpath.ts'), text)
    for (const mode of modes) {
      const compilerOptions = {
        target: 'es2023',
        lib: ['es2024', 'dom', 'dom.iterable', 'dom.asynciterable'],
        module: mode === 'bundler' ? 'esnext' : mode,
        moduleResolution: mode,
        types: ['node'],
        strict: true,
        skipLibCheck: false,
        noEmit: true,
      }
      writeFileSync(join(folder, `tsconfig.${mode}.json`), JSON.stringify({ compilerOptions, include: ['types'] }))
    }
  })

  test.each(Object.entries(compilers).flatMap(([name, where]) => modes.map((mode) => ({ name, where, mode }))))(
    '$name, $mode',
    ({ where, mode }) => {
      const tsc = join(ROOT, 'node_modules', where, 'bin', 'tsc')
      const args = [tsc, '-p', `tsconfig.${mode}.json`, '--pretty', 'false']
      const { stdout } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8', env: bare() })
      const faults = stdout.split('\n').filter((line) => /error TS/.test(line))
      expect(faults.filter((line) => !/^node_modules\/(?!.*@mystranet)/.test(line))).toEqual([])
    },
    120_000,
  )
})

describe('the first example of each README', () => {
  let up: House
  beforeAll(async () => {
    up = await house('up', { WEAVE_ENGINE: 'scripted' })
  }, 60_000)
  afterAll(() => up.stop())

  test.each(RUNTIMES)(
    'schemas and detector on $name',
    async (runtime) => {
      expect(await outcome(drive(project, runtime, 'schemas', {}))).toMatch(/\S+ 3$/)
      expect(await outcome(drive(project, runtime, 'detector', {}))).toBe('object')
    },
    60_000,
  )

  test.each(RUNTIMES)(
    'sdk on $name',
    async (runtime) => {
      const known = { router: up.url, trust: up.trust, invite: up.invite() }
      expect(await outcome(drive(project, runtime, 'sdk', known))).toBe(SCRIPTED)
    },
    60_000,
  )

  test.each(RUNTIMES.slice(2))(
    'router on $name',
    async (runtime) => {
      const known = { folder: join(folder, `router-${runtime.name}`) }
      expect(await outcome(drive(project, runtime, 'router', known))).toEqual({ ready: true, checkpoint: 'log.test' })
    },
    60_000,
  )
})

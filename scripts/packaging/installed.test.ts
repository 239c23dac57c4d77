/** The packages as a user gets them: packed, installed into an empty project, and run on every runtime that is promised. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DEMO_MODEL } from '../../packages/agent/src/models/catalogue.ts'
import { pull } from '../../packages/agent/src/models/pull.ts'
import { defaultModelFolder } from '../../packages/agent/src/models/store.ts'
import { startBroker } from '../broker/server.ts'
import { targetsOf } from '../build/exports.ts'
import { blocksOf } from '../docs/markdown.ts'
import { edgeOnWorkerd, firstLoadOf, onWorkerd, type Page, vitePage } from './bundled.ts'
import { bare, drive, installedProject, NODE, outcome, type Project, RUNTIMES } from './project.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const SCRIPTED = 'This answer comes from a script, not from a model. Its proof is real.'

let project: Project
const folder = mkdtempSync(join(tmpdir(), 'weave-installed-'))
beforeAll(() => {
  project = installedProject(folder)
}, 180_000)
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }))

const WEAVE = join(folder, 'node_modules', '.bin', 'weave')
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
  if (env['WEAVE_ENGINE'] !== undefined) await lines.next()
  return {
    url,
    trust: readFileSync(join(folder, state, 'trust/local.trust')).toString('base64'),
    invite() {
      const printed = execFileSync(WEAVE, ['invite', '--json'], {
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
  const compilers = { 'TypeScript 6': 'typescript/bin/tsc6', 'TypeScript 7': 'typescript-7/bin/tsc' }
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
    // A compiler that did not run would find nothing.
    writeFileSync(join(folder, 'types', 'planted.ts'), 'export const wrong: string = 1\n')
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
      const args = [join(ROOT, 'node_modules', where), '-p', `tsconfig.${mode}.json`, '--pretty', 'false']
      const { stdout } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8', env: bare() })
      const faults = stdout.split('\n').filter((line) => /error TS/.test(line))
      const ours = faults.filter((line) => !/^node_modules\/(?!.*@mystranet)/.test(line))
      expect(ours).toEqual([expect.stringMatching(/^types\/planted\.ts\(1,14\): error TS2322/)])
    },
    120_000,
  )
})

describe('the first example of each README', () => {
  let up: House
  let page: Page
  beforeAll(async () => {
    page = await vitePage(project, ['schemas', 'detector', 'sdk'])
    up = await house('up', { WEAVE_ENGINE: 'scripted', WEAVE_CORS_ORIGINS: page.origin })
  }, 90_000)
  afterAll(async () => {
    await up?.stop()
    await page?.close()
  })

  test.each(RUNTIMES)(
    'schemas and detector on $name',
    async (runtime) => {
      expect(await outcome(drive(project, runtime, 'schemas', {}))).toMatch(/\S+ 3$/)
      expect(await outcome(drive(project, runtime, 'detector', {}))).toBe('loaded')
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

  test('schemas, detector and sdk on workerd, without Node compatibility', async () => {
    const known = { router: up.url, trust: up.trust, invite: up.invite() }
    expect(await onWorkerd(project, 'schemas', {})).toMatch(/\S+ 3$/)
    expect(await onWorkerd(project, 'detector', {})).toBe('loaded')
    expect(await onWorkerd(project, 'sdk', known)).toBe(SCRIPTED)
  }, 60_000)

  test('schemas, detector and sdk in a page that Vite built', async () => {
    const known = { router: up.url, trust: up.trust, invite: up.invite() }
    expect(await page.run('schemas', {})).toMatch(/\S+ 3$/)
    expect(await page.run('detector', {})).toBe('loaded')
    expect(await page.run('sdk', known)).toBe(SCRIPTED)
  }, 60_000)

  test.each(RUNTIMES.slice(2))(
    'router on $name',
    async (runtime) => {
      const known = { folder: join(folder, `router-${runtime.name}`) }
      expect(await outcome(drive(project, runtime, 'router', known))).toEqual({ ready: true, checkpoint: 'log.test' })
    },
    60_000,
  )

  test('router’s edge on workerd: the sdk’s example asks through it', async () => {
    const broker = await startBroker()
    const nexus = await house('nexus', { WEAVE_ENGINE: 'scripted', WEAVE_NATS: broker.url })
    const env = { WEAVE_NATS_URL: broker.webSocketUrl, WEAVE_TRUST: atob(nexus.trust) }
    const edge = await edgeOnWorkerd(project, env)
    try {
      const known = { router: edge.url, trust: nexus.trust, invite: nexus.invite() }
      expect(await outcome(drive(project, NODE, 'sdk', known))).toBe(SCRIPTED)
    } finally {
      await edge.stop()
      await nexus.stop()
      await broker.remove()
    }
  }, 60_000)

  test('cli on Node 24: the lines as they stand, with a real model', async () => {
    const { path } = await pull(DEMO_MODEL, { cacheDir: defaultModelFolder() })
    symlinkSync(path, join(folder, 'model.gguf'))
    const [block] = blocksOf(readFileSync(join(folder, 'node_modules/@mystranet/cli/README.md'), 'utf8'))
    const lines = block?.code.split('\n') ?? []
    expect(lines.map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
      'weave up',
      'weave ask',
      'weave verify',
    ])
    const threads = { WEAVE_AGENT_THREADS: '1', WEAVE_AGENT_GPU: 'off', WEAVE_SLOTS: '1' }
    const settings = { WEAVE_STATE: join(folder, 'cli'), WEAVE_PORT: '0', WEAVE_PROXY_PORT: '0', ...threads }
    const up = weave(lines[0] as string, settings)
    let said = ''
    for (const stream of [up.stdout, up.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text))
    const isReady = () => spawnSync(WEAVE, ['status'], { env: { ...withBins(), ...settings } }).status === 0
    while (!isReady() && up.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 200))
    for (const line of lines.slice(1)) {
      const { status, stdout, stderr } = spawnSync('sh', ['-c', line], {
        cwd: folder,
        env: { ...withBins(), ...settings },
        encoding: 'utf8',
      })
      expect(`${stdout}${stderr}`, said).toContain('VERIFIED under "local"')
      expect(status).toBe(0)
    }
    await ended(up)
  }, 120_000)

  test.each(RUNTIMES.slice(2))(
    'agent on $name, with a real model',
    async (runtime) => {
      const { path: model } = await pull(DEMO_MODEL, { cacheDir: defaultModelFolder() })
      const state = `nats-${runtime.name}`
      const broker = await startBroker()
      const up = await house(state, { WEAVE_NATS: broker.url })
      const env = { ...withBins(), WEAVE_STATE: join(folder, state) }
      const invite = JSON.parse(execFileSync(WEAVE, ['agent', 'invite', '--json'], { env, encoding: 'utf8' })) as {
        token: string
      }
      const known = { model, trust: up.trust, nats: broker.url, router: up.url, invite: invite.token }
      const child = drive(project, runtime, 'agent', known)
      const done = outcome(child)
      done.catch(() => {})
      try {
        const isReady = () => spawnSync(WEAVE, ['status'], { env }).status === 0
        while (!isReady() && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 200))
        const asked = spawnSync(WEAVE, ['ask', 'misty.weave', 'Hi', '--temperature', '0'], { env, encoding: 'utf8' })
        expect(asked.stderr).toContain('VERIFIED under "local"')
        child.kill('SIGTERM')
        expect(await done).toBe('drained')
      } finally {
        child.kill('SIGKILL')
        for (const name of ['keys.db', 'attempts.db']) rmSync(join(folder, name), { force: true })
        await up.stop()
        await broker.remove()
      }
    },
    120_000,
  )
})

test('sizes are as the README of the SDK states them, within 5 %', async () => {
  const readme = readFileSync(join(folder, 'node_modules/@mystranet/sdk/README.md'), 'utf8')
  const stated = [...readme.matchAll(/\| `(@mystranet\/sdk[^`]*)` \| ([\d.]+) kB \| ([\d.]+) kB \|/g)]
  expect(stated.map(([, name]) => name)).toEqual(['@mystranet/sdk', '@mystranet/sdk/verify'])
  for (const [, name = '', whole, zipped] of stated) {
    const size = await firstLoadOf(project, name)
    console.log(`${name}: first load ${size.bytes} B, ${size.gzipped} B gzipped`)
    expect(Math.abs(size.bytes / 1_000 / Number(whole) - 1), `${name}: ${size.bytes} B`).toBeLessThan(0.05)
    expect(Math.abs(size.gzipped / 1_000 / Number(zipped) - 1), `${name}: ${size.gzipped} B`).toBeLessThan(0.05)
  }
}, 60_000)

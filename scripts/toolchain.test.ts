import { spawn } from 'node:child_process'
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

/** An npm that fetches nothing: it puts down a pnpm that writes its arguments to pnpm.log, or fails when told. */
const SCRIPTED_NPM = `
const { appendFileSync, existsSync, mkdirSync, writeFileSync } = require('node:fs')
const { dirname, join } = require('node:path')
appendFileSync(process.env.TEST_LOG + '/npm.log', process.argv.slice(2).join(' ') + '\\n')
if (existsSync(process.env.TEST_LOG + '/npm-fails')) { console.error('no network'); process.exit(1) }
const prefix = process.argv[process.argv.indexOf('--prefix') + 1]
for (const spec of process.argv.slice(2).filter((word) => word.startsWith('@pnpm/exe'))) {
  const file = join(prefix, 'node_modules', spec.slice(0, spec.lastIndexOf('@')), 'pnpm')
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, '#!/bin/sh\\nmkdir -p node_modules\\necho "$@" >> "$TEST_LOG/pnpm.log"\\n[ ! -e "$TEST_LOG/pnpm-fails" ]\\n', { mode: 0o755 })
}
`

/** A program in the place of the CLI. */
const PROGRAM = `
const [, , ...args] = process.argv
console.log('args', JSON.stringify(args))
const code = args.find((word) => word.startsWith('--exit='))
if (code) process.exit(Number(code.slice(7)))
if (args.includes('--die')) process.kill(process.pid, 'SIGKILL')
if (args.includes('--stay')) {
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => { console.log('got', signal); process.exit(7) })
  setInterval(() => {}, 1000)
  console.log('ready')
}
`

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'weave-toolchain-'))
  for (const file of ['toolchain.mjs', 'prepare.mjs'])
    await cp(join(import.meta.dirname, file), join(root, 'scripts', file))
  await mkdir(join(root, 'packages/cli/src'), { recursive: true })
  await writeFile(
    join(root, 'package.json'),
    '{ "type": "module", "packageManager": "pnpm@12.0.1", "config": { "node": "24.0.1" } }',
  )
  await writeFile(join(root, 'pnpm-lock.yaml'), 'one')
  await writeFile(join(root, 'pnpm-workspace.yaml'), '')
  await writeFile(join(root, 'packages/cli/src/main.ts'), PROGRAM)
  await writeFile(join(root, 'npm-cli.cjs'), SCRIPTED_NPM)
  await chmod(root, 0o755)
})
afterEach(() => rm(root, { recursive: true, force: true }))

const start = (args: readonly string[], through: readonly string[] = []) => {
  const env = { ...process.env, npm_execpath: join(root, 'npm-cli.cjs'), TEST_LOG: root, NODE_OPTIONS: '' }
  const child = spawn(process.execPath, [...through, join(root, 'scripts/toolchain.mjs'), ...args], { env })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (printed = `${printed}${chunk}`))
  const ended = new Promise<{ code: number | null; printed: string }>((resolve) =>
    child.on('close', (code) => resolve({ code, printed })),
  )
  const ready = new Promise<void>((resolve) => child.stdout.on('data', () => printed.includes('ready') && resolve()))
  return { child, ended, ready }
}
const run = (...args: readonly string[]) => start(args).ended
const linesOf = async (name: string) =>
  (await readFile(join(root, name), 'utf8').catch(() => '')).split('\n').filter(Boolean)

describe('scripts/toolchain.mjs', () => {
  it('hands every argument to the task and its exit code back', async () => {
    const { code, printed } = await run('demo', '--once', 'two words', '--exit=3')
    expect(printed).toContain('args ["demo","--once","two words","--exit=3"]')
    expect(code).toBe(3)
  })

  it('ends with 128 and the signal that ended the task', async () => {
    expect((await run('weave', '--die')).code).toBe(128 + 9)
  })

  it.each(['SIGTERM', 'SIGINT'] as const)('passes %s on and waits for the task to end', async (signal) => {
    const { child, ended, ready } = start(['weave', '--stay'])
    await ready
    child.kill(signal)
    expect(await ended).toMatchObject({ code: 7, printed: expect.stringContaining(`got ${signal}`) })
  })

  it('ends the task when the npm that started it is gone without passing its signal on', async () => {
    const script = `require('node:child_process').spawn(process.execPath, process.argv.slice(1), { stdio: 'inherit' })`
    const { child, ended, ready } = start(['weave', '--stay'], ['-e', script])
    await ready
    child.kill('SIGKILL')
    expect((await ended).printed).toContain('got SIGTERM')
  })

  it('fetches pinned programs once, without install scripts, and installs again only for another lock file', async () => {
    await run('weave')
    await run('weave')
    expect(await linesOf('npm.log')).toEqual([expect.stringMatching(/--ignore-scripts .*@pnpm\/exe\..*@12\.0\.1$/)])
    expect(await linesOf('pnpm.log')).toEqual([expect.stringContaining('install --frozen-lockfile')])
    await writeFile(join(root, 'pnpm-lock.yaml'), 'two')
    await run('weave')
    expect(await linesOf('npm.log')).toHaveLength(1)
    expect(await linesOf('pnpm.log')).toHaveLength(2)
  })

  it('runs nothing when npm fails, leaves no half folder, and fetches again the next time', async () => {
    await writeFile(join(root, 'npm-fails'), '')
    const { code, printed } = await run('weave')
    expect(code).toBe(1)
    expect(printed).toMatch(/no network[\s\S]*Cannot fetch @pnpm\/exe/)
    expect(printed).not.toContain('args')
    expect(await readdir(join(root, '.cache/toolchain'))).toEqual([])
    await rm(join(root, 'npm-fails'))
    expect((await run('weave')).code).toBe(0)
  })

  it('installs again after an installation that failed', async () => {
    await writeFile(join(root, 'pnpm-fails'), '')
    expect(await run('weave')).toMatchObject({ code: 1, printed: expect.stringContaining('Cannot install') })
    await rm(join(root, 'pnpm-fails'))
    expect((await run('weave')).code).toBe(0)
    expect(await linesOf('pnpm.log')).toHaveLength(2)
  })

  it('names the tasks when it gets another word', async () => {
    expect(await run('toString')).toMatchObject({
      code: 1,
      printed: expect.stringContaining('demo, weave, bench, fuzz, faults, test'),
    })
  })
})

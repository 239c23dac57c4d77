/** The walls of the sandbox, tried from the inside by real programs in real bubblewrap. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { findSandbox, programFolders, sandboxed } from './sandbox.ts'

const isLinux = process.platform === 'linux'
if (!isLinux) console.warn('Left out: bubblewrap runs on Linux only, so nothing here tries the walls of the sandbox')

const MIB = 2 ** 20
const folder = mkdtempSync(join(tmpdir(), 'sandbox-'))
afterAll(() => rmSync(folder, { recursive: true }))
writeFileSync(join(folder, 'given'), 'to be read')
writeFileSync(join(folder, 'secret'), 'not to be read')
const node = realpathSync(process.execPath)

const lineFor = (code: string, over: Partial<Parameters<typeof sandboxed>[0]> = {}) =>
  sandboxed({
    command: ['/node', '--input-type=module', '--eval', code],
    reads: new Map([
      [node, '/node'],
      [join(folder, 'given'), '/given'],
    ]),
    memoryBytes: 1_024 * MIB,
    cpuSeconds: 20,
    ...over,
  })

/** What the code prints, run inside. */
function inside(code: string, over?: Partial<Parameters<typeof sandboxed>[0]>) {
  const [program, ...args] = lineFor(code, over)
  const env = { ...process.env, WEAVE_TEST_TOKEN: 'hidden' }
  const { status, signal, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', env, timeout: 25_000 })
  return { status, signal, stdout: stdout.trim(), stderr }
}

const attempt = (expression: string) =>
  `import fs from 'node:fs'; let said; try { said = String(${expression}) } catch (error) { said = error.code }; console.log(said)`

describe.skipIf(!isLinux)('in the sandbox', () => {
  it('a program runs, and reads what it is given', async () => {
    expect(await findSandbox()).toMatchObject({ name: expect.stringMatching(/^bubblewrap \d/) })
    expect(inside(attempt("fs.readFileSync('/given', 'utf8')")).stdout).toBe('to be read')
  })

  it('there is no network: no interface but an empty loopback, no way to this machine, no names', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const code = `
      import net from 'node:net'; import os from 'node:os'; import dns from 'node:dns/promises'
      const reach = (host, port) => new Promise((done) => {
        const socket = net.connect({ host, port, timeout: 3000 }, () => done('reached'))
        socket.on('error', (error) => done(error.code)); socket.on('timeout', () => done('timeout'))
      })
      console.log(JSON.stringify({
        interfaces: Object.keys(os.networkInterfaces()),
        here: await reach('127.0.0.1', ${port}),
        there: await reach('192.0.2.1', 80),
        name: await dns.lookup('example.org').then(() => 'found', (error) => error.code),
      })); process.exit(0)`
    const outside = execFileSync(node, ['--input-type=module', '--eval', code], { encoding: 'utf8' })
    expect(JSON.parse(outside)).toMatchObject({ here: 'reached' })
    const found = JSON.parse(inside(code).stdout)
    server.close()
    expect(found).toEqual({
      interfaces: expect.not.arrayContaining(['eth0']),
      here: 'ECONNREFUSED',
      there: 'ENETUNREACH',
      name: expect.stringMatching(/^(EAI_AGAIN|ENOTFOUND)$/),
    })
    expect(found.interfaces.filter((each: string) => each !== 'lo')).toEqual([])
  })

  it.each(['/x', '/usr/x', '/given', '/dev/x', '/dev/shm/x', '/proc/x', '/etc/x', '/node', '/home/x'])(
    'nothing can be written at %s',
    (path) => {
      const { stdout } = inside(attempt(`fs.writeFileSync(${JSON.stringify(path)}, 'x')`))
      expect(stdout).toMatch(/^(EROFS|ENOENT|EACCES|EPERM)$/)
    },
  )

  it('/tmp can be written, is its own, and small', () => {
    expect(inside(attempt("fs.writeFileSync('/tmp/x', 'x') ?? fs.readdirSync('/tmp')")).stdout).toBe('x')
    expect(inside(attempt("fs.readdirSync('/tmp').length")).stdout).toBe('0')
    const filling = `let n = 0; for (;;) fs.appendFileSync('/tmp/' + (n++ >> 4), Buffer.alloc(${MIB}))`
    expect(
      inside(`import fs from 'node:fs'; try { ${filling} } catch (error) { console.log(error.code) }`).stdout,
    ).toBe('ENOSPC')
  })

  it.each([
    ['a file beside the one that it is given', join(folder, 'secret')],
    ['accounts', '/etc/passwd'],
    ['the home of root', '/root'],
    ['this repository', import.meta.filename],
  ])('%s cannot be read', (_, path) => {
    expect(inside(attempt(`fs.statSync(${JSON.stringify(path)}).mode`)).stdout).toBe('ENOENT')
  })

  it('nothing of the environment, no power of root, and no other process are there', () => {
    expect(inside(attempt('process.env.WEAVE_TEST_TOKEN')).stdout).toBe('undefined')
    expect(inside(attempt('[process.getuid(), process.getgid()]')).stdout).toBe('65534,65534')
    const powers = inside(
      attempt("fs.readFileSync('/proc/self/status', 'utf8').match(/Cap(Eff|Prm|Bnd):\\t(\\w+)/g)"),
    ).stdout
    expect(powers.match(/\d{16}/g)).toEqual(Array(3).fill('0'.repeat(16)))
    expect(Number(inside(attempt("fs.readdirSync('/proc').filter((name) => name > 0).length")).stdout)).toBeLessThan(4)
    expect(inside(attempt(`process.kill(${process.pid}, 0)`)).stdout).toBe('ESRCH')
  })

  it('memory has an end', () => {
    const code = (count: number) =>
      `const all = []; for (let n = 0; n < ${count}; n++) all.push(Buffer.alloc(${16 * MIB}, 1)); console.log('done')`
    expect(inside(code(8), { memoryBytes: 1_024 * MIB }).stdout).toBe('done')
    const { status, signal, stdout } = inside(code(64), { memoryBytes: 1_024 * MIB })
    expect(stdout).toBe('')
    expect(status !== 0 || signal !== null).toBe(true)
  })

  it('time has an end', () => {
    const startedMs = Date.now()
    const { status, signal } = inside('for (;;);', { cpuSeconds: 1 })
    expect(status !== 0 || signal !== null).toBe(true)
    expect(Date.now() - startedMs).toBeLessThan(20_000)
  })

  it('a program ends when the one that started it is killed', async () => {
    const [program, ...args] = lineFor("console.log('up'); setInterval(() => {}, 1000); // walls-of-a-killed-parent")
    const starter = `
      const { spawn } = require('node:child_process')
      const child = spawn(${JSON.stringify(program)}, ${JSON.stringify(args)}, { stdio: ['pipe', 'inherit', 'inherit'] })`
    const parent = spawn(node, ['--eval', starter], { stdio: ['ignore', 'pipe', 'inherit'] })
    const running = () =>
      readdirSync('/proc').filter((pid) => {
        try {
          const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
          return words.includes('--input-type=module') && words.at(-2)?.includes('walls-of-a-killed-parent')
        } catch {
          return false
        }
      })
    for await (const line of createInterface({ input: parent.stdout })) if (line === 'up') break
    expect(running().length).toBeGreaterThan(0)
    parent.kill('SIGKILL')
    for (const end = Date.now() + 10_000; running().length > 0 && Date.now() < end; ) await sleep(20)
    expect(running()).toEqual([])
  })
})

describe('where there is no sandbox', () => {
  it('says what is missing', async () => {
    const path = process.env['PATH']
    try {
      vi.stubEnv('PATH', folder)
      const why = isLinux ? /no bwrap on this machine.*--unsandboxed/ : /Linux only.*--unsandboxed/
      await expect(findSandbox()).rejects.toThrow(why)
      if (!isLinux) return
      // As where user namespaces are switched off.
      const refusing =
        '#!/bin/sh\n[ "$1" = --version ] && echo bubblewrap 9 && exit\necho \'bwrap: No permissions to create new namespace\' >&2\nexit 1\n'
      writeFileSync(join(folder, 'bwrap'), refusing, { mode: 0o755 })
      await expect(findSandbox()).rejects.toThrow(/no prlimit/)
      vi.stubEnv('PATH', `${folder}:${path}`)
      await expect(findSandbox()).rejects.toThrow(/No permissions to create new namespace.*user namespaces switched on/)
    } finally {
      vi.unstubAllEnvs()
    }
  })
})

it('a program of ours needs its packages, and nothing around them', () => {
  const [packages, modules, ...rest] = programFolders(import.meta.filename)
  expect([packages?.endsWith('packages'), modules?.endsWith('node_modules'), rest]).toEqual([true, true, []])
  expect(programFolders('/usr/lib/node_modules/@mystranet/cli/node_modules/x/y.js')).toEqual(['/usr/lib/node_modules'])
  expect(() => programFolders('/y.js')).toThrow(/installed package/)
})

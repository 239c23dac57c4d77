import { type ChildProcess, fork } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AgentMessage } from '@mystranet/schemas/link'
import { encodeTrustFile } from '@mystranet/sdk/proof/trust-file'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type LoggingRouter, loggingRouter } from './logging-router.ts'

const MAIN = new URL('../src/main.ts', import.meta.url)

/** The agent as a real child process, with a router in this one. */
describe('main', () => {
  let folder: string
  let router: LoggingRouter
  const children: ChildProcess[] = []
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'weave-main-'))
    router = await loggingRouter({ now: () => Date.now() })
    writeFileSync(join(folder, 'trust'), encodeTrustFile(router.trust))
    const slow = { pieces: ['one ', { text: 'two', delayMs: 400 }] }
    const script = {
      hi: { pieces: ['Hello', ' there'] },
      slow,
      die: { pieces: ['he', { fault: 'exit', delayMs: 50 }] },
      canary: { pieces: ['x'] },
    }
    writeFileSync(join(folder, 'script.json'), JSON.stringify(script))
  })
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
    rmSync(folder, { recursive: true })
  })

  function start(env: Record<string, string> = {}) {
    const child = fork(MAIN, {
      serialization: 'advanced',
      execArgv: ['--conditions=@mystranet/source'],
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
      env: {
        PATH: process.env['PATH'],
        WEAVE_AGENT_STATE: join(folder, 'state'),
        WEAVE_AGENT_TRUST: join(folder, 'trust'),
        WEAVE_AGENT_ENGINE: 'scripted',
        WEAVE_AGENT_SCRIPT: join(folder, 'script.json'),
        WEAVE_AGENT_JOURNAL: join(folder, 'journal'),
        WEAVE_AGENT_SLOTS: '2',
        ...env,
      },
    })
    children.push(child)
    const wire = router.connect()
    child.on('message', (message) => wire.link.send(message as AgentMessage))
    void (async () => {
      for await (const message of wire.link.messages) if (child.connected) child.send(message as never)
    })()
    let stderr = ''
    child.stderr?.on('data', (data) => (stderr += data))
    const exited = new Promise<number | string | null>((resolve) =>
      child.once('exit', (code, signal) => resolve(code ?? signal)),
    )
    return { child, exited, stderr: () => stderr }
  }
  const ready = () =>
    router.until(() => router.wire.sent.find((each) => each.type === 'presence' && each.canaryMs !== undefined), 15_000)
  const runs = () =>
    existsSync(join(folder, 'journal'))
      ? readFileSync(join(folder, 'journal'), 'utf8')
          .split('\n')
          .filter((line) => line.endsWith(' start')).length
      : 0

  it('answers, keeps its state for itself, and leaves when it is told to, with code 0', async () => {
    const { child, exited } = start()
    await ready()
    const request = await router.ask('slow')
    const lease = await router.deliver(request)
    await router.until(() => router.framesOf(request).length > 0)
    child.kill('SIGTERM')
    expect(await router.settled(lease)).toBe('finished')
    expect(await router.read(request)).toMatchObject({ text: 'one two', finish: 'STOP' })
    expect(await exited).toBe(0)
    expect(statSync(join(folder, 'state')).mode & 0o077).toBe(0)
  })

  it('when it is killed in the middle, closes the answer as ABORTED after its restart and runs nothing twice', async () => {
    const { exited } = start()
    await ready()
    const request = await router.ask('die')
    await router.deliver(request)
    expect(await exited).toBe(70)
    expect(router.finishes(request)).toEqual([])
    const { child, exited: left } = start()
    await ready()
    await router.until(() => router.finishes(request)[0] === 'ABORTED')
    await router.settled(await router.deliver(request))
    expect(runs()).toBe(1)
    const next = await router.ask('hi')
    await router.settled(await router.deliver(next))
    expect(await router.read(next)).toMatchObject({ text: 'Hello there', finish: 'STOP' })
    child.kill('SIGTERM')
    expect(await left).toBe(0)
  })

  it('leaves at once when its parent is gone', async () => {
    const { child, exited } = start()
    await ready()
    await router.deliver(await router.ask('slow'))
    const before = performance.now()
    child.disconnect()
    expect(await exited).toBe(0)
    expect(performance.now() - before).toBeLessThan(2_000)
  })

  it('names every fault of its configuration and leaves with code 2', async () => {
    const { exited, stderr } = start({ WEAVE_AGENT_ENGINE: 'magic', WEAVE_AGENT_TRUST: '' })
    expect(await exited).toBe(2)
    expect(stderr()).toMatch(/WEAVE_AGENT_TRUST is absent.*WEAVE_AGENT_ENGINE is "magic"/)
  })

  it('refuses to run a model that its trust file wants authorized', async () => {
    writeFileSync(join(folder, 'trust'), encodeTrustFile({ ...router.trust, required: new Set(['authorization']) }))
    const { exited, stderr } = start()
    expect(await exited).toBe(1)
    expect(stderr()).toMatch(/NOT_PERMITTED/)
    expect(router.sent().filter(({ type }) => type === 'hello')).toEqual([])
  })

  it('leaves with code 1 when the state belongs to another process', async () => {
    start()
    await ready()
    const { exited, stderr } = start()
    expect(await exited).toBe(1)
    expect(stderr()).toMatch(/STORE_FAILED/)
  })
})

/** `weave up` from outside: what a user, a script and an unlucky operator see. */
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseSavedAnswer } from '@mystranet/sdk'
import { encodeReceipt, exportReceipt, type Receipt } from '@mystranet/sdk/proof/receipt'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../../../scripts/runtime/free-port.ts'
import { ended, type Place, place, slowly, spawnWeave, type Up, until, weave } from './weave.ts'

describe('asking and verifying', () => {
  let here: Place
  let up: Up
  beforeAll(async () => {
    here = await place({
      canary: { pieces: ['ok'] },
      'Why is the sky blue?': { pieces: ['Because', ' of', ' scattering.'] },
      '*': { pieces: ['Else.'] },
    })
    up = await here.up()
  })
  afterAll(() => here.remove())

  test('ask streams the answer to stdout, the verdict to stderr, and exits 0', async () => {
    const { code, stdout, stderr } = await here.weave(
      'ask',
      'misty.weave',
      'Why is the sky blue?',
      '--save',
      here.path('a.weave'),
    )
    expect(stdout).toBe('Because of scattering.\n')
    expect(stderr).toContain('VERIFIED under "local"')
    expect(stderr.match(/✓/g)?.length).toBeGreaterThanOrEqual(20)
    expect(stderr).toMatch(/–\s+registry-entry\s+skipped\s+\(not required\)/)
    expect(code).toBe(0)
  })

  test('verify takes the saved answer, binary and JSON, and prints the proven text', async () => {
    const binary = await here.weave('verify', here.path('a.weave'), '--text')
    expect(binary).toMatchObject({ code: 0, stdout: expect.stringContaining('VERIFIED under "local"') })
    expect(binary.stdout).toContain('Because of scattering.')
    await here.weave('ask', 'misty.weave', 'Hello', '--save', here.path('a.json'))
    const json = await here.weave('verify', here.path('a.json'), '--json')
    expect(JSON.parse(json.stdout)).toMatchObject({ status: 'VERIFIED', answer: { text: 'Else.', finish: 'STOP' } })
  })

  test('a changed byte gives FAILED and exit code 1, in binary and in JSON', async () => {
    const saved = await readFile(here.path('a.weave'))
    const at = saved.lastIndexOf('scattering')
    expect(at).toBeGreaterThan(0)
    saved[at] = (saved[at] as number) ^ 1
    await writeFile(here.path('bad.weave'), saved)
    const bad = await here.weave('verify', here.path('bad.weave'))
    expect(bad).toMatchObject({ code: 1, stdout: expect.stringContaining('FAILED under "local"') })
    expect(bad.stdout).toMatch(/✗\s+answer-commitment/)
    const json = (await readFile(here.path('a.json'), 'utf8')).replace('"version": 1', '"version": 2')
    await writeFile(here.path('bad.json'), json)
    expect(await here.weave('verify', here.path('bad.json'))).toMatchObject({ code: 1 })
  })

  test('verify takes receipts: binary and .tlog-proof; a changed one FAILS', async () => {
    const receipt = parseSavedAnswer(await readFile(here.path('a.weave'))).request.receipt as Receipt
    const proof = exportReceipt(receipt)
    await writeFile(here.path('r.tlog-proof'), proof)
    await writeFile(here.path('r.receipt'), encodeReceipt(receipt))
    for (const name of ['r.tlog-proof', 'r.receipt']) {
      const { code, stdout } = await here.weave('verify', here.path(name), '--json')
      expect(JSON.parse(stdout)).toMatchObject({ status: 'VERIFIED', kind: 'request', attempt: 0 })
      expect(code).toBe(0)
    }
    await writeFile(here.path('bad.tlog-proof'), new TextDecoder().decode(proof).replace('\nindex ', '\nindex 1'))
    expect(await here.weave('verify', here.path('bad.tlog-proof'))).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('FAILED under "local"'),
    })
  })

  test('under another trust file the same answer FAILS', async () => {
    const other = await place({ '*': { pieces: ['x'] } })
    try {
      await (await other.up()).stop()
      const { code, stdout } = await other.weave('verify', here.path('a.weave'))
      expect(code).toBe(1)
      expect(stdout).toMatch(/✗\s+envelope\s+fail\s+NETWORK_MISMATCH|✗\s+checkpoint/)
    } finally {
      await other.remove()
    }
  })

  test('ten questions at once get ten verified answers, each bound to its own request', async () => {
    const asked = await Promise.all(
      Array.from({ length: 10 }, (_, at) => here.weave('ask', 'misty.weave', `Question ${at}`, '--json')),
    )
    expect(asked.map(({ code, stderr }) => ({ code, stderr }))).toEqual(Array(10).fill({ code: 0, stderr: '' }))
    const documents = asked.map(
      ({ stdout }) =>
        JSON.parse(stdout) as { status: string; request: { packetId: string; messages: { content: string }[] } },
    )
    expect(documents.map(({ status }) => status)).toEqual(Array(10).fill('VERIFIED'))
    expect(documents.map(({ request }) => request.messages[0]?.content)).toEqual(asked.map((_, at) => `Question ${at}`))
    expect(new Set(documents.map(({ request }) => request.packetId)).size).toBe(10)
  }, 60_000)

  test('an unknown tag is refused with its code and exit code 1; nothing ran', async () => {
    const before = (await here.journal()).length
    const { code, stderr } = await here.weave('ask', 'nobody.here', 'Hello', '--json')
    expect(code).toBe(1)
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'NO_ROUTE', fate: 'nothing', exit: 1 } })
    expect(await here.journal()).toHaveLength(before)
  })

  test('status says ready, and who runs', async () => {
    const { code, stdout } = await here.weave('status', '--json')
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      ready: true,
      running: { url: up.url },
      table: { version: '1', tags: ['misty.weave'] },
      deadLetters: 0,
    })
  })

  test('a second weave up in the same state folder is refused with exit code 2', async () => {
    const { code, stderr } = await here.weave('up', '--engine', 'scripted', '--port', '0', '--proxy-port', '0')
    expect(code).toBe(2)
    expect(stderr).toContain('a weave up runs in it already')
  })

  test('the page, the verifier and the trust file are served, and the invite in its address enrols one instance', async () => {
    const page = await fetch(up.page)
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect((await fetch(`${up.url}/verifier.html`)).status).toBe(200)
    expect(await (await fetch(`${up.url}/trust`)).text()).toBe(
      await readFile(join(here.state, 'trust/local.trust'), 'utf8'),
    )
    const invite = new URL(up.page).hash.replace('#invite=', '')
    const made = (name: string) =>
      here.weave('keys', 'new', '--identity', here.path(name), '--enrol', '--invite', invite)
    expect(await made('one.identity')).toMatchObject({ code: 0 })
    expect(await here.weave('ask', 'misty.weave', 'Hi', '--identity', here.path('one.identity'))).toMatchObject({
      code: 0,
    })
    const second = await made('two.identity')
    expect(second.code).toBe(1)
    expect(second.stderr).toMatch(/NOT_PERMITTED|KEY_UNKNOWN/)
  })

  test('secrets lie where nobody else can read them, and the router has no operator key', async () => {
    const mode = async (name: string) => (await stat(join(here.state, name))).mode & 0o777
    expect(await mode('.')).toBe(0o700)
    for (const name of [
      'user.identity',
      'proxy.token',
      'admin.sock',
      'operator/operator.seed',
      'router/keys/log.seed',
    ]) {
      expect([name, await mode(name)]).toEqual([name, 0o600])
    }
    const operator = (await readFile(join(here.state, 'operator/operator.seed'), 'utf8')).trim()
    for (const name of ['log', 'witness', 'nexus']) {
      expect((await readFile(join(here.state, `router/keys/${name}.seed`), 'utf8')).trim()).not.toBe(operator)
    }
  })

  test('keys: show, rotate, ask with the new key, revoke it, be refused, rotate again', async () => {
    const shown = async () =>
      JSON.parse((await here.weave('keys', 'show', '--json')).stdout) as { packet: string; known: boolean }
    const before = await shown()
    expect(before.known).toBe(true)
    const unknown = await here.weave('keys', 'revoke', 'ab'.repeat(32))
    expect(unknown.stderr).toContain('it is none of this identity')
    expect(unknown.code).toBe(2)
    expect(await shown()).toEqual(before)
    expect(await here.weave('keys', 'rotate')).toMatchObject({ code: 0 })
    const after = await shown()
    expect(after.packet).not.toBe(before.packet)
    expect(await here.weave('ask', 'misty.weave', 'Hi')).toMatchObject({ code: 0 })
    expect(await here.weave('keys', 'revoke', after.packet)).toMatchObject({ code: 0 })
    const refused = await here.weave('ask', 'misty.weave', 'Hi')
    expect(refused.stderr).toContain('KEY_REVOKED')
    expect(refused.code).toBe(1)
    expect(await here.weave('keys', 'rotate')).toMatchObject({ code: 0 })
    expect(await here.weave('ask', 'misty.weave', 'Hi')).toMatchObject({ code: 0 })
  }, 60_000)

  test('SIGTERM drains and exits 0; what is asked afterwards finds nobody: exit code 4', async () => {
    const ended = up.stop()
    process.kill(up.pid, 'SIGINT')
    expect(await ended).toBe(0)
    expect(await here.weave('ask', 'misty.weave', 'Hi')).toMatchObject({ code: 4 })
    expect(await here.weave('status')).toMatchObject({ code: 4 })
    expect(await here.weave('verify', here.path('a.weave'))).toMatchObject({ code: 0 })
  })
})

describe('what goes wrong', () => {
  let here: Place
  beforeAll(async () => {
    here = await place({
      canary: { pieces: ['ok'] },
      slow: slowly(1_000, 50),
      once: slowly(20, 50),
      '*': { pieces: ['Else.'] },
    })
  })
  afterAll(() => here.remove())
  const count = async (what: string) => (await here.journal()).filter((line) => line.endsWith(what)).length

  test('Ctrl-C in weave ask stops the model within 250 ms, and exits 130', async () => {
    const up = await here.up()
    const stop = async (): Promise<number> => {
      const before = await count('cancelled')
      const child = spawnWeave(['ask', 'misty.weave', 'slow', '--state', here.state])
      await new Promise((resolve) => child.stdout?.once('data', resolve))
      const exit = new Promise((resolve) => child.once('close', resolve))
      const stoppedMs = performance.now()
      child.kill('SIGINT')
      await until('the engine stopped', async () => (await count('cancelled')) > before)
      const tookMs = performance.now() - stoppedMs
      expect(await exit).toBe(130)
      return tookMs
    }
    // The best of three: a busy machine may stand still for a moment.
    let tookMs = await stop()
    for (let tries = 1; tries < 3 && tookMs >= 250; tries++) tookMs = await stop()
    expect(tookMs).toBeLessThan(250)
    await up.stop()
  })

  test('an abandoned answer stops the engine', async () => {
    const up = await here.up([], { env: { WEAVE_ABANDON_MS: '1000' } })
    const before = await count('cancelled')
    const child = spawnWeave(['ask', 'misty.weave', 'slow', '--state', here.state])
    await new Promise((resolve) => child.stdout?.once('data', resolve))
    // Without a word: no CANCEL is sent.
    child.kill('SIGKILL')
    await until('the engine stopped', async () => (await count('cancelled')) > before, 5_000)
    await up.stop()
  }, 60_000)

  test('an agent is killed: its answer ends as an error, what was pending is answered once', async () => {
    // One packet at a time: the second waits at the router.
    const up = await here.up([], { env: { WEAVE_AGENT_MAX_RUNNING: '1' } })
    const started = await count('start')
    const running = weaveAsk('slow')
    await until('text came', () => running.text() !== '')
    const pending = weaveAsk('once')
    await until('the second was taken in', async () => (await metric(up, 'weave_queue_waiting')) === 2)
    const { agentPid } = await statusOf()
    process.kill(agentPid, 'SIGKILL')
    const cut = await running.ended
    expect(cut.stderr).toContain('INTERRUPTED')
    expect(cut.code).toBe(5)
    const answered = await pending.ended
    expect(answered).toMatchObject({ code: 0, stderr: expect.stringContaining('VERIFIED under "local"') })
    expect(answered.stdout.trim().split(' ')).toHaveLength(20)
    expect((await count('start')) - started).toBe(2)
    expect((await statusOf()).agentPid).not.toBe(agentPid)
    await up.stop()
  }, 90_000)

  test('killed -9 and started again, nothing that had a receipt is lost, and nothing runs twice', async () => {
    const env = { WEAVE_AGENT_MAX_RUNNING: '1' }
    const port = String(await freePort())
    const first = await here.up(['--port', port], { env })
    const running = weaveAsk('slow')
    await until('text came', () => running.text() !== '')
    const started = await count('start')
    const pending = weaveAsk('once')
    await until('the second was taken in', async () => (await metric(first, 'weave_queue_waiting')) === 2)
    await first.stop('SIGKILL')
    // Same folder, same address: those who ask go on where their connection was cut.
    const second = await here.up(['--port', port], { env })
    const cut = await running.ended
    expect(cut.stderr).toContain('INTERRUPTED')
    expect(cut.code).toBe(5)
    expect(await pending.ended).toMatchObject({ code: 0, stderr: expect.stringContaining('VERIFIED under "local"') })
    expect((await count('start')) - started).toBe(1)
    expect(JSON.parse((await here.weave('status', '--json')).stdout)).toMatchObject({ table: { version: '1' } })
    await second.stop()
  }, 90_000)

  test('a packet that no agent takes becomes a dead letter: listed, shown, dropped, and never run', async () => {
    const env = { WEAVE_ACCEPT_MS: '1500', WEAVE_LEASE_MS: '500', WEAVE_MAX_DELIVER: '2', WEAVE_BACK_OFF_MS: '50' }
    const up = await here.up([], { env })
    const { agentPid } = await statusOf()
    const started = await count('start')
    process.kill(agentPid, 'SIGSTOP')
    // Dead only when the agent may no longer take it up: there is one candidate, so when the packet expires.
    const asked = await ended(spawnWeave(['ask', 'misty.weave', 'Hello', '--lifetime', '4', '--state', here.state]))
    expect(asked.stderr).toContain('DEAD_LETTERED')
    expect(asked.code).toBe(5)
    const listed = JSON.parse((await here.weave('dead', 'ls', '--json')).stdout) as {
      packet: string
      attempts: unknown[]
    }[]
    expect(listed).toHaveLength(1)
    const packet = listed[0]?.packet as string
    expect((await here.weave('dead', 'show', packet)).stdout).toMatch(/attempt 1\s/)
    const shown = JSON.parse((await here.weave('dead', 'show', packet, '--json')).stdout) as { projection: object }
    expect(shown.projection).toMatchObject({ Transaction_Hash_ID: packet, NLD_Directive_Type: 'REQUEST' })
    expect(await here.weave('dead', 'replay', packet)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('PACKET_EXPIRED'),
    })
    expect(await here.weave('dead', 'drop', packet)).toMatchObject({ code: 0 })
    expect(JSON.parse((await here.weave('dead', 'ls', '--json')).stdout)).toEqual([])
    expect(await here.weave('dead', 'drop', packet)).toMatchObject({ code: 2 })
    // It held two deliveries all the while, and runs none of them now.
    process.kill(agentPid, 'SIGCONT')
    await until('it is back', async () => (await statusOf()).ready)
    expect(await count('start')).toBe(started)
    await up.stop()
  }, 90_000)

  test('--engine openai runs a model behind any such server, here behind another weave', async () => {
    const behind = await here.up()
    const front = await place()
    try {
      await writeFile(front.path('key'), `${behind.token}\n`)
      await front.up(['--engine', 'openai', '--url', behind.proxyUrl, '--api-key-file', front.path('key')])
      const { code, stdout } = await front.weave('ask', 'misty.weave', 'Hello', '--json')
      expect(code).toBe(0)
      expect(JSON.parse(stdout)).toMatchObject({
        text: 'Else.',
        status: 'VERIFIED',
        answer: { model: { engine: 'openai' } },
      })
    } finally {
      await front.remove()
      await behind.stop()
    }
  }, 60_000)

  test('other tags give the next version of the table', async () => {
    const up = await here.up(['--tag', 'misty.weave', '--tag', 'second'])
    expect(JSON.parse((await here.weave('status', '--json')).stdout)).toMatchObject({
      table: { version: '2', tags: ['misty.weave', 'second'] },
    })
    expect(await here.weave('ask', 'second', 'Hello')).toMatchObject({ code: 0, stdout: 'Else.\n' })
    await up.stop()
  })

  function weaveAsk(question: string) {
    const child = spawnWeave(['ask', 'misty.weave', question, '--state', here.state])
    let stdout = ''
    let stderr = ''
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    const done = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) =>
      child.once('close', (code) => resolve({ code, stdout, stderr })),
    )
    return { text: () => stdout, ended: done }
  }
  async function metric(up: Up, name: string) {
    const text = await (await fetch(`${up.url}/metrics`)).text()
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
  }
  async function statusOf() {
    return JSON.parse((await here.weave('status', '--json')).stdout) as {
      agentPid: number
      ready: boolean
      agents: { running: number; queued: number }[]
    }
  }
})

test('wrong settings are listed all at once, with exit code 2', async () => {
  const { code, stderr } = await weave(['up', '--port', '99999', '--tag', 'Not A Tag', '--engine', 'magic'])
  expect(code).toBe(2)
  expect(stderr.split('\n').filter((line) => line.includes('wanted'))).toHaveLength(3)
})

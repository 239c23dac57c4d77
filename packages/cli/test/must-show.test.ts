/** `weave up` from outside, against what would hurt most: lost receipts, mixed-up answers, changed bytes, an older world. */
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createClient, examine, parseTrustFile, type Verdict } from '@mystranet/sdk'
import { toHex } from '@mystranet/sdk/bytes'
import { parsePacket } from '@mystranet/sdk/envelope'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../../../scripts/runtime/free-port.ts'
import { readIdentity } from '../src/session.ts'
import { type Place, place, slowly, type Up, until } from './weave.ts'

const TEN = Array.from({ length: 10 }, (_, i) => i)

let here: Place
beforeAll(async () => {
  here = await place({
    canary: { pieces: ['ok'] },
    slow: slowly(1_000, 50),
    brief: { pieces: ['Because.'] },
    ...Object.fromEntries(
      TEN.map((i) => [`Question ${i}`, { pieces: [`Answer `, { text: `${i}`, delayMs: 10 * (10 - i) }, '.'] }]),
    ),
    ...Object.fromEntries(TEN.map((i) => [`pending ${i}`, { pieces: [`Kept ${i}.`] }])),
  })
})
afterAll(() => here.remove())

const trustOf = async () => parseTrustFile(new Uint8Array(await readFile(join(here.state, 'trust/local.trust'))))
const starts = async () => (await here.journal()).filter((line) => line.endsWith(' start')).length

/** A client of the SDK in this process, as the state folder's own user; keeps what it sent and what came back for it. */
async function client(url: string) {
  const sent: { readonly bytes: Uint8Array; readonly receipt: Uint8Array }[] = []
  const made = createClient({
    router: url,
    identity: await readIdentity({ state: here.state, identity: undefined, passphraseFile: undefined }),
    trust: await trustOf(),
    async fetch(input, init) {
      const response = await fetch(input, init)
      if (response.ok && input.endsWith('/v1/packets')) {
        const bytes = new Uint8Array(init.body as ArrayBuffer).slice()
        sent.push({ bytes, receipt: new Uint8Array(await response.clone().arrayBuffer()) })
      }
      return response
    },
  })
  await made.enrol()
  const ask = (content: string) => made.ask({ to: 'misty.weave', messages: [{ role: 'user', content }] })
  return { ask, sent }
}

async function proxied(up: Up, content: string) {
  const response = await fetch(`${up.proxyUrl}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${up.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'misty.weave', messages: [{ role: 'user', content }] }),
  })
  const { choices } = (await response.json()) as { choices: { message: { content: string } }[] }
  const { headers } = response
  return {
    text: choices[0]?.message.content,
    verdict: headers.get('x-weave-verdict'),
    id: headers.get('x-weave-packet-id'),
  }
}

test('ten questions at once get their own ten answers, each verified', async () => {
  const up = await here.up([], { env: { WEAVE_AGENT_SLOTS: '4' } })
  const before = await starts()
  const answers = await Promise.all(TEN.map((i) => proxied(up, `Question ${i}`)))
  expect(answers.map(({ text }) => text)).toEqual(TEN.map((i) => `Answer ${i}.`))
  expect(answers.map(({ verdict }) => verdict)).toEqual(TEN.map(() => 'VERIFIED under "local"'))
  expect(new Set(answers.map(({ id }) => id)).size).toBe(10)
  expect((await starts()) - before).toBe(10)
  await up.stop()
}, 60_000)

test('killed -9 with ten receipts given: the same packets get the same receipts, and each is answered once', async () => {
  const env = { WEAVE_AGENT_MAX_RUNNING: '1' }
  const args = ['--port', String(await freePort())]
  const first = await here.up(args, { env })
  const before = await starts()
  const { ask, sent } = await client(first.url)
  const running = ask('slow').verified.catch((error: unknown) => error)
  await until('it runs', async () => (await starts()) > before)
  const pending = TEN.map((i) => ask(`pending ${i}`))
  const texts = pending.map((answer) => answer.verified.then(({ text, verdict }) => [text, verdict.line]))
  await Promise.all(pending.map(({ packetId }) => packetId))
  await first.stop('SIGKILL')
  const given = sent.filter(({ bytes }) => parsePacket(bytes).kind === 'REQUEST')
  expect(given).toHaveLength(11)
  const second = await here.up(args, { env })
  for (const { bytes, receipt } of given) {
    const again = await fetch(`${second.url}/v1/packets`, { method: 'POST', body: bytes.slice() })
    expect([again.status, toHex(new Uint8Array(await again.arrayBuffer()))]).toEqual([200, toHex(receipt)])
  }
  expect(await Promise.all(texts)).toEqual(TEN.map((i) => [`Kept ${i}.`, 'VERIFIED under "local"']))
  expect(await running).toMatchObject({ code: 'INTERRUPTED' })
  expect((await starts()) - before).toBe(11)
  await second.stop()
}, 90_000)

describe('a saved answer', () => {
  test('with a byte flipped is never VERIFIED, unless all that it shows is unchanged', async () => {
    const up = await here.up()
    expect(await here.weave('ask', 'misty.weave', 'brief', '--save', here.path('a.weave'))).toMatchObject({ code: 0 })
    await up.stop()
    const trust = await trustOf()
    const whole = new Uint8Array(await readFile(here.path('a.weave')))
    const shown = ({ request, answer }: Verdict) =>
      JSON.stringify([request, answer], (_, value) =>
        String(value) === '[object Object]' || Array.isArray(value) ? value : String(value),
      )
    const truth = await examine(whole, trust)
    expect(truth.line).toBe('VERIFIED under "local"')
    expect(truth.answer?.text).toBe('Because.')
    const believed: number[] = []
    // All of them are the SDK's own test; here every seventh of a file that a real router and agent made.
    for (let at = 0; at < whole.length; at += 7) {
      const flipped = whole.slice()
      flipped[at] = (flipped[at] as number) ^ (1 << (at % 8))
      const verdict = await examine(flipped, trust)
      if (verdict.status === 'VERIFIED' && shown(verdict) !== shown(truth)) believed.push(at)
      if (verdict.status === 'VERIFIED') expect(verdict.line).toBe('VERIFIED under "local"')
    }
    expect(believed).toEqual([])
  }, 120_000)
})

describe('an older or another world', () => {
  test('a router restored from a backup is refused by those who saw more: CHECKPOINT_ROLLED_BACK, and nothing runs', async () => {
    const first = await here.up()
    expect(await here.weave('ask', 'misty.weave', 'brief')).toMatchObject({ code: 0 })
    await first.stop()
    await cp(join(here.state, 'router'), here.path('backup'), { recursive: true })
    const second = await here.up()
    for (let i = 0; i < 2; i++) expect(await here.weave('ask', 'misty.weave', 'brief')).toMatchObject({ code: 0 })
    await second.stop()
    await rm(join(here.state, 'router'), { recursive: true })
    await cp(here.path('backup'), join(here.state, 'router'), { recursive: true })
    const third = await here.up([], { waits: false })
    const before = await starts()
    const { code, stderr } = await here.weave('ask', 'misty.weave', 'brief', '--json')
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'CHECKPOINT_ROLLED_BACK' } })
    expect(code).not.toBe(0)
    expect(await starts()).toBe(before)
    await third.stop()
  }, 90_000)

  test('a log whose entries were changed is not opened, and weave up says why', async () => {
    const folder = join(here.state, 'router', 'wal')
    const [name] = (await readdir(folder)).filter((each) => each.endsWith('.wal')).toSorted()
    const path = join(folder, name as string)
    const bytes = await readFile(path)
    const at = bytes.length >> 1
    bytes[at] = (bytes[at] as number) ^ 1
    await writeFile(path, bytes)
    const { code, stderr } = await here.weave(
      'up',
      '--json',
      '--engine',
      'scripted',
      '--port',
      '0',
      '--proxy-port',
      '0',
    )
    expect(code).not.toBe(0)
    expect(JSON.parse(stderr)).toMatchObject({
      error: { code: 'STORE_FAILED', message: expect.stringContaining('Cannot open the write-ahead log') },
    })
  }, 60_000)
})

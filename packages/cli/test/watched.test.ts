/** What `weave up` says of packets and of traffic beside its log: a gap in a sender's numbers, volumes that nothing accounts for. */
import { createSocket } from 'node:dgram'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { decode, encode, Header, HeaderCore, Packet } from '@mystranet/schemas/messages'
import { createClient, parseTrustFile } from '@mystranet/sdk'
import { toHex } from '@mystranet/sdk/bytes'
import { PAYLOAD_TYPES, pae } from '@mystranet/sdk/envelope'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { StatusDocument } from '../src/admin/app.ts'
import type { FindingsDocument } from '../src/admin/findings.ts'
import { readIdentity } from '../src/session.ts'
import { netflow5 } from './flow.ts'
import { ended, type Place, place, spawnWeave, type Up, until } from './weave.ts'

let here: Place
let up: Up
beforeAll(async () => {
  here = await place({ canary: { pieces: ['ok'] }, '*': { pieces: ['An answer.'] } })
  up = await here.up()
}, 60_000)
afterAll(() => here.remove())

const findings = async () =>
  (JSON.parse((await here.weave('findings', 'ls', '--json')).stdout) as FindingsDocument).findings.filter(({ type }) =>
    type.startsWith('log.'),
  )
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** The state folder's user, who asks once and then sends packets with numbers of a test's choice. */
async function numberedSender() {
  const { state } = here
  const identity = await readIdentity({ state, identity: undefined, passphraseFile: undefined })
  let first: Uint8Array = new Uint8Array()
  const client = createClient({
    router: up.url,
    identity,
    trust: parseTrustFile(new Uint8Array(await readFile(join(state, 'trust/local.trust')))),
    async fetch(input, init) {
      if (input.endsWith('/v1/packets')) first = new Uint8Array(init.body as ArrayBuffer).slice()
      return fetch(input, init)
    },
  })
  await client.enrol()
  const answer = client.ask({ to: 'misty.weave', messages: [{ role: 'user', content: 'one' }] })
  for await (const part of answer) expect(part).toBe('An answer.')
  const packet = decode(Packet, first)
  const header = decode(Header, packet.header)
  const core = decode(HeaderCore, header.core)
  return {
    key: toHex(core.senderKey),
    /** The same content once more; what an agent makes of it is no matter here. */
    async send(ahead: bigint) {
      const next = { ...core, seq: core.seq + ahead, correlationId: crypto.getRandomValues(new Uint8Array(16)) }
      const bytes = encode(Header, { ...header, core: encode(HeaderCore, next) })
      const signature = await identity.packet.sign(pae(PAYLOAD_TYPES.packet, bytes))
      const body = encode(Packet, { ...packet, header: bytes, signature })
      expect((await fetch(`${up.url}/v1/packets`, { method: 'POST', body })).status).toBeLessThan(300)
    },
  }
}

test('numbers of a sender that are neither in the log nor refused become a finding, and an honest sender gives none', async () => {
  const sender = await numberedSender()
  // Its leaf is read by then; and the next number follows.
  await pause(4_000)
  await sender.send(1n)
  await pause(4_000)
  expect(await findings()).toEqual([])
  // Behind the window of 2,048 numbers nobody can hand them in any more.
  await sender.send(3_000n)
  await until('the gap is told', async () => (await findings()).some(({ type }) => type === 'log.sequence-gap'), 30_000)
  const [gap, ...others] = await findings()
  expect(gap).toMatchObject({ type: 'log.sequence-gap', source: sender.key })
  expect(others).toEqual([])
  const shown = JSON.parse((await here.weave('findings', 'show', gap?.id as string, '--json')).stdout)
  // Of the numbers 2 to 2,999 after the first one, those that fell out of the window.
  expect(shown.content.detail.evidence).toEqual({ missing: 950 })
}, 90_000)

const HOUR_MS = 3_600_000

test('traffic of an agent that its packets do not account for becomes a finding, and nothing else does', async () => {
  const other = await place({ canary: { pieces: ['ok'] }, '*': { pieces: ['An answer.'] } })
  const clock = pathToFileURL(join(import.meta.dirname, 'later-clock.mjs')).href
  const env = { NODE_OPTIONS: `--import=${clock}`, LATER_CLOCK: other.path('later') }
  const socket = createSocket('udp4')
  try {
    await other.up([], { env })
    expect((await other.weave('ask', 'misty.weave', 'a question')).code).toBe(0)
    const status = JSON.parse((await other.weave('status', '--json')).stdout) as StatusDocument
    const { instance } = status.agents[0] as { instance: string }
    const collector = spawnWeave(
      ['collect', '--listen', '127.0.0.1:0', '--tell', '--agent', `192.0.2.7=${instance}`, '--state', other.state],
      env,
    )
    const over = ended(collector)
    const port = await new Promise<number>((resolve) => {
      collector.stderr?.on('data', (text: string) => {
        const [, found] = /Receiving on 127\.0\.0\.1:(\d+)/.exec(text) ?? []
        if (found !== undefined) resolve(Number(found))
      })
    })
    // Five minutes into the first whole hour of this weave up.
    let ahead = (Math.floor(Date.now() / HOUR_MS) + 1) * HOUR_MS + 300_000 - Date.now()
    await writeFile(other.path('later'), `${ahead}`)
    await pause(1_000)
    const flow = {
      source: [192, 0, 2, 7],
      destination: [203, 0, 113, 5],
      bytes: 50_000_000,
      sentMs: Date.now() + ahead,
    }
    socket.send(netflow5(flow), port, '127.0.0.1')
    // Of a stranger's address nobody is told.
    socket.send(netflow5({ ...flow, source: [192, 0, 2, 8] }), port, '127.0.0.1')
    let printed = ''
    collector.stdout?.on('data', (text: string) => (printed += text))
    await until('both are printed', () => printed.split('\n').length > 2)
    collector.kill('SIGINT')
    const { code, stderr } = await over
    expect(stderr).toMatch(/ofAgents 1, told 1\n/)
    expect(code).toBe(0)
    const findings = async () =>
      (JSON.parse((await other.weave('findings', 'ls', '--json')).stdout) as FindingsDocument).findings
    expect(await findings()).toEqual([])
    // The hour is over, and what exporters are late by.
    ahead += 70 * 60_000
    await writeFile(other.path('later'), `${ahead}`)
    await until('it is told', async () => (await findings()).length > 0, 30_000)
    // And four minutes of activity, after which whatever was overdue would have been told.
    for (let i = 0; i < 6; i++) {
      ahead += 40_000
      await writeFile(other.path('later'), `${ahead}`)
      await pause(1_500)
    }
    expect(await findings()).toMatchObject([{ type: 'log.flow-unlogged', source: instance }])
  } finally {
    socket.close()
    await other.remove()
  }
}, 120_000)

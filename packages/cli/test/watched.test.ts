/** What `weave up` says of packets and of traffic beside its log: a gap in a sender's numbers, volumes that nothing accounts for. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decode, encode, Header, HeaderCore, Packet } from '@mystranet/schemas/messages'
import { createClient, parseTrustFile } from '@mystranet/sdk'
import { toHex } from '@mystranet/sdk/bytes'
import { PAYLOAD_TYPES, pae } from '@mystranet/sdk/envelope'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { FindingsDocument } from '../src/admin/findings.ts'
import { readIdentity } from '../src/session.ts'
import { type Place, place, type Up, until } from './weave.ts'

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

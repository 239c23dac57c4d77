/** Packets of every make through `weave up` and its agent's process: post-quantum, in a session, in a batch. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Answer, createClient, parseSavedAnswer, parseTrustFile } from '@mystranet/sdk'
import { equalBytes } from '@mystranet/sdk/bytes'
import { type ParsedPacket, parsePacket } from '@mystranet/sdk/envelope'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readIdentity } from '../src/session.ts'
import { type Place, place, type Up, until } from './weave.ts'

const THREE = ['one', 'two', 'three']
const VERIFIED = 'VERIFIED under "local"'

const places: Place[] = []
async function newPlace(): Promise<Place> {
  const made = await place({
    canary: { pieces: ['ok'] },
    ...Object.fromEntries(THREE.map((name) => [name, { pieces: [`answer ${name}`, '.'] }])),
  })
  places.push(made)
  return made
}

let here: Place
let up: Up
beforeAll(async () => {
  here = await newPlace()
  up = await here.up()
}, 60_000)
afterAll(() => Promise.all(places.map((each) => each.remove())))

/** A client of the SDK as the state folder's own user, and the requests that it sent. */
async function clientOf({ url }: Up = up, { state }: Place = here) {
  const sent: ParsedPacket[] = []
  const client = createClient({
    router: url,
    identity: await readIdentity({ state, identity: undefined, passphraseFile: undefined }),
    trust: parseTrustFile(new Uint8Array(await readFile(join(state, 'trust/local.trust')))),
    async fetch(input, init) {
      if (input.endsWith('/v1/packets')) sent.push(parsePacket(new Uint8Array(init.body as ArrayBuffer).slice()))
      return fetch(input, init)
    },
  })
  await client.enrol()
  return { client, sent }
}

const about = (content: string) => ({ messages: [{ role: 'user' as const, content }] })
const to = 'misty.weave'

async function read(answer: Answer): Promise<{ text: string; line: string }> {
  let text = ''
  for await (const part of answer) text += part
  return { text, line: (await answer.verified).verdict.line }
}

test('a question that is sealed against quantum computers is opened, answered and verified', async () => {
  const { client, sent } = await clientOf()
  const answer = client.ask({ to, ...about('one'), postQuantum: true })
  expect(await read(answer)).toEqual({ text: 'answer one.', line: VERIFIED })
  expect([sent[0]?.core.suite, sent[0]?.recipients?.recipients[0]?.enc?.length]).toEqual([2, 1_120])
  expect(parseSavedAnswer(await answer.saved).open).toBeDefined()
  expect(await read(client.ask({ to, ...about('two'), postQuantum: 'prefer' }))).toMatchObject({ line: VERIFIED })
  expect(await read(client.ask({ to, ...about('three') }))).toMatchObject({ line: VERIFIED })
  expect(sent.map(({ core }) => core.suite)).toEqual([2, 2, 1])
}, 60_000)

test('without such a key a post-quantum question is not sealed to another; one that prefers it is', async () => {
  const other = await newPlace()
  const { client, sent } = await clientOf(await other.up([], { env: { WEAVE_AGENT_SUITES: '1' } }), other)
  const answer = client.ask({ to, ...about('one'), postQuantum: true })
  await expect(answer.verified).rejects.toThrow(/none of 1 candidates has a live prekey of suite 2/)
  expect(sent).toEqual([])
  expect(await read(client.ask({ to, ...about('one'), postQuantum: 'prefer' }))).toMatchObject({ line: VERIFIED })
}, 60_000)

test('an agent that has only a post-quantum key is sealed to with it', async () => {
  const other = await newPlace()
  const { client, sent } = await clientOf(await other.up([], { env: { WEAVE_AGENT_SUITES: '2' } }), other)
  expect(await read(client.ask({ to, ...about('one') }))).toMatchObject({ line: VERIFIED })
  expect(sent[0]?.core.suite).toBe(2)
}, 60_000)

test.each([false, true])(
  'three questions of one session cost one encapsulation (post-quantum: %s), each is verified',
  async (postQuantum) => {
    const { client, sent } = await clientOf()
    const session = client.session(to)
    for (const name of THREE) {
      expect(await read(session.ask({ ...about(name), postQuantum }))).toEqual({
        text: `answer ${name}.`,
        line: VERIFIED,
      })
    }
    const [first, ...rest] = sent
    expect(first?.core.session).toBeUndefined()
    for (const { core, recipients } of rest) {
      expect(equalBytes(core.session ?? new Uint8Array(0), first?.id ?? new Uint8Array(0))).toBe(true)
      expect(recipients?.recipients.map(({ enc }) => enc)).toEqual([undefined])
    }
  },
  60_000,
)

test('a session that its agent lost is refused without a run, and the next question begins another', async () => {
  const other = await newPlace()
  const before = await other.up()
  const { client, sent } = await clientOf(before, other)
  const session = client.session(to)
  await read(session.ask(about('one')))
  const port = new URL(before.url).port
  await before.stop()
  const begun = async () => (await other.journal()).filter((line) => line.endsWith(' start')).length
  const count = await begun()
  await other.up(['--port', port])
  await expect(read(session.ask(about('two')))).rejects.toMatchObject({ code: 'SESSION_UNKNOWN' })
  expect(await begun()).toBe(count)
  expect(await read(session.ask(about('three')))).toEqual({ text: 'answer three.', line: VERIFIED })
  expect(sent.map(({ core }) => core.session !== undefined)).toEqual([false, true, false])
}, 60_000)

test('three questions under one signature get their own answers, each is verified', async () => {
  const { client, sent } = await clientOf()
  const ends = async () => (await here.journal()).filter((line) => line.endsWith(' finish')).length
  const before = await ends()
  const answers = client.askAll(THREE.map((name) => ({ to, ...about(name) })))
  expect(await Promise.all(answers.map(read))).toEqual(
    THREE.map((name) => ({ text: `answer ${name}.`, line: VERIFIED })),
  )
  const signatures = new Set(
    sent.map(({ origin }) => ('batch' in origin ? Buffer.from(origin.batch?.signature ?? []).toString('hex') : 'none')),
  )
  expect([sent.length, signatures.size, signatures.has('none')]).toEqual([3, 1, false])
  await until('all ended', async () => (await ends()) === before + 3)
}, 60_000)

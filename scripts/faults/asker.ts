/**
 * The one who asks, a process of its own: questions through the SDK's client, so many at once, each told of when it begins
 * and when it ends. Where it is what is killed, each sealed packet is kept on disk, and the next one goes on with them.
 * Forked by `load.ts`.
 *
 * @module
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { readConfig } from '../../packages/cli/src/config.ts'
import { openSession } from '../../packages/cli/src/session.ts'
import { toHex } from '../../packages/sdk/src/bytes.ts'
import { type Client, createClient } from '../../packages/sdk/src/client.ts'
import { parsePacket } from '../../packages/sdk/src/envelope/parse.ts'
import { isPacketError } from '../../packages/sdk/src/errors.ts'
import type { Fetch } from '../../packages/sdk/src/transport/http.ts'
import { keptAsks } from './kept-ask.ts'
import { QUESTIONS, TAG, textOf } from './script.ts'

/** What one is told to do. */
export type Order = 'pause' | 'resume' | 'finish'

/** What one says. An ask may be sealed twice: then it has two packets. */
export type Word =
  | { readonly type: 'ready' }
  | { readonly type: 'sent'; readonly ask: number }
  | { readonly type: 'packet'; readonly ask: number; readonly packet: string }
  | { readonly type: 'ended'; readonly ask: number; readonly end: End }

/** `short`: shown as whole and proven, and not the text that the engine gives to this question. */
export type End =
  | { readonly as: 'answered' }
  | { readonly as: 'short'; readonly text: string }
  | { readonly as: 'reported'; readonly code: string; readonly message: string }
  | { readonly as: 'broken'; readonly message: string }

/** A packet may wait so long. What is void is stated 30 s later. */
const LIFETIME_MS = 25_000
const CONNECT_POLL_MS = 50
/** A router that starts again listens within this time. */
const HEAD_MS = 40_000

const place = new AsyncLocalStorage<number>()
const say = (word: Word) => void process.send?.(word)

/** Waits while nobody listens: nothing was sent, so nothing is repeated. Everything else is the SDK's own to handle. */
const patient: Fetch = async (input, init) => {
  const ask = place.getStore()
  if (ask !== undefined && init.method === 'POST' && input.endsWith('/v1/packets')) {
    say({ type: 'packet', ask, packet: toHex(parsePacket(init.body as Uint8Array).id) })
  }
  for (;;) {
    try {
      return await fetch(input, init)
    } catch (error) {
      if ((error as { cause?: { code?: string } }).cause?.code !== 'ECONNREFUSED' || init.signal?.aborted) throw error
      await sleep(CONNECT_POLL_MS)
    }
  }
}

type Carry = ReturnType<typeof keptAsks>

const through =
  (client: Client): Carry =>
  async (_number, question) => {
    const answer = client.ask(question)
    let shown = ''
    for await (const text of answer) shown += text
    return { shown, text: (await answer.verified).text }
  }

async function ask(carry: Carry, number: number): Promise<End> {
  const content = QUESTIONS[number % QUESTIONS.length] as string
  try {
    const question = { to: TAG, messages: [{ role: 'user' as const, content }], lifetimeMs: LIFETIME_MS }
    const { shown, text } = await carry(number, question)
    const wanted = textOf(content)
    return text === wanted && shown === wanted ? { as: 'answered' } : { as: 'short', text: `${shown} / ${text}` }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return isPacketError(error) ? { as: 'reported', code: error.code, message } : { as: 'broken', message }
  }
}

/** @param values The last: where packets are kept, or nothing; the last number asked; and those that go on. */
async function main([state, router, width, folder = '', last, left]: readonly string[]): Promise<void> {
  const session = await openSession(readConfig({}, { state, router }))
  const { identity, trust, memory } = session
  const options = { router: session.router, identity, trust, memory: memory.memory }
  const patiently = { ...options, fetch: patient, timeoutMs: HEAD_MS, maxTries: 12 }
  const client = createClient(patiently)
  await client.enrol()
  const carry = folder === '' ? through(client) : keptAsks(folder, patiently)
  const unfinished = JSON.parse(left ?? '[]') as number[]
  let asked = Number(last)
  let order: Order = 'pause'
  process.on('message', (told: Order) => {
    order = told
  })
  process.on('disconnect', () => process.exit(0))
  say({ type: 'ready' })
  const worker = async () => {
    for (;;) {
      const goesOn = unfinished.shift()
      if (goesOn === undefined && order === 'finish') return
      if (goesOn === undefined && order === 'pause') {
        await sleep(20)
        continue
      }
      const number = goesOn ?? ++asked
      if (goesOn === undefined) say({ type: 'sent', ask: number })
      say({ type: 'ended', ask: number, end: await place.run(number, () => ask(carry, number)) })
    }
  }
  await Promise.all(Array.from({ length: Number(width) }, worker))
  process.disconnect()
}

await main(process.argv.slice(2))

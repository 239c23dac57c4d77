/**
 * The one who asks, a process of its own that is never killed: questions through the SDK's client, so many at once, each
 * told of when it begins and when it ends. Forked by `load.ts`.
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
import { QUESTIONS, TAG, textOf } from './script.ts'

/** What one is told to do. */
export type Order = 'pause' | 'resume' | 'finish'

/** What one says. An ask may be sealed twice: then it has two packets. */
export type Word =
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

async function ask(client: Client, number: number): Promise<End> {
  const content = QUESTIONS[number % QUESTIONS.length] as string
  try {
    const answer = client.ask({ to: TAG, messages: [{ role: 'user', content }], lifetimeMs: LIFETIME_MS })
    let shown = ''
    for await (const text of answer) shown += text
    const { text } = await answer.verified
    const wanted = textOf(content)
    return text === wanted && shown === wanted ? { as: 'answered' } : { as: 'short', text: `${shown} / ${text}` }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return isPacketError(error) ? { as: 'reported', code: error.code, message } : { as: 'broken', message }
  }
}

async function main([state, router, width]: readonly string[]): Promise<void> {
  const session = await openSession(readConfig({}, { state, router }))
  const { identity, trust, memory } = session
  const options = { router: session.router, identity, trust, memory: memory.memory }
  const client = createClient({ ...options, fetch: patient, timeoutMs: HEAD_MS, maxTries: 12 })
  await client.enrol()
  let asked = 0
  let order: Order = 'pause'
  process.on('message', (told: Order) => {
    order = told
  })
  process.on('disconnect', () => process.exit(0))
  const worker = async () => {
    while (order !== 'finish') {
      if (order === 'pause') {
        await sleep(20)
        continue
      }
      asked += 1
      const number = asked
      say({ type: 'sent', ask: number })
      say({ type: 'ended', ask: number, end: await place.run(number, () => ask(client, number)) })
    }
  }
  await Promise.all(Array.from({ length: Number(width) }, worker))
  process.disconnect()
}

await main(process.argv.slice(2))

/**
 * Those who mean well, the ones that look as if they did not among them. What is fitted should know the variety of them, so
 * all splits draw from the same values; runs of the test are others all the same.
 *
 * @module
 */
import type { Random } from '../random.ts'
import { type Ask, fetchOf, packetOf, rawSocket, rest, type Stage, until, type Visitor, visitor } from './visitor.ts'

export type Parameters = Readonly<Record<string, number | string>>

export interface Persona {
  /** @param at Number of the run, so that all ways are played. */
  readonly parameters: (random: Random, isUnseen: boolean, at: number) => Parameters
  play(stage: Stage, parameters: Parameters): Promise<unknown>
}

const number = (parameters: Parameters, name: string): number => Number(parameters[name])
const addressOf = (random: Random): string =>
  `127.${random.between(1, 99)}.${random.between(0, 255)}.${random.between(1, 254)}`
const senderOf = (random: Random): number => random.between(1, 2 ** 31)
const many = (count: number, one: (at: number) => Promise<unknown>): Promise<unknown> =>
  Promise.all(Array.from({ length: count }, (_, at) => one(at)))
const choice = (random: Random, ...of: readonly number[]): number => random.pick(of)

/** Waits as long as it is told, and tries again. */
async function patient(stage: Stage, from: Visitor, what: Ask, tries = 6): Promise<number> {
  for (let at = 0; at < tries && !stage.signal.aborted; at++) {
    const { status, retryAfterS } = await from.ask(what)
    if (status !== 429 && status !== 503 && status !== 0) return status
    await rest(stage, Math.max(retryAfterS * 1e3, 250 * 2 ** at) * (0.7 + 0.6 * stage.random.next()))
  }
  return 0
}

/** What the SDK asks for one question. */
async function question(stage: Stage, from: Visitor, sender: number, tokens: number, everyMs: number) {
  const { random } = stage
  await patient(stage, from, { path: '/v1/routes' })
  const body = packetOf(random, sender, random.logBetween(1_200, 20_000))
  await patient(stage, from, { method: 'POST', path: '/v1/packets', body })
  await patient(stage, from, fetchOf(random, tokens, everyMs))
  await patient(stage, from, { path: '/log/checkpoint' })
  for (let i = random.between(0, 6); i > 0; i--) {
    await patient(stage, from, { path: `/log/tile/${random.between(0, 2)}/x${random.between(0, 999)}` })
  }
}

const interactive: Persona = {
  parameters: (random) => ({
    users: choice(random, 5, 15, 40, 8, 25),
    thinkMs: choice(random, 800, 3_000, 1_500, 5_000),
    sharing: choice(random, 1, 6, 3, 10),
  }),
  play(stage, parameters) {
    const { random } = stage
    let address = addressOf(random)
    return many(number(parameters, 'users'), async (at) => {
      if (at % number(parameters, 'sharing') === 0) address = addressOf(random)
      const from = visitor(stage, address)
      const sender = senderOf(random)
      await rest(stage, random.between(0, 5_000))
      await until(stage, async () => {
        await question(stage, from, sender, random.logBetween(5, 80), random.between(5, 60))
        await rest(stage, random.gap(number(parameters, 'thinkMs')))
      })
      from.close()
    })
  },
}

const polling: Persona = {
  parameters: (random) => ({
    pollers: choice(random, 2, 8, 4, 12),
    everyMs: choice(random, 200, 1_000, 400, 2_500),
  }),
  play: (stage, parameters) =>
    many(number(parameters, 'pollers'), async () => {
      const { random } = stage
      const from = visitor(stage, addressOf(random), 2, random.chance(0.7))
      const path = random.pick([
        '/readyz',
        '/health',
        '/metrics',
        '/log/checkpoint',
        '/v1/routes',
        '/v1/keys/absent',
        '/favicon.ico',
      ])
      await until(stage, async () => {
        await from.ask({ path })
        await rest(stage, number(parameters, 'everyMs') * (0.9 + 0.2 * random.next()))
      })
      from.close()
    }),
}

const batch: Persona = {
  parameters: (random) => ({
    workers: choice(random, 4, 16, 8, 32),
    bytes: choice(random, 2_000, 60_000, 8_000, 200_000),
    clients: choice(random, 1, 3, 2),
  }),
  play: (stage, parameters) =>
    many(number(parameters, 'clients'), async () => {
      const { random } = stage
      const workers = number(parameters, 'workers')
      const from = visitor(stage, addressOf(random), workers)
      const sender = senderOf(random)
      await many(workers, () =>
        until(stage, async () => {
          const body = packetOf(random, sender, number(parameters, 'bytes'))
          await patient(stage, from, { method: 'POST', path: '/v1/packets', body })
          await patient(stage, from, fetchOf(random, random.between(2, 20), random.between(2, 30)))
        }),
      )
      from.close()
    }),
}

const streams: Persona = {
  parameters: (random) => ({
    streams: choice(random, 10, 60, 30, 120),
    tokenMs: choice(random, 50, 400, 150, 1_000),
    sharing: choice(random, 1, 10, 4, 30),
  }),
  play(stage, parameters) {
    const { random } = stage
    let address = addressOf(random)
    return many(number(parameters, 'streams'), async (at) => {
      if (at % number(parameters, 'sharing') === 0) address = addressOf(random)
      const from = visitor(stage, address)
      await rest(stage, random.between(0, 8_000))
      await until(stage, async () => {
        await question(stage, from, senderOf(random), random.between(20, 600), number(parameters, 'tokenMs'))
        if (random.chance(0.2)) await from.ask({ ...fetchOf(random, 400, 50), leaveMs: random.between(50, 3_000) })
      })
      from.close()
    })
  },
}

const flashCrowd: Persona = {
  parameters: (random) => ({
    users: choice(random, 60, 200, 120, 300),
    withinMs: choice(random, 1_000, 4_000, 2_000),
    afterMs: choice(random, 5_000, 12_000, 8_000, 15_000),
  }),
  async play(stage, parameters) {
    const { random } = stage
    await rest(stage, number(parameters, 'afterMs'))
    await many(number(parameters, 'users'), async () => {
      await rest(stage, random.between(0, number(parameters, 'withinMs')))
      const from = visitor(stage, addressOf(random))
      await page(stage, from)
      for (let i = random.between(1, 3); i > 0 && !stage.signal.aborted; i--) {
        await question(stage, from, senderOf(random), random.between(5, 60), random.between(5, 50))
        await rest(stage, random.gap(2_000))
      }
      from.close()
    })
  },
}

/** The page and what it loads, at once, as a browser does. */
async function page(stage: Stage, from: Visitor): Promise<void> {
  await from.ask({ path: '/' })
  await many(stage.random.between(3, 8), (at) => from.ask({ path: at === 7 ? '/favicon.ico' : `/asset/a${at}.js` }))
}

/** Reads all of the log, as mirrors and auditors do, as fast as it gets it. */
const mirror: Persona = {
  parameters: (random) => ({
    connections: choice(random, 2, 8, 4),
    tiles: choice(random, 300, 1_500, 700, 1_000),
    pauseMs: choice(random, 0, 20, 5, 10),
  }),
  async play(stage, parameters) {
    const { random } = stage
    const from = visitor(stage, addressOf(random), number(parameters, 'connections'))
    await rest(stage, random.between(0, 10_000))
    let next = 0
    await many(number(parameters, 'connections'), () =>
      until(stage, async () => {
        if (next >= number(parameters, 'tiles')) return rest(stage, 2_000)
        next += 1
        await from.ask({ path: `/log/tile/0/x${String(next).padStart(3, '0')}` })
        return rest(stage, number(parameters, 'pauseMs'))
      }),
    )
    from.close()
  },
}

/** A bad network: heads in two parts, bodies of kilobytes a second, connections opened ahead and left. */
const slowNetwork: Persona = {
  parameters: (random) => ({
    users: choice(random, 4, 12, 8, 20),
    bytesPerS: choice(random, 3_000, 20_000, 5_000, 10_000),
    headMs: choice(random, 150, 1_200, 500, 1_800),
    sharing: choice(random, 1, 3, 2),
  }),
  play(stage, parameters) {
    const { random } = stage
    let address = addressOf(random)
    return many(number(parameters, 'users'), async (at) => {
      if (at % number(parameters, 'sharing') === 0) address = addressOf(random)
      const here = address
      const from = visitor(stage, here, 2)
      const sender = senderOf(random)
      const everyMs = 400
      const piece = Math.ceil((number(parameters, 'bytesPerS') * everyMs) / 1e3)
      await until(stage, async () => {
        const ahead = Array.from({ length: random.between(0, 4) }, () => rawSocket(stage, here))
        await twoPartHead(stage, here, number(parameters, 'headMs') * (0.5 + random.next() / 2))
        const body = packetOf(random, sender, random.logBetween(5_000, 60_000))
        await from.ask({ method: 'POST', path: '/v1/packets', body, piece, everyMs })
        await rest(stage, random.gap(4_000))
        for (const socket of ahead) socket.destroy()
      })
      from.close()
    })
  },
}

async function twoPartHead(stage: Stage, address: string, ms: number): Promise<void> {
  const socket = rawSocket(stage, address)
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.write('GET /v1/routes HTTP/1.1\r\nhost: weave\r\nuser-')
  await rest(stage, ms)
  socket.write('agent: far away\r\nconnection: close\r\n\r\n')
  await closed
}

/** Programs that are broken and mean no harm: an old version whose packets are refused, a key that is not known, a crawler. */
const broken: Persona = {
  parameters: (random) => ({
    programs: choice(random, 1, 5, 3),
    everyMs: choice(random, 1_000, 5_000, 600, 2_500),
    does: random.pick(['malformed', 'unsigned', 'lost', 'crawls']),
  }),
  play: (stage, parameters) =>
    many(number(parameters, 'programs'), async () => {
      const { random } = stage
      const from = visitor(stage, addressOf(random), 2)
      const asks: Readonly<Record<string, () => Ask>> = {
        malformed: () => ({ method: 'POST', path: '/v1/packets', body: new Uint8Array(random.logBetween(500, 5_000)) }),
        unsigned: () => ({ method: 'POST', path: '/v1/packets', body: new Uint8Array(900).fill(0x53) }),
        lost: () => ({ path: `/v1/packets/${'0'.repeat(63)}z/answer` }),
        crawls: () => ({
          path: `/${random.pick(['robots.txt', 'sitemap.xml', 'admin', 'login', '.well-known/x', 'index.html'])}`,
        }),
      }
      await until(stage, async () => {
        for (let i = random.between(1, 4); i > 0; i--) await from.ask(asks[parameters['does'] as string]!())
        await rest(stage, random.gap(number(parameters, 'everyMs')))
      })
      from.close()
    }),
}

export const PERSONAS: Readonly<Record<string, Persona>> = {
  interactive,
  polling,
  batch,
  streams,
  'flash-crowd': flashCrowd,
  mirror,
  'slow-network': slowNetwork,
  broken,
}

/**
 * Slow connections and floods of requests, bounded in connections, rate and time. What was not in a run that anything was
 * fitted on: every value of `unseen`, and of each family one way of doing it.
 *
 * @module
 */
import type { Random } from '../random.ts'
import type { Parameters, Persona } from './benign.ts'
import { type Ask, fetchOf, rawSocket, rest, type Stage, until, visitor } from './visitor.ts'

const number = (parameters: Parameters, name: string): number => Number(parameters[name])
const pickOf = <T>(random: Random, isUnseen: boolean, fitted: readonly T[], unseen: readonly T[]): T =>
  random.pick(isUnseen ? unseen : fitted)
const wayOf = (isUnseen: boolean, at: number, fitted: readonly string[], unseen: readonly string[]): string =>
  isUnseen ? unseen[at % unseen.length]! : fitted[at % fitted.length]!
/** Apart from those of everybody else, so that windows can be labelled. */
const attackerOf = (at: number): string => `127.200.${at >> 8}.${at & 255 || 1}`
const SOURCES = { fitted: [1, 4, 32], unseen: [2, 10, 48] }

const slowHead: Persona = {
  parameters: (random, unseen, at) => ({
    connections: pickOf(random, unseen, [50, 120, 250], [35, 80, 400]),
    dripMs: pickOf(random, unseen, [1_000, 3_000, 10_000], [500, 2_000, 6_000]),
    sources: pickOf(random, unseen, SOURCES.fitted, SOURCES.unseen),
    rampMs: pickOf(random, unseen, [200, 4_000], [1_000, 2_500]),
    does: wayOf(unseen, at, ['drips', 'stops', 'silent'], ['drips', 'stops', 'silent', 'asks-first']),
  }),
  play: (stage, parameters) =>
    connections(stage, parameters, async (socket) => {
      const { does } = parameters
      if (does === 'silent') return rest(stage, 60_000)
      if (does === 'asks-first') {
        socket.write('GET /health HTTP/1.1\r\nhost: weave\r\n\r\n')
        await rest(stage, 300)
      }
      socket.write('GET /v1/routes HTTP/1.1\r\nhost: weave\r\n')
      if (does === 'stops') return rest(stage, 60_000)
      while (!socket.destroyed && !stage.signal.aborted) {
        await rest(stage, number(parameters, 'dripMs'))
        socket.write(`x-${stage.random.between(0, 1e6)}: ${stage.random.between(0, 1e6)}\r\n`)
      }
      return undefined
    }),
}

const slowBody: Persona = {
  parameters: (random, unseen, at) => ({
    connections: pickOf(random, unseen, [50, 120, 250], [35, 80, 400]),
    dripMs: pickOf(random, unseen, [1_000, 5_000], [500, 2_500]),
    bytes: pickOf(random, unseen, [1, 40], [8, 120]),
    sources: pickOf(random, unseen, SOURCES.fitted, SOURCES.unseen),
    rampMs: pickOf(random, unseen, [200, 4_000], [1_000, 2_500]),
    does: wayOf(unseen, at, ['length', 'json'], ['length', 'json', 'chunked']),
  }),
  play: (stage, parameters) =>
    connections(stage, parameters, async (socket) => {
      const { does } = parameters
      const type = does === 'json' ? 'application/json' : 'application/x-protobuf'
      const size = does === 'chunked' ? 'transfer-encoding: chunked' : 'content-length: 1000000'
      socket.write(`POST /v1/packets HTTP/1.1\r\nhost: weave\r\ncontent-type: ${type}\r\n${size}\r\n\r\n`)
      const bytes = 'a'.repeat(number(parameters, 'bytes'))
      while (!socket.destroyed && !stage.signal.aborted) {
        socket.write(does === 'chunked' ? `${bytes.length.toString(16)}\r\n${bytes}\r\n` : bytes)
        await rest(stage, number(parameters, 'dripMs'))
      }
    }),
}

/** Holds so many connections open; one that the server closes is opened again. */
function connections(
  stage: Stage,
  parameters: Parameters,
  hold: (socket: ReturnType<typeof rawSocket>) => Promise<unknown>,
) {
  const count = number(parameters, 'connections')
  const one = async (at: number) => {
    await rest(stage, (number(parameters, 'rampMs') * at) / count)
    await until(stage, async () => {
      const socket = rawSocket(stage, attackerOf(at % number(parameters, 'sources')))
      const closed = new Promise((resolve) => socket.once('close', resolve))
      await Promise.race([hold(socket), closed])
      socket.destroy()
      await rest(stage, 200)
    })
  }
  return Promise.all(Array.from({ length: count }, (_, at) => one(at)))
}

type Flood = (random: Random, parameters: Parameters) => Ask

const GETS: Readonly<Record<string, Flood>> = {
  one: () => ({ path: '/v1/routes' }),
  busting: (random) => ({ path: `/v1/routes?${random.between(0, 1e9)}` }),
  absent: (random) => ({ path: `/${random.between(0, 1e9).toString(36)}` }),
  answers: (random) => ({ ...fetchOf(random, 1, 0), headers: {} }),
  page: (random) => ({ path: random.pick(['/', '/asset/a1.js', '/health', '/readyz']) }),
}

const getFlood: Persona = {
  parameters: (random, unseen, at) => ({
    perS: pickOf(random, unseen, [80, 200, 400], [120, 300]),
    sources: pickOf(random, unseen, SOURCES.fitted, SOURCES.unseen),
    sockets: pickOf(random, unseen, [4, 30], [10, 60]),
    keeps: pickOf(random, unseen, [0, 1], [0, 1]),
    does: wayOf(unseen, at, ['one', 'busting', 'absent', 'answers'], ['one', 'busting', 'absent', 'answers', 'page']),
  }),
  play: (stage, parameters) => flood(stage, parameters, GETS[parameters['does'] as string]!),
}

const POSTS: Readonly<Record<string, Flood>> = {
  garbage: (random, p) => ({ path: '/v1/packets', body: bytesOf(random, number(p, 'bytes')) }),
  unsigned: (_, p) => ({ path: '/v1/packets', body: new Uint8Array(number(p, 'bytes')).fill(0x53) }),
  json: (_, p) => ({
    path: '/v1/packets',
    headers: { 'content-type': 'application/json' },
    body: new TextEncoder().encode(`{"a":"${'x'.repeat(number(p, 'bytes'))}"}`),
  }),
  keys: (random, p) => ({ path: '/v1/keys/none', body: bytesOf(random, number(p, 'bytes')) }),
}

const postFlood: Persona = {
  parameters: (random, unseen, at) => ({
    perS: pickOf(random, unseen, [60, 150, 300], [90, 220]),
    sources: pickOf(random, unseen, SOURCES.fitted, SOURCES.unseen),
    sockets: pickOf(random, unseen, [4, 30], [10, 60]),
    bytes: pickOf(random, unseen, [50, 3_000], [400, 15_000]),
    keeps: pickOf(random, unseen, [0, 1], [0, 1]),
    does: wayOf(unseen, at, ['garbage', 'unsigned', 'keys'], ['garbage', 'unsigned', 'keys', 'json']),
  }),
  play: (stage, parameters) =>
    flood(stage, parameters, (random, p) => ({ method: 'POST', ...POSTS[p['does'] as string]!(random, p) })),
}

const bytesOf = (random: Random, length: number): Uint8Array =>
  Uint8Array.from({ length }, () => random.between(0, 255))

const TICK_MS = 20
/** Requests that wait for their answers: beyond, the server is the slower one and nothing is gained. */
const MOST_OPEN = 400

async function flood(stage: Stage, parameters: Parameters, make: Flood): Promise<void> {
  const { random, signal } = stage
  const [sources, sockets, perS] = [
    number(parameters, 'sources'),
    number(parameters, 'sockets'),
    number(parameters, 'perS'),
  ]
  const from = Array.from({ length: sources }, (_, at) =>
    visitor(stage, attackerOf(at), Math.max(1, Math.ceil(sockets / sources)), parameters['keeps'] === 1),
  )
  const startMs = performance.now()
  let sent = 0
  let open = 0
  while (!signal.aborted) {
    const due = ((performance.now() - startMs) / 1e3) * perS
    for (; sent < due; sent++) {
      if (open >= MOST_OPEN) continue
      open += 1
      void from[random.between(0, sources - 1)]!.ask(make(random, parameters)).finally(() => {
        open -= 1
      })
    }
    await rest(stage, TICK_MS)
  }
  for (const each of from) each.close()
}

export const ATTACKS: Readonly<Record<string, Persona>> = {
  'slow-head': slowHead,
  'slow-body': slowBody,
  'get-flood': getFlood,
  'post-flood': postFlood,
}

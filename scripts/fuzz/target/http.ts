import { logSigner, network, type Party } from '../../../packages/router/test/router-world.ts'
import { CODES } from '../../../packages/schemas/src/codes.ts'
import {
  AnswerFetch,
  decode,
  encode,
  Header,
  HeaderCore,
  KeyEvents,
  Packet,
  SignedKeyEvent,
} from '../../../packages/schemas/src/messages.ts'
import { toBase64, toHex } from '../../../packages/sdk/src/bytes.ts'
import { packetId } from '../../../packages/sdk/src/envelope/hash.ts'
import { openPacketJson, type PacketJson } from '../../../packages/sdk/src/envelope/json.ts'
import { signDocument } from '../../../packages/sdk/src/envelope/origin.ts'
import { formatInstanceId } from '../../../packages/sdk/src/keys/name.ts'
import type { RequestDraft } from '../../../packages/sdk/src/packet/build.ts'
import { cancelCore, replyCore } from '../../../packages/sdk/src/packet/build.ts'
import { signBodiless } from '../../../packages/sdk/src/packet/seal.ts'
import {
  type Cast,
  castOf,
  type HttpWorld,
  NOW_MS,
  openHttpWorld,
  openStuckWorld,
  type StuckWorld,
  withCore,
} from '../http-world.ts'
import { breakWire } from '../mutate/wire.ts'
import { CORE_CHANGES, CORE_CODES } from '../packet-seed.ts'
import type { Random } from '../random.ts'
import { createLedger, type Ledger, promise, type Target, type Twist } from '../target.ts'
import { utf8 } from '../vector.ts'

/** Inputs to one world; the next has another, so that no store grows without end. */
const INPUTS_OF_A_WORLD = 2_000
/** What follows the path of a request for the world whose log has no quorum; the router itself does not look at it. */
const STUCK = '?stuck'

/** `METHOD path LF authorization LF content type LF LF body`; a dash where there is none. */
const sent = (
  method: string,
  path: string,
  body: Uint8Array = new Uint8Array(0),
  authorization = '-',
  type = '-',
): Uint8Array => new Uint8Array(Buffer.concat([utf8(`${method} ${path}\n${authorization}\n${type}\n\n`), body]))

/** Undefined for what no client could send. */
function requestOf(input: Uint8Array): Request | undefined {
  const end = Buffer.from(input.buffer, input.byteOffset, input.byteLength).indexOf('\n\n')
  const [line = '', authorization = '', type = ''] = new TextDecoder()
    .decode(input.subarray(0, Math.max(0, end)))
    .split('\n')
  const [method = '', path = ''] = line.split(' ')
  const body = input.slice(end + 2)
  try {
    const headers = new Headers()
    if (authorization !== '-') headers.set('authorization', authorization)
    if (type !== '-') headers.set('content-type', type)
    if (!path.startsWith('/') || end < 0) return undefined
    return new Request(`http://router.test${path}`, { method, headers, ...(method === 'POST' && { body }) })
  } catch {
    return undefined
  }
}

const headerOf = (packet: Uint8Array) => decode(Packet, packet).header
const coreOf = (packet: Uint8Array) => decode(HeaderCore, decode(Header, headerOf(packet)).core)

/** Every route of a router for clients: admission, key events, answers, keys, routes, the log. */
export const target: Target = {
  name: 'http',
  inputs: 90_000,
  codes: [
    'PACKET_TOO_LARGE',
    'HEADER_TOO_LARGE',
    'PACKET_MALFORMED',
    ...CORE_CODES,
    'NETWORK_MISMATCH',
    'CLOCK_SKEWED',
    'PACKET_EXPIRED',
    'LIFETIME_TOO_LONG',
    'KEY_UNKNOWN',
    'KEY_REVOKED',
    'KEY_EXPIRED',
    'SIGNATURE_INVALID',
    'RECIPIENTS_MISMATCH',
    'CIPHERTEXT_MISMATCH',
    'RATE_LIMITED',
    'LOG_BUSY',
    'LOG_UNCONFIRMED',
    'REPLAYED',
    'EPOCH_STALE',
    'TABLE_STALE',
    'NO_ROUTE',
    'NOT_PERMITTED',
    'QUEUE_FULL',
    'NOT_A_CANDIDATE',
    'ANSWER_UNKNOWN',
    'DOCUMENT_MALFORMED',
    'KEY_EVENT_INVALID',
    'NOT_FOUND',
    'UNSENDABLE',
  ],
  covers: ['router/http/answers.ts readFetch'],
  async open() {
    const cast = await castOf()
    const signed = createLedger()
    let http = await openHttpWorld(cast)
    let opened: Promise<StuckWorld> | undefined
    const stuck = () => {
      opened ??= openStuckWorld(cast)
      return opened
    }
    const made = createRequests({ cast, signed, json: await openPacketJson(), now: () => http, stuck })
    return {
      manner: 'bytes',
      seeds: await made.seeds(),
      twists: made.twists,
      async renew(index) {
        if (index <= 0 || index % INPUTS_OF_A_WORLD !== 0) return
        await http.close()
        http = await openHttpWorld(cast)
      },
      async run(input) {
        const request = requestOf(input)
        if (request === undefined) return 'UNSENDABLE'
        const { pathname, search } = new URL(request.url)
        const isPacket = request.method === 'POST' && pathname === '/v1/packets'
        const { world } = search === STUCK ? await stuck() : http
        const response = await world.app.request(request)
        if (response.status < 400) {
          const end = Buffer.from(input).indexOf('\n\n') + 2
          if (isPacket && response.status <= 202 && !request.headers.get('content-type')?.includes('json'))
            signed.hold(headerOf(input.subarray(end)))
          await response.body?.cancel()
          return 'ok'
        }
        promise(
          response.headers.get('content-type') === 'application/problem+json' ||
            response.status === 404 ||
            response.status === 503,
          'a refusal is no problem document',
        )
        const problem = (await response.json()) as { code?: string }
        return problem.code ?? 'NOT_FOUND'
      },
      async close() {
        await Promise.all([http.close(), opened?.then(({ close }) => close())])
      },
    }
  },
}

interface RequestDeps {
  readonly cast: Cast
  readonly signed: Ledger
  readonly json: PacketJson
  now(): HttpWorld
  stuck(): Promise<StuckWorld>
}

function createRequests({ cast, signed, json, now, stuck }: RequestDeps) {
  const { user, agent } = cast
  let seq = 10n
  const place = () => ({ epoch: BigInt(NOW_MS) + 9n, seq: ++seq })
  const packet = async (from: Party, over: Partial<RequestDraft> = {}) => {
    const bytes = await now().request(from, { place: place(), ...over })
    signed.note(headerOf(bytes))
    return bytes
  }
  const post = (body: Uint8Array) => sent('POST', '/v1/packets', body)
  const asked = (from: Party, over: Partial<RequestDraft> = {}): Twist => ({
    make: async () => post(await packet(from, over)),
  })
  const cored = (change: (core: HeaderCore, random: Random) => HeaderCore | Uint8Array): Twist => ({
    make: async (random) =>
      post(await withCore(await packet(user), user.identity.packet, signed, (core) => change(core, random))),
  })
  const inPacket = (change: (whole: Packet, random: Random) => Packet): Twist => ({
    make: async (random) => post(encode(Packet, change(decode(Packet, await packet(user)), random))),
  })
  const window = (created: number, expires: number): Twist =>
    cored((core) => ({ ...core, createdMs: NOW_MS + created, expiresMs: NOW_MS + expires }))
  const flipped = (bytes: Uint8Array, random: Random) => {
    const at = random.below(bytes.length)
    return bytes.map((byte, i) => (i === at ? byte ^ (1 << random.below(8)) : byte)) as Uint8Array<ArrayBuffer>
  }
  const fetchOf = async (by: Party, id: Uint8Array, random: Random, over: Partial<AnswerFetch> = {}) => {
    const nonce = random.bytes(16)
    const body = encode(AnswerFetch, {
      network,
      packetId: id,
      createdMs: NOW_MS,
      nonce,
      audience: logSigner.keyName,
      ...over,
    } as AnswerFetch)
    return `Weave ${toBase64(await signDocument('answer-fetch', body, by.identity.packet))}`
  }
  const answer = (over: Partial<AnswerFetch> = {}, by: Party = user): Twist => ({
    async make(random) {
      const bytes = await packet(user)
      await now().world.app.request('/v1/packets', { method: 'POST', body: bytes.slice() })
      const id = packetId(headerOf(bytes))
      return sent('GET', `/v1/packets/${toHex(id)}/answer`, undefined, await fetchOf(by, id, random, over))
    },
  })
  const cancelled = (by: Party, isKnown: boolean): Twist => ({
    async make() {
      const bytes = await packet(user)
      if (isKnown) await now().world.app.request('/v1/packets', { method: 'POST', body: bytes.slice() })
      const request = { id: packetId(headerOf(bytes)), core: coreOf(bytes) }
      const from = { sender: by.instance, senderKey: by.identity.packet.publicKey }
      const core = cancelCore({ request, ...from, place: place(), nowMs: NOW_MS })
      const cancel = await signBodiless(core, by.identity.packet)
      signed.note(headerOf(cancel.bytes))
      return post(cancel.bytes)
    },
  })
  const replied: Twist = {
    async make() {
      const bytes = await packet(user)
      const request = { id: packetId(headerOf(bytes)), core: coreOf(bytes) }
      const from = { sender: agent.instance, senderKey: agent.identity.packet.publicKey }
      const core = {
        ...replyCore('NACK', { request, ...from, place: place(), nowMs: NOW_MS }),
        attempt: 1,
        code: CODES.AGENT_BUSY.wire,
      }
      return post((await signBodiless(core, agent.identity.packet)).bytes)
    },
  }
  const enrolled = (party: Party): Twist => ({
    make(random) {
      const events = party.events.map((event) =>
        decode(SignedKeyEvent, random.chance(0.5) ? event : breakable(event, random)),
      )
      return sent('POST', '/v1/keys', encode(KeyEvents, { events }))
    },
  })
  const first = { place: { epoch: BigInt(NOW_MS) + 9n, seq: 1n } }
  const toStuck = (body: Uint8Array) => sent('POST', `/v1/packets${STUCK}`, body)
  const twists: readonly Twist[] = [
    asked(user),
    { weight: 0.7, make: async () => toStuck((await stuck()).held) },
    { make: async () => toStuck(await (await stuck()).request(user, { place: place() })) },
    asked(user, first),
    asked(user, { place: { epoch: BigInt(NOW_MS) - 1n, seq: 1n } }),
    ...(['revoked', 'expired', 'denied', 'stranger'] as const).map((name) => asked(cast[name])),
    ...['full.weave', 'slow.weave', 'slow.weave', 'nobody.weave', 'unknown.weave'].map((tag) =>
      asked(user, { target: { tag } }),
    ),
    asked(user, { tableDigest: new Uint8Array(32) }),
    window(-130_000, 60_000),
    window(40_000, 60_000),
    window(-100_000, -1),
    window(0, 600_001),
    cored((core, random) => ({ ...core, network: random.bytes(32) as Uint8Array<ArrayBuffer> })),
    ...CORE_CHANGES.map(cored),
    ...Array.from({ length: 8 }, () =>
      cored((core, random) => breakWire(encode(HeaderCore, core), random, [utf8('x')])),
    ),
    inPacket((whole, random) => ({ ...whole, ciphertext: flipped(whole.ciphertext as Uint8Array, random) })),
    inPacket((whole, random) => ({ ...whole, recipients: flipped(whole.recipients as Uint8Array, random) })),
    inPacket((whole, random) => ({ ...whole, signature: flipped(whole.signature as Uint8Array, random) })),
    inPacket((whole, random) => ({
      ...whole,
      header: random.bytes(4_001 + random.below(9)) as Uint8Array<ArrayBuffer>,
    })),
    { weight: 0.2, make: (random) => post(new Uint8Array(8 * 1024 * 1024 + 1 + random.below(9))) },
    answer(),
    answer({ network: new Uint8Array(32) }),
    answer({ audience: 'another' }),
    answer({ createdMs: NOW_MS - 200_000 }),
    answer({ nonce: new Uint8Array(16) }),
    answer({}, cast.stranger),
    {
      make: async (random) =>
        sent(
          'GET',
          `/v1/packets/${'00'.repeat(32)}/answer`,
          undefined,
          await fetchOf(user, new Uint8Array(32), random),
        ),
    },
    {
      make: async () =>
        sent('POST', '/v1/packets', utf8(JSON.stringify(json.write(await packet(user)))), '-', 'application/json'),
    },
    cancelled(user, true),
    cancelled(user, false),
    cancelled(cast.denied, true),
    replied,
    enrolled(user),
    enrolled(cast.stranger),
  ]
  const seeds = async () => [
    post(await packet(user)),
    sent('POST', '/v1/keys', encode(KeyEvents, { events: user.events.map((event) => decode(SignedKeyEvent, event)) })),
    sent('GET', '/v1/routes'),
    sent('GET', `/v1/keys/${toHex(user.instance)}`),
    sent('GET', `/v1/keys/${formatInstanceId(agent.instance)}`),
    sent('GET', '/log/checkpoint'),
    sent('GET', '/log/tile/0/000.p/4'),
    sent('GET', '/log/tile/entries/000.p/4'),
    sent('GET', '/health'),
  ]
  return { seeds, twists }
}

/** Changed so that it is still a message: what is inside is the key event's own affair. */
function breakable(event: Uint8Array, random: Random): Uint8Array {
  for (let tries = 0; tries < 20; tries++) {
    const out = breakWire(event, random, [event])
    try {
      return encode(SignedKeyEvent, decode(SignedKeyEvent, out))
    } catch {
      // Another try: bytes that are no message at all are the other mutators' work.
    }
  }
  return event
}

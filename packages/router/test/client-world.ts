/**
 * A client of the SDK on a real router in this process, with a wire between them that a test may make lie.
 *
 * @module
 */
import { CODES } from '@mystranet/schemas/codes'
import { OUTCOMES } from '@mystranet/schemas/kinds'
import {
  Addendum,
  AnswerFetch,
  decode,
  encode,
  Notice,
  Packet,
  Routes,
  SignedDocument,
  SignedKeyEvent,
} from '@mystranet/schemas/messages'
import { createClient, type Memory } from '@mystranet/sdk'
import { fromBase64 } from '@mystranet/sdk/bytes'
import {
  type AnswerRecord,
  createRecordParser,
  type DocumentSigner,
  encodeRecord,
  type ParsedPacket,
  parsePacket,
  signDocument,
} from '@mystranet/sdk/envelope'
import { signRevocation } from '@mystranet/sdk/keys/event'
import { cancelCore, deriveReplyKeys, openRequest, replyCore, sealOpen, signBodiless } from '@mystranet/sdk/packet'
import { packetPartition } from '@mystranet/sdk/proof/leaf'
import { type RoutingTable, signRoutingTable } from '@mystranet/sdk/proof/routing-table'
import { packetLog } from '../src/packet-log.ts'
import {
  attachAgent,
  network,
  openWorld,
  type Party,
  partyOf,
  ruleFor,
  trust,
  type World,
  worldState,
} from './router-world.ts'

interface Told {
  readonly records: readonly AnswerRecord[]
  /** The connection breaks after them. */
  readonly cut?: boolean
}

/** What lies between client and router, and what it saw. */
export interface Wire {
  /** The records that the client is given for those that the router gave; `connection` counts from 0. */
  answer:
    | ((records: readonly AnswerRecord[], connection: number, request: ParsedPacket) => Told | Promise<Told>)
    | undefined
  /** From this connection on the answer is left as it is. */
  answerUntil: number
  /** So many receipts are lost on their way, after the router took the packet in. */
  loseReceipts: number
  /** Stands in for the log's tiles, or for all of the log: another router's, or nobody. */
  tiles: ((path: string) => Promise<Response>) | undefined
  log: World['app'] | undefined
  /** Paths of the tiles that were asked for. */
  readonly tilePaths: string[]
  /** Answers every submission with this code. */
  refuse: string | undefined
  /** Submissions, and first frames of the fetches. */
  posts: number
  readonly fetches: number[]
  /** Receipts that the router gave. */
  readonly receipts: Uint8Array[]
  /** What the router answers now. */
  keep(path: string): Promise<Uint8Array>
  /** Answers with these bytes from now on. */
  serve(path: string, body: Uint8Array | undefined): void
  changeRoutes(
    change: (
      routes: Routes,
      sign: (over: Partial<RoutingTable>, signer: DocumentSigner) => Promise<Uint8Array>,
    ) => Promise<Routes>,
  ): Promise<void>
}

export async function clientWorld(count: number) {
  const world = await openWorld(worldState(), { addressPerMinute: 100_000, addressBurst: 10_000 })
  const agents = await Promise.all(Array.from({ length: count }, (_, i) => partyOf(10 + 10 * i, world.clock.nowMs)))
  const user = await partyOf(100, world.clock.nowMs)
  for (const party of [user, ...agents]) await world.enrol(party)
  await world.publish([ruleFor('misty.weave', agents)])
  const attached = agents.map((party) => attachAgent(world, party))
  const [agent] = attached
  if (agent === undefined) throw new Error('no agent')

  let request: ParsedPacket | undefined
  let connections = 0
  const served = new Map<string, Uint8Array>()
  const wire: Wire = {
    answer: undefined,
    answerUntil: Number.POSITIVE_INFINITY,
    loseReceipts: 0,
    tiles: undefined,
    log: undefined,
    tilePaths: [],
    refuse: undefined,
    posts: 0,
    fetches: [],
    receipts: [],
    keep: async (path) => new Uint8Array(await (await world.app.request(path)).arrayBuffer()),
    serve: (path, body) => void (body ? served.set(path, body) : served.delete(path)),
    async changeRoutes(change) {
      const routes = decode(Routes, await wire.keep('/v1/routes'))
      const { nowMs } = world.clock
      const usual = {
        network,
        version: 1n,
        notBeforeMs: nowMs - 1,
        expiresMs: nowMs + 1e6,
        createdMs: nowMs,
        rules: [],
      }
      const sign = (over: Partial<RoutingTable>, signer: DocumentSigner) =>
        signRoutingTable({ ...usual, ...over }, signer)
      wire.serve('/v1/routes', encode(Routes, await change(routes, sign)))
    },
  }

  async function submitted(path: string, init: RequestInit): Promise<Response> {
    wire.posts += 1
    if (wire.posts > 50) throw new Error('the client submits for ever')
    if (wire.refuse !== undefined) return Response.json({ code: wire.refuse, detail: '' }, { status: 409 })
    const bytes = new Uint8Array(init.body as ArrayBuffer)
    const parsed = parsePacket(bytes)
    if (parsed.kind === 'REQUEST') [request, connections] = [parsed, 0]
    const response = await world.app.request(path, { ...init, signal: null })
    if (!response.ok) return response
    wire.receipts.push(new Uint8Array(await response.clone().arrayBuffer()))
    if (wire.loseReceipts-- > 0) throw new TypeError('fetch failed')
    const lie = served.get(path)
    return lie ? new Response(lie.slice()) : response
  }

  async function answered(path: string, init: RequestInit): Promise<Response> {
    const authorization = new Headers(init.headers).get('authorization') ?? ''
    const { body } = decode(SignedDocument, fromBase64(authorization.slice(6)) as Uint8Array)
    wire.fetches.push(decode(AnswerFetch, body).from ?? 0)
    const response = await world.app.request(path, { ...init, signal: null })
    const connection = connections++
    if (wire.answer === undefined || connection >= wire.answerUntil || !response.ok) return response
    const records = createRecordParser()
      .push(new Uint8Array(await response.arrayBuffer()))
      .filter(({ type }) => type !== 'heartbeat')
    const told = await wire.answer(records, connection, request as ParsedPacket)
    const chunks = told.records.map(({ type, value }) => encodeRecord(type, value))
    return new Response(
      new ReadableStream({
        pull(controller) {
          const chunk = chunks.shift()
          if (chunk) controller.enqueue(chunk)
          else if (told.cut) controller.error(new TypeError('terminated'))
          else controller.close()
        },
      }),
    )
  }

  async function fetch(input: string, init: RequestInit): Promise<Response> {
    const path = new URL(input).pathname
    if (path === '/v1/packets') return submitted(path, init)
    if (path.endsWith('/answer')) return answered(path, init)
    const lie = served.get(path)
    if (lie) return new Response(lie.slice())
    if (path.startsWith('/log/tile/')) {
      wire.tilePaths.push(path)
      if (wire.tiles) return wire.tiles(path)
    }
    const app = path.startsWith('/log/') ? (wire.log ?? world.app) : world.app
    return app.request(path, { ...init, signal: null })
  }

  const memory: Memory = {}
  const options = {
    router: 'http://router.test',
    identity: user.identity,
    trust,
    fetch,
    now: () => world.clock.nowMs,
    random: () => 0,
  }
  const client = createClient({ ...options, memory })
  const question = { to: 'misty.weave', messages: [{ role: 'user' as const, content: 'Why?' }] }
  // As `weave up` does, only faster.
  const ticking = setInterval(() => void world.nexus.tick(), 10)

  return {
    world,
    agents,
    agent,
    attached,
    user,
    client,
    wire,
    memory,
    question,
    logSize: () => world.state.disk.entries.length,
    /** Another client of the same user on the same wire, with a memory of its own. */
    clientWith: (other: Memory) => createClient({ ...options, memory: other }),
    /** Asks and reads to the end. */
    async ask() {
      const answer = client.ask(question)
      let text = ''
      for await (const part of answer) text += part
      const { verdict } = await answer.verified
      return { text, line: verdict.line }
    },
    /** Revokes the packet key of a party by its root. */
    async revoke({ identity, instance }: Party) {
      const found = await world.nexus.keyring.find(instance)
      const { root: by } = identity
      if (found === undefined || by === undefined) throw new Error('no chain')
      const place = { network, instance, by, prev: found.chain.head, createdMs: world.clock.nowMs }
      // A key that it never had: its own stays live.
      const event = await signRevocation({ ...place, key: new Uint8Array(32).fill(9) })
      await world.nexus.enrol([encode(SignedKeyEvent, event)], async () => false)
    },
    /** An ACK or a NACK by anybody, as a record. */
    async replyOf(party: Party, kind: 'ACK' | 'NACK', { id, core }: ParsedPacket): Promise<AnswerRecord> {
      const from = { sender: party.instance, senderKey: party.identity.packet.publicKey }
      const place = { epoch: 1n, seq: 1n }
      const draft = { request: { id, core }, ...from, place, nowMs: world.clock.nowMs }
      const outcome = kind === 'ACK' ? OUTCOMES.ACCEPTED : CODES.AGENT_BUSY.wire
      const reply = { ...replyCore(kind, draft), attempt: 1, code: outcome }
      return { type: 'packet', value: (await signBodiless(reply, party.identity.packet)).bytes }
    },
    /** The request itself, or a CANCEL of it by its own sender, as a record of its answer. */
    async ownPacket(
      kind: 'REQUEST' | 'CANCEL',
      { header, recipientsBytes, ciphertext, origin, id, core }: ParsedPacket,
    ) {
      const type = 'packet' as const
      if (kind === 'REQUEST') {
        return { type, value: encode(Packet, { header, recipients: recipientsBytes, ciphertext, ...origin }) }
      }
      const from = { sender: user.instance, senderKey: user.identity.packet.publicKey }
      const draft = { request: { id, core }, ...from, place: { epoch: 1n, seq: 2n }, nowMs: world.clock.nowMs }
      return { type, value: (await signBodiless(cancelCore(draft), user.identity.packet)).bytes }
    },
    /** A second stream of a request, logged and signed as it must be: its attempt's proof, and its OPEN. */
    async secondOpen(given: ParsedPacket, { identity, instance, kem }: Party): Promise<AnswerRecord[]> {
      const { core, id } = given
      const decision = { tableVersion: 1n, rule: 'rule misty.weave', agent: instance, acceptByMs: world.clock.nowMs }
      const [receipt] = await packetLog(world.log, 2_000).commit([
        {
          kind: 'attempt',
          partition: packetPartition(core.sender, core.correlationId),
          subject: id,
          attempt: 2,
          commitment: core.tableDigest,
          addendum: encode(Addendum, { nonce: new Uint8Array(16), recipients: [], decision }),
        },
      ])
      const { replySecret } = await openRequest(given, { instance, kemKey: () => kem, session: () => undefined })
      const responseNonce = new Uint8Array(32).fill(2)
      const from = { sender: instance, senderKey: identity.packet.publicKey, place: { epoch: 1n, seq: 9n } }
      const open = await sealOpen(
        { request: { id, core }, ...from, nowMs: world.clock.nowMs, attempt: 2, responseNonce },
        { modelStatement: new Uint8Array(10) },
        deriveReplyKeys(replySecret, responseNonce),
        identity.packet,
      )
      return [
        { type: 'attempt-receipt', value: receipt as Uint8Array },
        { type: 'packet', value: open.bytes },
      ]
    },
    /** Says that a packet is a dead letter, signed by anybody. */
    async noticeOf({ id }: ParsedPacket, signer: DocumentSigner): Promise<AnswerRecord> {
      const body = encode(Notice, {
        network,
        packetId: id,
        code: CODES.DEAD_LETTERED.wire,
        attempts: [],
        createdMs: world.clock.nowMs,
      })
      return { type: 'notice', value: await signDocument('notice', body, signer) }
    },
    async close() {
      clearInterval(ticking)
      await world.nexus.idle()
      await world.close()
    },
  }
}

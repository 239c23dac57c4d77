/** A router on a real log with one witness, a sender and scripted agents that speak real packets over links in memory. */

import type { PacketFact } from '@mystranet/detector/anomaly'
import { CODES, type Code } from '@mystranet/schemas/codes'
import { OUTCOMES } from '@mystranet/schemas/kinds'
import type { AgentMessage, RouterMessage } from '@mystranet/schemas/link'
import {
  AnswerContent,
  AnswerFetch,
  Delivery,
  decode,
  encode,
  KeyEvents,
  type Rule,
  SignedKeyEvent,
} from '@mystranet/schemas/messages'
import { concat, toBase64, toHex, utf8 } from '@mystranet/sdk/bytes'
import {
  type AnswerRecord,
  createRecordParser,
  kemKeyId,
  networkId,
  parsePacket,
  signDocument,
} from '@mystranet/sdk/envelope'
import { enrolmentEvents } from '@mystranet/sdk/keys/enrolment'
import { keyEventDigest, signPrekey } from '@mystranet/sdk/keys/event'
import { type Identity, openIdentity } from '@mystranet/sdk/keys/identity'
import { type KemKeyPair, kemFor } from '@mystranet/sdk/keys/kem'
import {
  buildRequest,
  cancelCore,
  createSequence,
  deriveReplyKeys,
  openRequest,
  type RequestDraft,
  replyCore,
  type SealedRequest,
  seal,
  sealClose,
  sealOpen,
  signBodiless,
} from '@mystranet/sdk/packet'
import { signModelStatement } from '@mystranet/sdk/proof/model-statement'
import { verifyReceipt } from '@mystranet/sdk/proof/receipt'
import { type RoutingTable, signRoutingTable } from '@mystranet/sdk/proof/routing-table'
import { encodeTrustFile, parseTrustFile, type TrustFile } from '@mystranet/sdk/proof/trust-file'
import { closeContentOf, createFrameWriter } from '@mystranet/sdk/stream'
import { testSigner } from '../../sdk/test/note-keys.ts'
import { memoryStores } from '../src/adapters/memory/stores.ts'
import {
  memoryCheckpoints,
  memoryIndex,
  memoryTiles,
  memoryWal,
  memoryWitnessStore,
  walDisk,
} from '../src/adapters/memory-log.ts'
import { createTrace } from '../src/adapters/pino-trace.ts'
import type { DispatchStores } from '../src/adapters/sqlite/stores.ts'
import { createAgentLinks } from '../src/agent-links.ts'
import { createApp } from '../src/app.ts'
import { type RouterConfig, readConfig } from '../src/config.ts'
import { openLog } from '../src/log/log.ts'
import { createMetrics } from '../src/metrics.ts'
import { createNexus } from '../src/nexus.ts'
import { nexusDoor } from '../src/nexus-door.ts'
import { packetLog } from '../src/packet-log.ts'
import { createRateLimit } from '../src/rate.ts'
import { createWitness } from '../src/witness/witness.ts'

export const logSigner = testSigner('log.test/router', 1)
export const witnessSigner = testSigner('witness.test/own', 2)
export const tableSigner = testSigner('operator', 3)
export const nexusSigner = testSigner('nexus', 4)

export const trust: TrustFile = parseTrustFile(
  encodeTrustFile({
    name: 'local',
    policy: {
      logs: [{ key: logSigner.logKey }],
      witnesses: [{ name: 'own', key: witnessSigner.witnessKey }],
      groups: [],
      quorum: 'own',
    },
    operators: new Map(),
    tableSigners: [tableSigner.publicKey],
    publishers: [],
    authorizers: [],
    nexusKeys: [nexusSigner.publicKey],
    required: new Set(),
  }),
)
export const network = networkId(logSigner.keyName, logSigner.publicKey)

/** An identity from one byte. */
export const identityOf = (seed: number): Promise<Identity> =>
  openIdentity(
    (['root', 'operational', 'packet'] as const).map((kind, i) => ({ kind, bytes: new Uint8Array(32).fill(seed + i) })),
  )

export interface Party {
  readonly identity: Identity
  readonly kem: KemKeyPair
  readonly instance: Uint8Array
  readonly name: string
  readonly events: readonly Uint8Array[]
}

export async function partyOf(seed: number, nowMs: number): Promise<Party> {
  const identity = await identityOf(seed)
  const { instance, operational } = identity
  const kem = (await kemFor(1)).generate()
  const events = await enrolmentEvents(identity, { network, nowMs })
  const [delegation] = events
  if (operational === undefined || delegation === undefined) throw new Error('no keys')
  const prekey = await signPrekey({
    network,
    instance,
    operational,
    createdMs: nowMs,
    delegation: keyEventDigest(delegation.body),
    suite: 1,
    kemKey: kem.publicKey,
    deleteAfterMs: nowMs + 86_400_000,
  })
  const encoded = [...events, prekey].map((event) => encode(SignedKeyEvent, event))
  return { identity, kem, instance, name: toHex(instance), events: encoded }
}

/** What outlives a crash of the router: its log, its stores, the clock. */
export function worldState(stores: DispatchStores = memoryStores({ queueLimit: 1_000 })) {
  const witness = createWitness({ signer: witnessSigner, logs: [logSigner.logKey], store: memoryWitnessStore() })
  const state = { witnessAnswers: true }
  const log = {
    signer: logSigner,
    trust,
    witnesses: [
      {
        name: 'own',
        async addCheckpoint(body: Uint8Array) {
          if (!state.witnessAnswers) throw new Error('silent')
          return witness.addCheckpoint(body)
        },
      },
    ],
    checkpoints: memoryCheckpoints(),
    tiles: memoryTiles(),
    index: memoryIndex(),
    roundFloorMs: 0,
  }
  return Object.assign(state, { stores, log, disk: walDisk(), clock: { nowMs: Date.now() }, lines: [] as string[] })
}

export type WorldState = ReturnType<typeof worldState>

export async function openWorld(state: WorldState = worldState(), overrides: Partial<RouterConfig> = {}) {
  state.disk.leased = false
  const { stores, clock } = state
  const config = readConfig({}, { commitDeadlineMs: 2_000, heartbeatMs: 60, backOffMs: 10, ...overrides })
  const log = await openLog({ ...state.log, wal: memoryWal(state.disk) })
  const metrics = createMetrics()
  const links = createAgentLinks(() => clock.nowMs)
  const trace = createTrace('info', { write: (line: string) => void state.lines.push(line) })
  let last = 0
  const facts: PacketFact[] = []
  const nexus = createNexus({
    ...stores,
    links,
    config,
    trust,
    trace,
    metrics,
    ownKeys: [logSigner.publicKey, witnessSigner.publicKey, nexusSigner.publicKey],
    log: packetLog(log, config.commitDeadlineMs),
    signer: nexusSigner,
    nowMs: () => clock.nowMs,
    random: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)).fill(++last & 0xff, 0, 1),
    onPacket: (fact) => void facts.push(fact),
  })
  const nowMs = () => clock.nowMs
  const door = nexusDoor({
    ...stores,
    nexus,
    nowMs,
    heartbeatMs: config.heartbeatMs,
    canaryMs: config.canaryMs,
    isLogStopped: () => log.stopped,
    log: { published: log.published, tiles: state.log.tiles },
  })
  const app = createApp({
    door,
    metrics,
    trace,
    nowMs,
    corsOrigins: config.corsOrigins,
    addresses: createRateLimit('address', { perMinute: config.addressPerMinute, burst: config.addressBurst }),
    addressOf: () => 'test',
  })
  const anyone = async () => true
  const enrol = (party: Party) => nexus.enrol(party.events, anyone)
  /** Signs and publishes the next table. */
  const publish = async (rules: readonly Rule[], over: Partial<RoutingTable> = {}) => {
    const current = (await nexus.tables.known())[0]
    const table: RoutingTable = {
      network,
      version: (current?.table.version ?? 0n) + 1n,
      previous: current?.digest,
      rules,
      notBeforeMs: clock.nowMs - 1_000,
      expiresMs: clock.nowMs + 86_400_000,
      createdMs: clock.nowMs,
      ...over,
    }
    return nexus.publishTable(await signRoutingTable(table, tableSigner))
  }
  /** Ticks until the condition holds; the clock stands unless `stepMs` moves it. */
  const until = async (holds: () => boolean | Promise<boolean>, stepMs = 0) => {
    const endMs = performance.now() + 20_000
    while (performance.now() < endMs) {
      if (await holds()) return
      clock.nowMs += stepMs
      await nexus.tick()
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    throw new Error('it never held')
  }
  return {
    state,
    config,
    nexus,
    door,
    app,
    links,
    log,
    clock,
    metrics,
    stores,
    /** What the nexus told of packets. */
    facts,
    enrol,
    publish,
    until,
    close: () => log.close(),
  }
}

export type World = Awaited<ReturnType<typeof openWorld>>

export const ruleFor = (tag: string, agents: readonly Party[], over: Partial<Rule> = {}): Rule => ({
  id: `rule ${tag}`,
  tag,
  senders: [],
  candidates: agents.map(({ instance }) => ({ instance })),
  ...over,
})

/** A sender: builds packets, fetches answers. */
export function senderOf(world: World, party: Party) {
  const { identity, instance } = party
  const sequence = createSequence(world.clock.nowMs)
  const from = { sender: instance, senderKey: identity.packet.publicKey }
  const request = async (agents: readonly Party[], over: Partial<RequestDraft> = {}): Promise<SealedRequest> => {
    const table = (await world.nexus.tables.known())[0]
    const draft: RequestDraft = {
      network,
      suite: 1,
      ...from,
      target: { tag: 'misty.weave' },
      candidates: agents.map((agent) => ({
        instance: agent.instance,
        kemKey: agent.kem.publicKey,
        kemKeyId: kemKeyId(1, agent.kem.publicKey),
        deleteAfterMs: world.clock.nowMs + 86_400_000,
      })),
      content: { chat: { messages: [{ role: 'user', content: 'plaintext-secret' }], tools: [] } as never },
      tableDigest: table?.digest ?? new Uint8Array(32),
      place: sequence.next(),
      nowMs: world.clock.nowMs,
      lifetimeMs: 60_000,
      ...over,
    }
    return seal(buildRequest(draft), identity.packet)
  }
  const post = (bytes: Uint8Array) => world.app.request('/v1/packets', { method: 'POST', body: bytes.slice() })
  const cancel = async (sealed: { id: Uint8Array; core: SealedRequest['core'] }) =>
    signBodiless(
      cancelCore({ request: sealed, ...from, place: sequence.next(), nowMs: world.clock.nowMs }),
      identity.packet,
    )
  const fetchOf = async (id: Uint8Array, over: Partial<AnswerFetch> = {}) => {
    const nonce = crypto.getRandomValues(new Uint8Array(16))
    const body = encode(AnswerFetch, {
      network,
      packetId: id,
      createdMs: world.clock.nowMs,
      nonce,
      audience: logSigner.keyName,
      ...over,
    })
    return `Weave ${toBase64(await signDocument('answer-fetch', body, identity.packet))}`
  }
  const open = async (id: Uint8Array, over: Partial<AnswerFetch> = {}) =>
    world.app.request(`/v1/packets/${toHex(id)}/answer`, { headers: { authorization: await fetchOf(id, over) } })
  return { party, request, post, cancel, fetchOf, open, sequence }
}

/** Records of an answer to its end; ticks meanwhile. Heartbeats are left out. */
export async function recordsOf(world: World, response: Response): Promise<AnswerRecord[]> {
  if (response.status !== 200 || response.body === null)
    throw new Error(`status ${response.status}: ${await response.text()}`)
  const parser = createRecordParser()
  const records: AnswerRecord[] = []
  const reader = response.body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return records
    records.push(...parser.push(value).filter(({ type }) => type !== 'heartbeat'))
    await world.nexus.tick()
  }
}

/** `burst`: forty frames and their CLOSE without a pause, as a slow router finds them. */
export type Behaviour =
  | 'answer'
  | 'burst'
  | 'silent'
  | 'hang'
  | 'open-then-hang'
  | 'open-then-fail'
  | { readonly nack: Code }

export interface ScriptedAgent {
  behaviour: Behaviour
  readonly party: Party
  readonly delivered: string[]
  readonly heard: RouterMessage[]
  readonly refused: { code: string; message: string }[]
  say(message: AgentMessage): void
  /** Sends a request that is answered by `done` or `refused`. */
  ask(message: Record<string, unknown>): Promise<readonly Uint8Array[]>
  readonly sequence: ReturnType<typeof createSequence>
  lost(): void
}

/** Attaches an agent that does as it is told. */
export function attachAgent(world: World, party: Party, behaviour: Behaviour = 'answer', slots = 2): ScriptedAgent {
  const { identity, instance, kem } = party
  const waiting = new Map<number, PromiseWithResolvers<readonly Uint8Array[]>>()
  const sequence = createSequence(world.clock.nowMs + Math.floor(Math.random() * 1_000))
  let ids = 0
  const channel = {
    mayEnrol: true,
    send(message: RouterMessage) {
      agent.heard.push(message)
      if (message.type === 'done') waiting.get(message.id)?.resolve(message.receipts)
      if (message.type === 'refused') {
        agent.refused.push(message)
        waiting.get(message.id)?.reject(Object.assign(new Error(message.message), { code: message.code }))
      }
      if (message.type === 'deliver') run(agent, message.packet, message.lease).catch(() => {})
    },
  }
  const link = world.links.attach(channel)
  const agent: ScriptedAgent = {
    behaviour,
    party,
    sequence,
    delivered: [],
    heard: [],
    refused: [],
    say: (message) => link.receive(message),
    ask(message) {
      const id = ++ids
      const answer = Promise.withResolvers<readonly Uint8Array[]>()
      answer.promise.catch(() => {})
      waiting.set(id, answer)
      link.receive({ ...message, id } as unknown as AgentMessage)
      return answer.promise
    },
    lost: () => link.lost(),
  }
  link.receive({ type: 'hello', instance, slots, models: ['scripted'] })
  link.receive({
    type: 'presence',
    running: 0,
    queued: 0,
    canaryMs: world.clock.nowMs,
    draining: false,
    tokensPerSecond: 1,
  })

  async function run(self: ScriptedAgent, bytes: Uint8Array, lease: string) {
    const packet = parsePacket(bytes)
    self.delivered.push(toHex(packet.id))
    const { attemptReceipt, requestReceipt } = decode(Delivery, packet.delivery as Uint8Array)
    await verifyReceipt(requestReceipt as Uint8Array, trust)
    const proven = await verifyReceipt(attemptReceipt as Uint8Array, trust)
    const attempt = proven.leaf.attempt
    if (self.behaviour === 'silent') return
    const draft = () => ({
      request: { id: packet.id, core: packet.core },
      sender: instance,
      senderKey: identity.packet.publicKey,
      place: sequence.next(),
      nowMs: world.clock.nowMs,
    })
    if (typeof self.behaviour === 'object') {
      const core = { ...replyCore('NACK', draft()), attempt, code: CODES[self.behaviour.nack].wire }
      await self.ask({ type: 'reply', packet: (await signBodiless(core, identity.packet)).bytes })
      return self.say({ type: 'finished', lease })
    }
    const ack = { ...replyCore('ACK', draft()), attempt, code: OUTCOMES.ACCEPTED }
    // As agents do: OPEN follows while the ACK is logged.
    const acked = self.ask({ type: 'reply', packet: (await signBodiless(ack, identity.packet)).bytes })
    if (self.behaviour === 'hang') return void (await acked)
    const opened = await openRequest(packet, { instance, kemKey: () => kem, session: () => undefined })
    const responseNonce = crypto.getRandomValues(new Uint8Array(32))
    const keys = deriveReplyKeys(opened.replySecret, responseNonce)
    const statement = await statementOf(world, party)
    await self.ask({ type: 'statement', document: statement })
    const open = await sealOpen(
      { ...draft(), attempt, responseNonce },
      { modelStatement: statement },
      keys,
      identity.packet,
    )
    await self.ask({ type: 'reply', packet: open.bytes })
    if (self.behaviour === 'open-then-hang') return
    const writer = createFrameWriter(open.id, keys.frame)
    const texts = self.behaviour === 'burst' ? Array.from({ length: 40 }, () => 'a ') : ['The ', 'answer.']
    const payloads = texts.map((text) => encode(AnswerContent, { parts: [{ text }] }))
    const failed = self.behaviour === 'open-then-fail'
    const frames = payloads.map((payload, i) => writer.write(payload, !failed && i === payloads.length - 1))
    const end = {
      streamId: open.id,
      frames: writer.count,
      root: writer.root(),
      ended: !failed,
      answerSalt: keys.answerSalt,
    }
    const answer = concat(...payloads)
    const error = failed ? CODES.ENGINE_FAILED.wire : undefined
    const content = closeContentOf({ ...end, answer }, { promptTokens: 1, completionTokens: 2 }, error)
    const close = await sealClose(
      { ...draft(), attempt, responseNonce, code: failed ? OUTCOMES.ERROR : OUTCOMES.STOP },
      content,
      keys,
      identity.packet,
    )
    for (const frame of frames) self.say({ type: 'frame', request: packet.id, frame })
    await self.ask({ type: 'reply', packet: close.bytes })
    await acked
    self.say({ type: 'finished', lease })
  }
  return agent
}

export const statementOf = (world: World, { identity, instance }: Party) =>
  signModelStatement(
    {
      network,
      agent: instance,
      name: 'scripted',
      engine: 'scripted',
      runtime: 'test',
      createdMs: world.clock.nowMs - 1,
    },
    identity.packet,
  )

/** A problem document. */
export async function problemOf(
  response: Response,
): Promise<{ status: number; code: string; fate: string; packet?: string }> {
  return { status: response.status, ...((await response.json()) as { code: string; fate: string }) }
}

export { KeyEvents, utf8 }

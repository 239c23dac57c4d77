/**
 * A router and a client for tests of the agent, in one: it logs what the agent sends (real leaves, real receipts), seals
 * requests to the agent's prekeys, proves their attempts, and reads the answers as a client would.
 *
 * @module
 */
import { type Code, codeOfWire } from '@mystranet/schemas/codes'
import { finishOf, KINDS, type Kind } from '@mystranet/schemas/kinds'
import type { AgentMessage } from '@mystranet/schemas/link'
import {
  type ChatRequest,
  Delivery,
  decode,
  encode,
  KeyChain,
  type LoggedKeyEvent,
  Packet,
  Receipt,
  SignedDocument,
  SignedKeyEvent,
} from '@mystranet/schemas/messages'
import { concat, equalBytes, toHex, utf8 } from '@mystranet/sdk/bytes'
import {
  checkHashes,
  documentDigest,
  kemKeyId,
  type ParsedPacket,
  parsePacket,
  verifyOrigin,
} from '@mystranet/sdk/envelope'
import { keyEventDigest, parseKeyEvent, signDelegation, signPacketKey, signRevocation } from '@mystranet/sdk/keys/event'
import { instanceId } from '@mystranet/sdk/keys/instance-id'
import { localSigner } from '@mystranet/sdk/keys/signer'
import {
  buildRequest,
  cancelCore,
  createSequence,
  deriveReplyKeys,
  openStreamClose,
  openStreamOpen,
  type PlainPacket,
  type RequestDraft,
  type SealedRequest,
  type Session,
  seal,
  signBodiless,
} from '@mystranet/sdk/packet'
import { controlPartition, type LeafKind, packetPartition } from '@mystranet/sdk/proof/leaf'
import { sha256 } from '@mystranet/sdk/proof/merkle'
import { checkClose, createFrameReader, textOf, verifyStreamCheckpoint } from '@mystranet/sdk/stream'
import type { Clock } from '../src/ports.ts'
import { type MemoryLink, memoryLink } from './memory-link.ts'
import { type Draft, type MemoryLog, memoryLog } from './memory-log.ts'

const LEAF_OF: Readonly<Record<Kind, LeafKind>> = {
  REQUEST: 'request',
  STREAM_OPEN: 'stream-open',
  STREAM_CLOSE: 'stream-close',
  ACK: 'ack',
  NACK: 'nack',
  CANCEL: 'cancel',
}

/** Somebody who asks: an instance with a root, an operational and a packet key, all logged. */
export interface Client {
  readonly instance: Uint8Array
  readonly key: Awaited<ReturnType<typeof localSigner>>
  readonly chain: LoggedKeyEvent[]
  head: Uint8Array
  revoke(): Promise<void>
}

export interface DeliverTwist {
  readonly attempt?: number
  readonly acceptByMs?: number
  readonly requestLeaf?: (draft: Draft) => Draft
  readonly attemptLeaf?: (draft: Draft) => Draft
  readonly delivery?: (delivery: Delivery) => Delivery
  readonly packet?: (packet: Packet) => Packet
  readonly leaseMs?: number
  /** Logs the attempt before the request. */
  readonly attemptFirst?: boolean
}

export interface ReadAnswer {
  readonly text: string
  readonly finish: string
  readonly error: Code | undefined
  readonly frames: number
  readonly checkpoints: number
  readonly usage: unknown
}

export type LoggingRouter = Awaited<ReturnType<typeof loggingRouter>>

export async function loggingRouter(clock: Clock) {
  const log: MemoryLog = await memoryLog(clock)
  const agentChain: LoggedKeyEvent[] = []
  const { network } = log.trust
  let wire: MemoryLink = memoryLink()
  let leases = 0
  /** What the router says to a reply instead of logging it; undefined: it logs. */
  const control: { refuse: ((packet: ParsedPacket) => Code | 'silence' | undefined) | undefined } = {
    refuse: undefined,
  }
  const past: AgentMessage[] = []

  const logEvent = async (signed: SignedKeyEvent): Promise<LoggedKeyEvent> => {
    const partition = controlPartition('key-event')
    const bytes = await log.append({ kind: 'key-event', subject: keyEventDigest(signed.body), partition })
    return { event: signed, receipt: decode(Receipt, bytes) }
  }

  async function answer(message: AgentMessage): Promise<void> {
    if (message.type === 'keys') {
      const receipts: Uint8Array[] = []
      for (const bytes of message.events) {
        const logged = await logEvent(decode(SignedKeyEvent, bytes))
        const isNew = !agentChain.some(({ event }) => equalBytes(event.body, logged.event.body))
        if (isNew) agentChain.push(logged)
        receipts.push(encode(Receipt, logged.receipt))
      }
      wire.push({ type: 'done', id: message.id, receipts })
    } else if (message.type === 'statement') {
      const { body } = decode(SignedDocument, message.document)
      const subject = documentDigest('model-statement', body)
      const partition = controlPartition('model-statement')
      const receipt = await log.append({ kind: 'model-statement', subject, partition })
      wire.push({ type: 'done', id: message.id, receipts: [receipt] })
    } else if (message.type === 'reply') await admit(message)
  }

  async function admit({ id, packet: bytes }: Extract<AgentMessage, { type: 'reply' }>): Promise<void> {
    const packet = parsePacket(bytes)
    await verifyOrigin(packet, packet.origin)
    checkHashes(packet)
    const code = control.refuse?.(packet)
    if (code === 'silence') return
    if (code !== undefined) return wire.push({ type: 'refused', id, code, message: 'as the test wants it' })
    const { core } = packet
    const partition = packetPartition(core.targetInstance as Uint8Array, core.correlationId)
    const draft = { kind: LEAF_OF[packet.kind], subject: packet.id, partition, attempt: core.attempt }
    const receipt = await log.append({
      ...draft,
      commitment: core.contentCommitment,
      addendum: senderOf(packet, new Uint8Array(32)),
    })
    wire.push({ type: 'done', id, receipts: [receipt] })
  }

  const senderOf = ({ core }: Pick<ParsedPacket, 'core'>, chainHead: Uint8Array) => {
    const { sender, senderKey, epoch, seq, recipients } = core
    return { sender, senderKey, epoch, seq, chainHead, recipients }
  }

  function connect(): MemoryLink {
    past.push(...wire.sent)
    wire.end()
    wire = memoryLink()
    wire.onMessage = (message) => void answer(message)
    return wire
  }
  connect()

  async function client(name: string): Promise<Client> {
    const [root, operational, key] = (await Promise.all(
      ['root', 'operational', 'packet'].map((part) => localSigner(sha256(utf8(`${name} ${part}`)))),
    )) as [Client['key'], Client['key'], Client['key']]
    const createdMs = clock.now()
    const instance = instanceId(root.publicKey)
    const notAfterMs = createdMs + 3_600_000
    const delegation = await signDelegation({ root, operational, network, createdMs, notAfterMs })
    const digest = keyEventDigest(delegation.body)
    const packetKey = await signPacketKey({
      instance,
      operational,
      packetKey: key,
      delegation: digest,
      network,
      createdMs,
      notAfterMs,
    })
    const chain = [await logEvent(delegation), await logEvent(packetKey)]
    const self: Client = {
      instance,
      key,
      chain,
      head: digest,
      async revoke() {
        const revocation = await signRevocation({
          by: root,
          instance,
          prev: digest,
          key: key.publicKey,
          network,
          createdMs: clock.now(),
        })
        chain.push(await logEvent(revocation))
        self.head = keyEventDigest(revocation.body)
      },
    }
    return self
  }

  const alice = await client('alice')
  const sequence = createSequence(clock.now())

  function prekey() {
    const events = agentChain.map(({ event }) => parseKeyEvent(event))
    const event = events.findLast(({ type, suite }) => type === 4 && suite === 1)
    if (event === undefined) throw new Error('the agent has published no prekey')
    const { instance, suite, kemKey, deleteAfterMs } = event
    return {
      instance,
      kemKeyId: kemKeyId(suite as number, kemKey as Uint8Array),
      kemKey: kemKey as Uint8Array,
      deleteAfterMs: deleteAfterMs as number,
    }
  }

  interface AskTwist {
    readonly by?: Client
    readonly chat?: Partial<ChatRequest>
    readonly draft?: Partial<RequestDraft>
    readonly plain?: (plain: PlainPacket) => PlainPacket
    readonly session?: Session
  }

  /** Seals a question to the agent. */
  async function ask(
    question: string,
    { by = alice, chat, draft, plain = (same) => same, session }: AskTwist = {},
  ): Promise<SealedRequest> {
    const built = buildRequest({
      network,
      suite: 1,
      sender: by.instance,
      senderKey: by.key.publicKey,
      target: { tag: 'misty.weave' },
      candidates: [prekey()],
      content: { chat: { messages: [{ role: 'user', content: question, toolCalls: [] }], tools: [], ...chat } },
      tableDigest: new Uint8Array(32).fill(7),
      place: sequence.next(),
      nowMs: clock.now(),
      session,
      ...draft,
    })
    return seal(plain(built), by.key)
  }

  /** Logs request and attempt and hands the packet to the agent. */
  async function deliver(sealed: SealedRequest, twist: DeliverTwist = {}, by: Client = alice): Promise<string> {
    const same = <T>(value: T): T => value
    const {
      attempt = 1,
      requestLeaf = same,
      attemptLeaf = same,
      delivery: twistDelivery = same,
      packet: twistPacket = same,
    } = twist
    const { core } = sealed
    const partition = packetPartition(core.sender, core.correlationId)
    const agent = core.recipients[0] as Uint8Array
    const logRequest = () =>
      log.append(
        requestLeaf({
          kind: 'request',
          subject: sealed.id,
          partition,
          commitment: core.contentCommitment,
          addendum: senderOf(sealed, by.head),
        }),
      )
    const acceptByMs = twist.acceptByMs ?? clock.now() + 5_000
    const logAttempt = () =>
      log.append(
        attemptLeaf({
          kind: 'attempt',
          subject: sealed.id,
          partition,
          attempt,
          commitment: core.tableDigest,
          addendum: { recipients: [], decision: { tableVersion: 1n, rule: 'all', agent, acceptByMs } },
        }),
      )
    const early = twist.attemptFirst ? await logAttempt() : undefined
    const requestReceipt = await logRequest()
    const attemptReceipt = early ?? (await logAttempt())
    const senderKeys = encode(KeyChain, { events: by.chain })
    const delivery = twistDelivery({ requestReceipt, attemptReceipt, senderKeys })
    const packet = twistPacket({ ...decode(Packet, sealed.bytes), delivery: encode(Delivery, delivery) })
    return push(encode(Packet, packet), twist.leaseMs)
  }

  function push(packet: Uint8Array, leaseMs = 30_000): string {
    leases += 1
    wire.push({ type: 'deliver', lease: `lease ${leases}`, leaseMs, packet })
    return `lease ${leases}`
  }

  /** A CANCEL of a request. */
  async function cancel(request: SealedRequest, by: Client = alice, code?: number): Promise<void> {
    const draft = {
      request,
      sender: by.instance,
      senderKey: by.key.publicKey,
      place: sequence.next(),
      nowMs: clock.now(),
    }
    const { bytes } = await signBodiless(cancelCore(draft, code), by.key)
    wire.push({ type: 'cancel', packet: bytes, senderKeys: encode(KeyChain, { events: by.chain }) })
  }

  /** Everything that an agent sent over this router's links. */
  const sent = (): readonly AgentMessage[] => [...past, ...wire.sent]
  const repliesTo = (request: SealedRequest, kind?: Kind): ParsedPacket[] =>
    sent()
      .flatMap((message) => (message.type === 'reply' ? [parsePacket(message.packet)] : []))
      .filter((packet) => equalBytes(packet.core.inReplyTo as Uint8Array, request.id))
      .filter((packet) => kind === undefined || packet.kind === kind)

  async function until<T>(look: () => T | undefined | false, timeoutMs = 20_000): Promise<T> {
    const deadline = performance.now() + timeoutMs
    for (;;) {
      const found = look()
      if (found !== undefined && found !== false) return found as T
      if (performance.now() > deadline)
        throw new Error(
          `it did not come: ${look.toString()}\n${sent()
            .map((m) => (m.type === 'log' ? m.line : m.type))
            .join('\n')}`,
        )
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }

  const settled = (lease: string): Promise<'finished' | 'returned'> =>
    until(() => {
      const message = sent().find(
        (each) => (each.type === 'finished' || each.type === 'returned') && each.lease === lease,
      )
      return message?.type as 'finished' | 'returned' | undefined
    })

  /** Code of the NACK that a request got. */
  async function refusal(request: SealedRequest): Promise<Code | undefined> {
    const nack = await until(() => repliesTo(request, 'NACK')[0])
    return codeOfWire(nack.core.code as number)
  }

  const framesOf = (request: SealedRequest, messages: readonly AgentMessage[] = sent()): Uint8Array[] =>
    messages.flatMap((each) => (each.type === 'frame' && equalBytes(each.request, request.id) ? [each.frame] : []))

  /** Reads an answer as its client would; checks all that a client checks but the log. */
  async function read(request: SealedRequest, messages: readonly AgentMessage[] = wire.sent): Promise<ReadAnswer> {
    const replies = messages
      .flatMap((each) => (each.type === 'reply' ? [parsePacket(each.packet)] : []))
      .filter(({ core }) => equalBytes(core.inReplyTo as Uint8Array, request.id))
    const close = replies.findLast(({ kind }) => kind === 'STREAM_CLOSE') as ParsedPacket
    const open = replies.findLast(
      ({ kind, core }) => kind === 'STREAM_OPEN' && core.attempt === close.core.attempt,
    ) as ParsedPacket
    const secret = request.replySecrets.get(toHex(open.core.sender))
    if (secret === undefined) throw new Error('the answer is by a stranger')
    const keys = deriveReplyKeys(secret, open.core.responseNonce as Uint8Array)
    openStreamOpen(open, keys)
    const reader = createFrameReader(open.id, keys.frame)
    const payloads = framesOf(request, messages).map((frame) => reader.read(frame))
    const answered = concat(...payloads)
    let checkpoints = 0
    for (const message of messages) {
      if (message.type !== 'checkpoint' || !equalBytes(message.request, request.id)) continue
      const of = { network, streamId: open.id, key: open.core.senderKey }
      await verifyStreamCheckpoint(message.document, of)
      checkpoints += 1
    }
    const { content } = openStreamClose(close, keys)
    const end = {
      streamId: open.id,
      frames: reader.count,
      root: reader.root(),
      ended: reader.ended,
      answer: answered,
      answerSalt: keys.answerSalt,
    }
    const finish = checkClose(close.core.code, content, end)
    return {
      text: textOf(answered),
      finish,
      error: content.error === undefined ? undefined : codeOfWire(content.error),
      frames: reader.count,
      checkpoints,
      usage: content.usage,
    }
  }

  const finishes = (request: SealedRequest) => repliesTo(request, 'STREAM_CLOSE').map(({ core }) => finishOf(core.code))

  return {
    log,
    trust: log.trust,
    alice,
    agentChain,
    control,
    client,
    connect,
    get wire() {
      return wire
    },
    ask,
    deliver,
    push,
    cancel,
    sent,
    repliesTo,
    until,
    settled,
    refusal,
    framesOf,
    read,
    finishes,
    prekey,
  }
}

export const kinds = KINDS

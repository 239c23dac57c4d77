/**
 * One whole story for tests, really signed: a user asks, an agent answers, a log with four witnesses writes it down.
 * A twist changes one thing before it is signed, so that a test can make exactly one check fail.
 *
 * @module
 */
import { KINDS, OUTCOMES } from '@mystranet/schemas/kinds'
import {
  AnswerContent,
  Authorization,
  CloseContent,
  decode,
  encode,
  Header,
  HeaderCore,
  type KeyChain,
  type ModelStatement,
  OpenContent,
  RegistryEntry,
  RequestContent,
  type RoutingTable,
  type SavedAnswer,
  type SavedPacket,
  SignedDocument,
  type SignedKeyEvent,
} from '@mystranet/schemas/messages'
import { SCHEMA_DIGEST_V1 } from '@mystranet/schemas/schema-digest'
import { createEd25519Key, sha256 } from '#primitives'
import { type Bytes, utf8 } from '../bytes.ts'
import { PAYLOAD_TYPES, pae } from '../envelope/dsse.ts'
import { contentCommitment, documentDigest, networkId, packetId } from '../envelope/hash.ts'
import { keyEventDigest, signDelegation, signPacketKey, signPrekey } from '../keys/event.ts'
import { instanceId } from '../keys/instance-id.ts'
import type { Signer } from '../keys/signer.ts'
import { CHECK_NAMES } from './checks/name.ts'
import { type Batch, type Entry, type LoggedStory, logStory, type StoryLogTwist } from './fixture-log.ts'
import { controlPartition, type LeafKind, packetPartition } from './leaf.ts'
import { signAuthorization, signModelStatement, signRegistryEntry } from './model-statement.ts'
import { COSIGNATURE_TYPE, createNoteKey, ED25519_TYPE } from './note.ts'
import { signRoutingTable } from './routing-table.ts'
import type { TrustFile } from './trust-file.ts'

/** When the story begins, in milliseconds. */
export const T0 = 1_700_000_000_000
export const STORY_ORIGIN = 'log.story.test'
const ANSWER_SALT = bytes(32, 93)

/** Names of the keys of the story, each made from one byte. */
const SEEDS = {
  log: 1,
  witness2: 2,
  witness3: 3,
  witness4: 4,
  witness5: 5,
  userRoot: 11,
  userOperational: 12,
  userPacket: 13,
  agentRoot: 21,
  agentOperational: 22,
  agentPacket: 23,
  tableSigner: 31,
  publisher: 41,
  authorizer: 51,
  stranger: 99,
} as const

export type StoryKeys = Record<keyof typeof SEEDS, Signer>
export const WITNESSES = ['witness2', 'witness3', 'witness4', 'witness5'] as const

type Change<T> = (value: T, story: { readonly keys: StoryKeys; readonly user: Bytes; readonly agent: Bytes }) => T

/** What a test changes. Every function gets what the untwisted story says, before it is signed. */
export interface Twist extends StoryLogTwist {
  readonly requestContent?: Change<RequestContent>
  readonly request?: Change<HeaderCore>
  readonly openContent?: Change<OpenContent>
  readonly open?: Change<HeaderCore>
  readonly answer?: Change<AnswerContent>
  readonly closeContent?: Change<CloseContent>
  readonly close?: Change<HeaderCore>
  readonly table?: Change<RoutingTable>
  readonly statement?: Change<ModelStatement>
  readonly entry?: Change<RegistryEntry>
  readonly authorization?: Change<Authorization>
  /** Another key in the place of one. */
  readonly signer?: Partial<
    Record<'request' | 'open' | 'close' | 'table' | 'statement' | 'entry' | 'authorization', keyof StoryKeys>
  >
  /** `not_after_ms` of the agent's packet key. */
  readonly agentNotAfterMs?: number
  /** Key events beside those of the story; name them in `batches`, beginning with `user-` or `agent-`. */
  readonly events?: (story: {
    readonly keys: StoryKeys
    readonly network: Bytes
    readonly digests: Readonly<Record<string, Uint8Array>>
    readonly agent: Bytes
    readonly user: Bytes
  }) => Promise<Readonly<Record<string, SignedKeyEvent>>>
  /** The saved answer, at the end. */
  readonly saved?: (saved: SavedAnswer, log: LoggedStory) => SavedAnswer
  readonly trust?: (trust: TrustFile) => TrustFile
}

export interface Story {
  readonly saved: SavedAnswer
  readonly trust: TrustFile
  readonly keys: StoryKeys
  readonly user: Bytes
  readonly agent: Bytes
  readonly log: LoggedStory
}

/** What is logged together, under one checkpoint. */
export const BATCHES: readonly Batch[] = [
  {
    names: ['user-delegation', 'user-key', 'agent-delegation', 'agent-key', 'agent-prekey', 'table', 'statement'],
    atMs: T0,
  },
  { names: ['request', 'attempt'], atMs: T0 + 10_500 },
  { names: ['open'], atMs: T0 + 11_000 },
  { names: ['close'], atMs: T0 + 13_000 },
]

export function bytes(length: number, value: number): Bytes {
  return new Uint8Array(length).fill(value)
}

export async function storyKeys(): Promise<StoryKeys> {
  const made = Object.entries(SEEDS).map(
    async ([name, seed]) => [name, await createEd25519Key(bytes(32, seed))] as const,
  )
  return Object.fromEntries(await Promise.all(made)) as StoryKeys
}

/** The trust file of the story: three of four witnesses, and every check required. */
export function storyTrust(keys: StoryKeys): TrustFile {
  const log = createNoteKey(STORY_ORIGIN, ED25519_TYPE, keys.log.publicKey)
  const witnesses = WITNESSES.map((name) => ({
    name,
    key: createNoteKey(`${name}.story.test`, COSIGNATURE_TYPE, keys[name].publicKey),
  }))
  return {
    name: 'local',
    network: networkId(STORY_ORIGIN, keys.log.publicKey),
    policy: {
      logs: [{ key: log }],
      witnesses,
      groups: [{ name: 'three', threshold: 3, members: [...WITNESSES] }],
      quorum: 'three',
    },
    operators: new Map(WITNESSES.map((name) => [name, `operator-of-${name}`])),
    tableSigners: [keys.tableSigner.publicKey],
    publishers: [keys.publisher.publicKey],
    authorizers: [keys.authorizer.publicKey],
    nexusKeys: [],
    required: new Set(CHECK_NAMES),
    firstUse: false,
  }
}

/** Tells the story with a twist. */
export async function storyFixture(twist: Twist = {}): Promise<Story> {
  const keys = await storyKeys()
  const trust = storyTrust(keys)
  const user = instanceId(keys.userRoot.publicKey)
  const agent = instanceId(keys.agentRoot.publicKey)
  const cast: Cast = { twist, keys, user, agent, network: trust.network as Bytes }
  const events = await storyEvents(cast)
  const documents = await storyDocuments(cast)
  const packets = await storyPackets(cast, documents)
  const entries = storyEntries(cast, events, documents, packets)
  const log = await logStory(entries, twist.batches ?? BATCHES, keys, twist)
  const receiptOf = (name: string) => log.receipts.get(name)
  const chainOf = (who: string): KeyChain => ({
    events: log.order.flatMap((name) => {
      const event = name.startsWith(`${who}-`) ? events[name] : undefined
      return event ? [{ event, receipt: receiptOf(name)! }] : []
    }),
  })
  const saved: SavedAnswer = {
    version: 1,
    request: { ...packets.request.saved, receipt: receiptOf('request') },
    open: { ...packets.open.saved, receipt: receiptOf('open') },
    close: { ...packets.close.saved, receipt: receiptOf('close') },
    answer: { salt: ANSWER_SALT, content: packets.answer },
    attempt: receiptOf('attempt'),
    senderKeys: chainOf('user'),
    agentKeys: chainOf('agent'),
    routingTable: documents.table,
    routingTableReceipt: receiptOf('table'),
    modelStatementReceipt: receiptOf('statement'),
    registryEntry: documents.entry,
    authorization: documents.authorization,
  }
  const told = { trust: twist.trust?.(trust) ?? trust, keys, user, agent, log }
  return { ...told, saved: twist.saved?.(saved, log) ?? saved }
}

interface Cast {
  readonly twist: Twist
  readonly keys: StoryKeys
  readonly user: Bytes
  readonly agent: Bytes
  readonly network: Bytes
}

async function storyEvents({ twist, keys, user, agent, network }: Cast): Promise<Record<string, SignedKeyEvent>> {
  const at = { network, createdMs: T0 - 1_000 }
  const notAfterMs = T0 + 86_400_000
  const userDelegation = await signDelegation({
    ...at,
    root: keys.userRoot,
    operational: keys.userOperational,
    notAfterMs,
  })
  const agentDelegation = await signDelegation({
    ...at,
    root: keys.agentRoot,
    operational: keys.agentOperational,
    notAfterMs,
    name: 'misty',
    tags: ['misty.weave'],
  })
  const userHook = {
    ...at,
    instance: user,
    operational: keys.userOperational,
    delegation: keyEventDigest(userDelegation.body),
  }
  const digest = keyEventDigest(agentDelegation.body)
  const hook = { ...at, instance: agent, operational: keys.agentOperational, delegation: digest }
  const events = {
    'user-delegation': userDelegation,
    'user-key': await signPacketKey({ ...userHook, packetKey: keys.userPacket, notAfterMs }),
    'agent-delegation': agentDelegation,
    'agent-key': await signPacketKey({
      ...hook,
      packetKey: keys.agentPacket,
      notAfterMs: twist.agentNotAfterMs ?? notAfterMs,
    }),
    'agent-prekey': await signPrekey({ ...hook, suite: 1, kemKey: bytes(32, 7), deleteAfterMs: notAfterMs }),
  }
  const digests = Object.fromEntries(Object.entries(events).map(([name, { body }]) => [name, keyEventDigest(body)]))
  return { ...events, ...(await twist.events?.({ keys, network, digests, agent, user })) }
}

async function storyDocuments({ twist, keys, user, agent, network }: Cast) {
  const change = <T>(value: T, by?: Change<T>) => by?.(value, { keys, user, agent }) ?? value
  const signer = (name: keyof NonNullable<Twist['signer']>, usual: keyof StoryKeys) =>
    keys[twist.signer?.[name] ?? usual]
  const table = change<RoutingTable>(
    {
      network,
      version: 1n,
      rules: [{ id: 'misty', tag: 'misty.weave', senders: [], candidates: [{ instance: agent, weight: 1 }] }],
      notBeforeMs: T0,
      expiresMs: T0 + 3_600_000,
      createdMs: T0,
    },
    twist.table,
  )
  const digests = { fileDigest: bytes(32, 61), chatTemplateDigest: bytes(32, 62), tokenizerDigest: bytes(32, 63) }
  const model = { network, name: 'tiny.gguf', ...digests, createdMs: T0 - 5_000 }
  const entry = change<RegistryEntry>({ ...model, fileBytes: 1_000n }, twist.entry)
  const permission = { network, agent, fileDigest: digests.fileDigest, createdMs: T0 - 4_000, expiresMs: T0 + 60_000 }
  const permitted = change<Authorization>(permission, twist.authorization)
  const named = {
    registryEntry: documentDigest('registry-entry', encode(RegistryEntry, entry)),
    authorization: documentDigest('authorization', encode(Authorization, permitted)),
  }
  const statement = change({ ...model, ...named, agent, engine: 'llama.cpp', runtime: 'b1' }, twist.statement)
  return {
    table: await signRoutingTable(table, signer('table', 'tableSigner')),
    entry: await signRegistryEntry(entry, signer('entry', 'publisher')),
    statement: await signModelStatement(statement, signer('statement', 'agentPacket')),
    authorization: await signAuthorization(permitted, signer('authorization', 'authorizer')),
  }
}

const bodyOf = (document: Uint8Array): Uint8Array => decode(SignedDocument, document).body

interface MadePacket {
  readonly saved: SavedPacket
  readonly core: HeaderCore
  readonly id: Bytes
}

async function storyPackets(cast: Cast, documents: { readonly table: Bytes; readonly statement: Bytes }) {
  const { twist, keys, user, agent, network } = cast
  const change = <T>(value: T, by?: Change<T>) => by?.(value, { keys, user, agent }) ?? value
  const ask = { version: 1, suite: 1, network, schema: SCHEMA_DIGEST_V1, compatibleVersions: [1], paddedSize: 256 }
  const both = { ...ask, correlationId: bytes(16, 81), epoch: 5n, createdMs: T0 + 10_000, expiresMs: T0 + 70_000 }
  const chat = { messages: [{ role: 'user', content: 'What is a weave?', toolCalls: [] }], tools: [] }
  const asked = encode(RequestContent, change({ chat }, twist.requestContent))
  const request = await sealed(cast, 'request', asked, 91, {
    ...both,
    kind: KINDS.REQUEST,
    sender: user,
    senderKey: keys.userPacket.publicKey,
    targetTag: 'misty.weave',
    recipients: [agent],
    nonce: bytes(16, 71),
    seq: 1n,
    tableDigest: documentDigest('routing-table', bodyOf(documents.table)),
  })
  const reply = {
    ...both,
    sender: agent,
    senderKey: keys.agentPacket.publicKey,
    targetInstance: user,
    recipients: [],
    inReplyTo: request.id,
    attempt: 1,
    responseNonce: bytes(32, 72),
    createdMs: T0 + 10_900,
  }
  const opened = encode(OpenContent, change({ modelStatement: documents.statement }, twist.openContent))
  const openCore = { ...reply, kind: KINDS.STREAM_OPEN, nonce: bytes(16, 73), seq: 1n }
  const open = await sealed(cast, 'open', opened, 92, openCore)
  const parts = [{ text: 'Threads that ' }, { text: 'hold each other.' }]
  const answer = encode(AnswerContent, change<AnswerContent>({ parts }, twist.answer))
  const ended = change<CloseContent>(
    {
      stream: open.id,
      frames: 2,
      root: bytes(32, 94),
      answerCommitment: contentCommitment(ANSWER_SALT, answer),
      usage: { promptTokens: 5, completionTokens: 6 },
    },
    twist.closeContent,
  )
  const closeCore = { ...reply, kind: KINDS.STREAM_CLOSE, code: OUTCOMES.STOP, nonce: bytes(16, 74), seq: 2n }
  return { request, open, close: await sealed(cast, 'close', encode(CloseContent, ended), 95, closeCore), answer }
}

async function sealed(
  { twist, keys, user, agent }: Cast,
  name: 'request' | 'open' | 'close',
  content: Bytes,
  salt: number,
  draft: HeaderCore,
): Promise<MadePacket> {
  const opening = { salt: bytes(32, salt), content }
  const committed = { ...draft, contentCommitment: contentCommitment(opening.salt, content) }
  const core = twist[name]?.(committed, { keys, user, agent }) ?? committed
  const header = encode(Header, {
    core: encode(HeaderCore, core),
    recipientsHash: name === 'request' ? bytes(32, 96) : undefined,
    ciphertextHash: bytes(32, 97),
  })
  const usual = name === 'request' ? keys.userPacket : keys.agentPacket
  const signer = twist.signer?.[name] ? keys[twist.signer[name]] : usual
  const signature = await signer.sign(pae(PAYLOAD_TYPES.packet, header))
  return { saved: { header, signature, opening }, core, id: packetId(header) }
}

type Packets = Awaited<ReturnType<typeof storyPackets>>
type Documents = Awaited<ReturnType<typeof storyDocuments>>

function storyEntries(
  { agent, user }: Cast,
  events: Record<string, SignedKeyEvent>,
  documents: Documents,
  { request, open, close }: Packets,
): Map<string, Entry> {
  const entries = new Map<string, Entry>()
  const control = (kind: LeafKind, subject: Uint8Array): Entry => ({ kind, subject, partition: controlPartition(kind) })
  for (const [name, { body }] of Object.entries(events)) entries.set(name, control('key-event', keyEventDigest(body)))
  const digestOf = (thing: 'routing-table' | 'model-statement', document: Bytes) =>
    documentDigest(thing, bodyOf(document))
  entries.set('table', control('routing-table', digestOf('routing-table', documents.table)))
  entries.set('statement', control('model-statement', digestOf('model-statement', documents.statement)))
  const partition = packetPartition(user, request.core.correlationId)
  const packet = (kind: LeafKind, { id, core }: MadePacket, head: string): Entry => {
    const { sender, senderKey, epoch, seq, recipients, attempt, contentCommitment: commitment } = core
    const chainHead = keyEventDigest(events[head]!.body)
    const addendum = { nonce: sha256(utf8(kind)).subarray(0, 16), sender, senderKey, epoch, seq, chainHead, recipients }
    return { kind, subject: id, partition, attempt, commitment, addendum }
  }
  entries.set('request', packet('request', request, 'user-delegation'))
  entries.set('open', packet('stream-open', open, 'agent-delegation'))
  entries.set('close', packet('stream-close', close, 'agent-delegation'))
  const decision = { tableVersion: 1n, rule: 'misty', agent, acceptByMs: T0 + 40_000 }
  entries.set('attempt', {
    kind: 'attempt',
    subject: request.id,
    partition,
    attempt: 1,
    commitment: request.core.tableDigest,
    addendum: { nonce: bytes(16, 98), recipients: [], decision },
  })
  return entries
}

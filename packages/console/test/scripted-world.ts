/**
 * A whole small world for the page: a log with four witnesses, a routing table, and one agent that says what it is told
 * to say. Everything in it is really sealed, signed and logged; only the model is a script.
 *
 * @module
 */
import { KINDS, OUTCOMES } from '@mystranet/schemas/kinds'
import {
  AnswerContent,
  decode,
  encode,
  KeyChain,
  type KeyEvents,
  type Receipt,
  Receipt as ReceiptTable,
  type RoutingTable,
  SignedDocument,
  type SignedKeyEvent,
} from '@mystranet/schemas/messages'
import { type Bytes, concat, toHex } from '../../sdk/src/bytes.ts'
import { documentDigest, kemKeyId } from '../../sdk/src/envelope/hash.ts'
import { type ParsedPacket, parsePacket } from '../../sdk/src/envelope/parse.ts'
import { encodeRecord } from '../../sdk/src/envelope/record.ts'
import { keyEventDigest, parseKeyEvent, signDelegation, signPacketKey, signPrekey } from '../../sdk/src/keys/event.ts'
import { instanceId } from '../../sdk/src/keys/instance-id.ts'
import { kemFor } from '../../sdk/src/keys/kem.ts'
import { openRequest } from '../../sdk/src/packet/open.ts'
import { deriveReplyKeys } from '../../sdk/src/packet/reply-keys.ts'
import { sealClose, sealOpen } from '../../sdk/src/packet/seal.ts'
import { createSequence } from '../../sdk/src/packet/sequence.ts'
import { ALWAYS_REQUIRED } from '../../sdk/src/proof/checks/name.ts'
import { storyKeys, storyTrust } from '../../sdk/src/proof/fixture.ts'
import { type Batch, type Entry, logStory } from '../../sdk/src/proof/fixture-log.ts'
import { controlPartition, type LeafKind, packetPartition } from '../../sdk/src/proof/leaf.ts'
import { hashLeaf } from '../../sdk/src/proof/merkle.ts'
import { signModelStatement } from '../../sdk/src/proof/model-statement.ts'
import { signRoutingTable } from '../../sdk/src/proof/routing-table.ts'
import { encodeTile } from '../../sdk/src/proof/tile.ts'
import { encodeTrustFile } from '../../sdk/src/proof/trust-file.ts'
import { closeContentOf } from '../../sdk/src/stream/close.ts'
import { createFrameWriter } from '../../sdk/src/stream/frame.ts'

/** Log entries by name, proven again from the start whenever some are added. */
async function scriptedLog(keys: Awaited<ReturnType<typeof storyKeys>>) {
  const entries = new Map<string, Entry>()
  const batches: Batch[] = []
  let proven = new Map<string, Receipt>() as ReadonlyMap<string, Receipt>
  return {
    async append(more: Readonly<Record<string, Entry>>): Promise<void> {
      for (const [name, entry] of Object.entries(more)) entries.set(name, entry)
      batches.push({ names: Object.keys(more), atMs: Date.now() })
      proven = (await logStory(entries, batches, keys, {})).receipts
    },
    receipt: (name: string): Receipt => proven.get(name)!,
    /** The newest note. */
    checkpoint: (): Uint8Array => [...proven.values()].at(-1)!.checkpoint,
    /** The log's only tile: it stays below 256 leaves. */
    tile: (width: number): Uint8Array =>
      encodeTile([...proven.values()].slice(0, width).map(({ leaf }) => hashLeaf(leaf))),
  }
}

const control = (kind: LeafKind, subject: Uint8Array): Entry => ({ kind, subject, partition: controlPartition(kind) })
const digestOf = (thing: 'routing-table' | 'model-statement', document: Uint8Array) =>
  documentDigest(thing, decode(SignedDocument, document).body)

export type ScriptedWorld = Awaited<ReturnType<typeof scriptedWorld>>

/** @param tag What the agent answers to. */
export async function scriptedWorld(tag = 'misty.weave') {
  const keys = await storyKeys()
  const trust = { ...storyTrust(keys), required: new Set(ALWAYS_REQUIRED) }
  const { network } = trust
  const log = await scriptedLog(keys)
  const agent = instanceId(keys.agentRoot.publicKey)
  const kem = await kemFor(1)
  const pair = kem.generate()
  const nowMs = Date.now()
  const at = { network, createdMs: nowMs - 1_000 }
  const notAfterMs = nowMs + 86_400_000
  const delegation = await signDelegation({
    ...at,
    root: keys.agentRoot,
    operational: keys.agentOperational,
    notAfterMs,
  })
  const head = keyEventDigest(delegation.body)
  const hook = { ...at, instance: agent, operational: keys.agentOperational, delegation: head }
  const events: Record<string, SignedKeyEvent> = {
    'agent-delegation': delegation,
    'agent-key': await signPacketKey({ ...hook, packetKey: keys.agentPacket, notAfterMs }),
    'agent-prekey': await signPrekey({ ...hook, suite: 1, kemKey: pair.publicKey, deleteAfterMs: notAfterMs }),
  }
  const table: RoutingTable = {
    network,
    version: 1n,
    rules: [{ id: 'misty', tag, senders: [], candidates: [{ instance: agent, weight: 1 }] }],
    notBeforeMs: nowMs - 1_000,
    expiresMs: nowMs + 3_600_000,
    createdMs: nowMs - 1_000,
  }
  const routingTable = await signRoutingTable(table, keys.tableSigner)
  const statement = await signModelStatement(
    {
      network,
      agent,
      name: 'SmolLM2-135M-Instruct',
      fileDigest: new Uint8Array(32).fill(0xb1),
      fileBytes: 98_362_432n,
      chatTemplateDigest: new Uint8Array(32).fill(0x62),
      architecture: 'llama',
      quantisation: 'Q4_1',
      engine: 'scripted',
      runtime: 'a test',
      contextTokens: 2_048,
      createdMs: nowMs - 500,
    },
    keys.agentPacket,
  )
  const eventEntries = Object.entries(events).map(([name, { body }]) => [
    name,
    control('key-event', keyEventDigest(body)),
  ])
  await log.append({
    ...(Object.fromEntries(eventEntries) as Record<string, Entry>),
    table: control('routing-table', digestOf('routing-table', routingTable)),
    statement: control('model-statement', digestOf('model-statement', statement)),
  })
  const agentKeys = () => ({
    events: Object.entries(events).map(([name, event]) => ({ event, receipt: log.receipt(name) })),
  })
  const enrolled = new Map<string, { names: string[]; events: SignedKeyEvent[]; head: Uint8Array }>()
  const sequence = createSequence(nowMs)

  const packetEntry = (
    kind: LeafKind,
    id: Uint8Array,
    { core }: Pick<ParsedPacket, 'core'>,
    chainHead: Uint8Array,
    partition: Uint8Array,
  ): Entry => {
    const { sender, senderKey, epoch, seq, recipients, attempt, contentCommitment: commitment } = core
    const addendum = { nonce: id.slice(0, 16), sender, senderKey, epoch, seq, chainHead, recipients }
    return { kind, subject: id, partition, attempt, commitment, addendum }
  }

  return {
    agent,
    trustFile: encodeTrustFile(trust),
    checkpoint: log.checkpoint,
    tile: log.tile,
    routes: () => ({ routingTable, receipt: log.receipt('table'), candidates: [agentKeys()] }),
    /** Undefined when the instance is not enrolled. */
    keysOf(instance: string): KeyChain | undefined {
      const found = enrolled.get(instance)
      return found && { events: found.events.map((event, i) => ({ event, receipt: log.receipt(found.names[i]!) })) }
    },
    knows: ({ events }: KeyEvents): boolean => enrolled.has(toHex(parseKeyEvent(events[0]!).instance)),
    async enrol({ events }: KeyEvents): Promise<readonly Receipt[]> {
      const instance = toHex(parseKeyEvent(events[0]!).instance)
      const known = enrolled.get(instance) ?? { names: [], events: [], head: keyEventDigest(events[0]!.body) }
      const names = events.map((_, i) => `${instance}-${known.names.length + i}`)
      await log.append(
        Object.fromEntries(events.map(({ body }, i) => [names[i]!, control('key-event', keyEventDigest(body))])),
      )
      enrolled.set(instance, { ...known, names: [...known.names, ...names], events: [...known.events, ...events] })
      return names.map(log.receipt)
    },
    /** Logs a request with its first attempt. */
    async submit(bytes: Uint8Array): Promise<{ packet: ParsedPacket; receipt: Receipt }> {
      const packet = parsePacket(bytes)
      const { core, id } = packet
      if (core.kind === KINDS.CANCEL) {
        const name = `cancel-${toHex(id)}`
        await log.append({
          [name]: packetEntry(
            'cancel',
            id,
            packet,
            new Uint8Array(32),
            packetPartition(core.sender, core.correlationId),
          ),
        })
        return { packet, receipt: log.receipt(name) }
      }
      const partition = packetPartition(core.sender, core.correlationId)
      const decision = { tableVersion: 1n, rule: 'misty', agent, acceptByMs: Date.now() + 30_000 }
      const name = toHex(id)
      await log.append({
        [name]: packetEntry('request', id, packet, enrolled.get(toHex(core.sender))!.head, partition),
        [`${name}-attempt`]: {
          kind: 'attempt',
          subject: id,
          partition,
          attempt: 1,
          commitment: core.tableDigest,
          addendum: { nonce: id.slice(16), recipients: [], decision },
        },
      })
      return { packet, receipt: log.receipt(name) }
    },
    /** The records of the answer. @param cut Ends it as cancelled once it says true. */
    async *answer(
      packet: ParsedPacket,
      words: readonly string[],
      delayMs: number,
      cut: () => boolean,
    ): AsyncGenerator<Uint8Array> {
      const { core, id } = packet
      const name = toHex(id)
      const partition = packetPartition(core.sender, core.correlationId)
      const wait = () => new Promise((resolve) => setTimeout(resolve, delayMs))
      yield encodeRecord('heartbeat', new TextEncoder().encode('queued 0'))
      const wanted = toHex(kemKeyId(1, pair.publicKey))
      const own = {
        instance: agent,
        session: () => undefined,
        kemKey: (of: Uint8Array) => (toHex(of) === wanted ? pair : undefined),
      }
      const { replySecret } = await openRequest(packet, own)
      const responseNonce = new Uint8Array(32).fill(5) as Bytes
      const replyKeys = deriveReplyKeys(replySecret, responseNonce)
      const draft = {
        request: { id, core },
        sender: agent,
        senderKey: keys.agentPacket.publicKey,
        attempt: 1,
        responseNonce,
      }
      const place = () => ({ place: sequence.next(), nowMs: Date.now() })
      yield encodeRecord('agent-keys', encode(KeyChain, agentKeys()))
      yield encodeRecord('attempt-receipt', encode(ReceiptTable, log.receipt(`${name}-attempt`)))
      yield encodeRecord('statement-receipt', encode(ReceiptTable, log.receipt('statement')))
      const open = await sealOpen({ ...draft, ...place() }, { modelStatement: statement }, replyKeys, keys.agentPacket)
      await log.append({ [`${name}-open`]: packetEntry('stream-open', open.id, open, head, partition) })
      yield encodeRecord('packet', open.bytes)
      yield encodeRecord('receipt', encode(ReceiptTable, log.receipt(`${name}-open`)))
      const writer = createFrameWriter(open.id, replyKeys.frame)
      const payloads: Uint8Array[] = []
      for (const [at, text] of words.entries()) {
        const last = at === words.length - 1 || cut()
        const payload = encode(AnswerContent, { parts: [{ text }] })
        payloads.push(payload)
        yield encodeRecord('frame', writer.write(payload, last))
        if (last) break
        await wait()
      }
      const end = {
        streamId: open.id,
        frames: writer.count,
        root: writer.root(),
        ended: true,
        answer: concat(...payloads),
        answerSalt: replyKeys.answerSalt,
      }
      const code = cut() ? OUTCOMES.CANCELLED : OUTCOMES.STOP
      const content = closeContentOf(end, { promptTokens: 9, completionTokens: writer.count })
      const close = await sealClose({ ...draft, ...place(), code }, content, replyKeys, keys.agentPacket)
      yield encodeRecord('packet', close.bytes)
      await log.append({ [`${name}-close`]: packetEntry('stream-close', close.id, close, head, partition) })
      yield encodeRecord('receipt', encode(ReceiptTable, log.receipt(`${name}-close`)))
      yield encodeRecord('end')
    },
  }
}

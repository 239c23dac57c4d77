import { checkAddress, checkExpiry, prove, readCandidate } from '../../../packages/agent/src/receive.ts'
import {
  type Addendum,
  Delivery,
  decode,
  encode,
  KeyChain,
  Packet,
  type SignedKeyEvent,
} from '../../../packages/schemas/src/messages.ts'
import { anInstance, fixed, keyOf, NOW_MS } from '../../../packages/sdk/conformance/make/fixed.ts'
import { anAgent, requestOf } from '../../../packages/sdk/conformance/make/request.ts'
import { documentDigest } from '../../../packages/sdk/src/envelope/hash.ts'
import { keyEventDigest, signDelegation, signPacketKey, signRevocation } from '../../../packages/sdk/src/keys/event.ts'
import type { RequestDraft } from '../../../packages/sdk/src/packet/build.ts'
import { storyKeys, storyTrust } from '../../../packages/sdk/src/proof/fixture.ts'
import { type Entry, logStory } from '../../../packages/sdk/src/proof/fixture-log.ts'
import { controlPartition, packetPartition } from '../../../packages/sdk/src/proof/leaf.ts'
import { encodeReceipt } from '../../../packages/sdk/src/proof/receipt.ts'
import { withCore } from '../http-world.ts'
import { breakWire } from '../mutate/wire.ts'
import { CORE_CHANGES } from '../packet-seed.ts'
import type { Random } from '../random.ts'
import { createLedger, judged, promise, refusalOf, same, type Target } from '../target.ts'
import { fromHex, vector } from '../vector.ts'

type Bytes = Uint8Array<ArrayBuffer>

interface Plot {
  readonly acceptByMs?: number
  readonly keyNotAfterMs?: number
  /** The sender's key is revoked before the request; its chain shows that or not. */
  readonly revoked?: 'shown' | 'hidden'
  readonly changes?: Partial<RequestDraft>
  readonly attempt?: Partial<Entry>
  readonly addendum?: Partial<Addendum>
  readonly chain?: (events: KeyChain['events']) => KeyChain['events']
}

const cast = await (async () => {
  const keys = await storyKeys()
  const trust = storyTrust(keys)
  const [agent, other] = [await anAgent('agent 0', 1), await anAgent('agent 1', 1)]
  return {
    keys,
    trust,
    agent,
    other,
    sender: await anInstance('sender'),
    operational: await keyOf('sender/operational'),
  }
})()

async function eventsOf({
  keyNotAfterMs = NOW_MS + 86_400_000,
  revoked,
}: Plot): Promise<Record<string, SignedKeyEvent>> {
  const { trust, sender, operational } = cast
  const at = { network: trust.network, createdMs: NOW_MS - 1_000 }
  const delegation = await signDelegation({ ...at, notAfterMs: NOW_MS + 86_400_000, root: sender.root, operational })
  const hook = { ...at, instance: sender.instance, delegation: keyEventDigest(delegation.body) }
  const key = await signPacketKey({ ...hook, notAfterMs: keyNotAfterMs, operational, packetKey: sender.signer })
  if (revoked === undefined) return { delegation, key }
  return {
    delegation,
    key,
    revocation: await signRevocation({ ...hook, by: operational, key: sender.signer.publicKey }),
  }
}

/** A packet as a router delivers it: sealed, logged, attempted, with its proofs. */
async function delivered(plot: Plot): Promise<Bytes> {
  const { keys, trust, agent, sender } = cast
  const request = await requestOf({
    name: 'fuzz',
    sender,
    agents: [agent],
    changes: { network: trust.network, ...plot.changes },
  })
  const { core } = request
  const events = await eventsOf(plot)
  const entries = new Map<string, Entry>(
    Object.entries(events).map(([name, { body }]) => [
      name,
      { kind: 'key-event', subject: keyEventDigest(body), partition: controlPartition('key-event') },
    ]),
  )
  const head = (events['revocation'] ?? events['delegation']) as SignedKeyEvent
  const { epoch, seq, recipients, senderKey } = core
  const partition = packetPartition(core.sender, core.correlationId)
  const own = {
    nonce: fixed('own', 16),
    sender: core.sender,
    senderKey,
    epoch,
    seq,
    recipients,
    chainHead: documentDigest('key-event', head.body),
  }
  entries.set('request', {
    kind: 'request',
    subject: request.id,
    partition,
    commitment: core.contentCommitment,
    addendum: { ...own, ...plot.addendum } as Addendum,
  })
  const decision = {
    tableVersion: 1n,
    rule: 'misty',
    agent: agent.instance as Bytes,
    acceptByMs: plot.acceptByMs ?? NOW_MS + 30_000,
  }
  entries.set('attempt', {
    kind: 'attempt',
    subject: request.id,
    partition,
    attempt: 1,
    commitment: core.tableDigest,
    addendum: { nonce: fixed('attempt', 16), recipients: [], decision },
    ...plot.attempt,
  })
  const { receipts } = await logStory(entries, [{ names: [...entries.keys()], atMs: NOW_MS }], keys, {})
  const shown = Object.keys(events).filter((name) => name !== 'revocation' || plot.revoked === 'shown')
  const chain = shown.map((name) => ({ event: events[name] as SignedKeyEvent, receipt: receipts.get(name)! }))
  const delivery = encode(Delivery, {
    requestReceipt: encodeReceipt(receipts.get('request')!),
    attemptReceipt: encodeReceipt(receipts.get('attempt')!),
    senderKeys: encode(KeyChain, { events: plot.chain?.(chain) ?? chain }),
  })
  return encode(Packet, { ...decode(Packet, request.bytes), delivery })
}

const PLOTS: readonly Plot[] = [
  {},
  { acceptByMs: NOW_MS - 1 },
  { keyNotAfterMs: NOW_MS - 500 },
  { revoked: 'shown' },
  { revoked: 'hidden' },
  { changes: { nowMs: NOW_MS - 100_000, lifetimeMs: 60_000 } },
  { chain: (events) => events.slice(0, 1) },
  { attempt: { attempt: 2 } },
  { attempt: { kind: 'ack' } },
  { addendum: { seq: 9n } },
]

/** A packet as an agent takes it from its router, up to the proof that it may run. A packet that no gate lets in is UNPARSED. */
export const target: Target = {
  name: 'delivery',
  inputs: 25_000,
  codes: [
    'UNPARSED',
    'FIELD_INVALID',
    'NETWORK_MISMATCH',
    'NOT_A_RECIPIENT',
    'PACKET_EXPIRED',
    'ATTEMPT_UNPROVEN',
    'LEAF_MISMATCH',
    'ATTEMPT_LATE',
    'KEY_UNKNOWN',
    'KEY_REVOKED',
    'KEY_EXPIRED',
    'SIGNATURE_INVALID',
    'RECIPIENTS_MISMATCH',
    'CIPHERTEXT_MISMATCH',
  ],
  covers: ['agent/receive.ts readCandidate', 'agent/receive.ts prove'],
  async open() {
    const { trust, agent, other, sender } = cast
    const all = await Promise.all(PLOTS.map(delivered))
    const whole = all[0] as Bytes
    const signed = createLedger()
    for (const bytes of all) signed.note(decode(Packet, bytes).header)
    const inPacket = (change: (packet: Packet, random: Random) => Packet) => ({
      make: (random: Random) => encode(Packet, change(decode(Packet, whole), random)),
    })
    const inDelivery = (change: (delivery: Delivery, random: Random) => Delivery) =>
      inPacket((packet, random) => ({
        ...packet,
        delivery: encode(Delivery, change(decode(Delivery, packet.delivery as Uint8Array), random)),
      }))
    const flipped = (bytes: Uint8Array | undefined, random: Random) => {
      const at = random.below(bytes?.length ?? 0)
      return bytes?.map((byte, i) => (i === at ? byte ^ 1 : byte)) as Bytes
    }
    const some = (bytes: Uint8Array | undefined, random: Random) => breakWire(bytes as Uint8Array, random, all) as Bytes
    const others = vector('replies').replies.flatMap(({ bodiless }) => bodiless.map(({ packet }) => fromHex(packet)))
    const ofOthers = await requestOf({ name: 'others', sender, agents: [other], changes: { network: trust.network } })
    return {
      manner: 'wire',
      seeds: all,
      twists: [
        ...all.map((bytes) => ({ make: () => bytes })),
        ...CORE_CHANGES.slice(3).map((change) => ({
          make: (random: Random) => withCore(whole, sender.signer, signed, (core) => change(core, random)),
        })),
        {
          make: (random: Random) =>
            withCore(whole, sender.signer, signed, (core) => ({ ...core, network: random.bytes(32) })),
        },
        { make: () => encode(Packet, { ...decode(Packet, whole), ...decode(Packet, ofOthers.bytes) }) },
        inPacket((packet, random) => ({ ...packet, signature: flipped(packet.signature, random) })),
        inPacket((packet, random) => ({ ...packet, ciphertext: flipped(packet.ciphertext, random) })),
        inPacket((packet, random) => ({ ...packet, recipients: flipped(packet.recipients, random) })),
        inPacket(({ delivery: _, ...packet }) => packet),
        ...others.map((bytes) => ({ make: () => bytes })),
        inDelivery(({ senderKeys, ...rest }, random) => ({ ...rest, senderKeys: some(senderKeys, random) })),
        inDelivery((rest, random) => ({ ...rest, requestReceipt: some(rest.requestReceipt, random) })),
        inDelivery((rest, random) => ({ ...rest, attemptReceipt: some(rest.attemptReceipt, random) })),
        inDelivery((rest) => ({ ...rest, attemptReceipt: rest.requestReceipt })),
        inDelivery((rest) => ({ ...rest, requestReceipt: rest.attemptReceipt })),
      ],
      async run(input) {
        let candidate: ReturnType<typeof readCandidate>
        try {
          candidate = readCandidate(input)
        } catch (error) {
          refusalOf(error)
          return 'UNPARSED'
        }
        const receiver = { instance: agent.instance, trust, clock: { now: () => NOW_MS + 1_000 } }
        return judged(async () => {
          checkAddress(candidate, receiver as never)
          checkExpiry(candidate, receiver as never)
          const { packet } = await prove(candidate, receiver as never)
          signed.hold(packet.header)
          promise(same(packet.core.sender, sender.instance), 'it was proven for another')
        })
      },
    }
  },
}

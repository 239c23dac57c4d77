// Findings on their way: who may speak, what is refused with which code, and one leaf and one feedback for each, on both
// streams and over every write that fails.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Anomaly,
  type Evidence,
  encodeMessage,
  encodeSigned,
  MAX_FINDING_PAYLOAD_BYTES,
  parseSigned,
  type Topic,
  type TopicMessages,
} from '@mystranet/schemas/topics'
import { equalBytes, toHex, utf8 } from '@mystranet/sdk/bytes'
import { documentDigest } from '@mystranet/sdk/envelope'
import { instanceId } from '@mystranet/sdk/keys/instance-id'
import { sha256 } from '@mystranet/sdk/proof/merkle'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Broker, startBroker } from '../../../scripts/broker/server.ts'
import { connectNats } from '../src/adapters/nats-connection.ts'
import { openDatabase } from '../src/adapters/sqlite/database.ts'
import { sqliteTopicStream } from '../src/adapters/sqlite/topic-stream.ts'
import { openRouter } from '../src/entry/node.ts'
import { RouterError } from '../src/errors.ts'
import { packetLog } from '../src/packet-log.ts'
import type { PacketLog } from '../src/ports.ts'
import { type AdmittedMessage, admitMessage, TOPIC_AGE_MS } from '../src/topic/admit.ts'
import { logFindings } from '../src/topic/findings.ts'
import { trustedProducers } from '../src/topic/producers.ts'
import { signMessage } from '../src/topic/sign.ts'
import { createTopics } from '../src/topic/topics.ts'
import {
  logSigner,
  network,
  nexusSigner,
  openWorld,
  type Party,
  partyOf,
  tableSigner,
  trust,
  witnessSigner,
} from './router-world.ts'

const ANOMALIES = 'ai.anomalies.v1'
const COMMITS = 'control.commits.v1'
const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes))
const payload = utf8('what was seen')

let party: Party
let stranger: Party
beforeAll(async () => {
  party = await partyOf(10, Date.now())
  stranger = await partyOf(70, Date.now())
})

const stampOf = ({ instance, identity }: Party = party) => ({
  id: random(16),
  network,
  ts: Date.now(),
  producerId: instance,
  nonce: random(16),
  pubkey: identity.packet.publicKey,
})
const anomaly = (over: Partial<Anomaly> = {}): Anomaly => ({
  ...stampOf(),
  type: 'ddos',
  source: 'flows',
  severity: 7,
  confidence: 0.9,
  contentHash: sha256(payload),
  payload,
  modelVersion: '1.0.0',
  ...over,
})
const evidence = (over: Partial<Evidence> = {}): Evidence => ({
  ...stampOf(),
  evidenceType: 'pcap',
  refs: [random(16)],
  proofBlob: payload,
  contentHash: sha256(payload),
  ...over,
})
const signed = <T extends Topic>(topic: T, message: TopicMessages[T], by = party.identity.packet) =>
  signMessage(topic, message, by)
const trace = { stage: () => undefined, fault: () => undefined }

describe('admitMessage', () => {
  let producers: ReturnType<typeof trustedProducers>
  beforeAll(async () => {
    const world = await openWorld()
    await world.enrol(party)
    producers = trustedProducers(trust, world.nexus.keyring)
  })
  const admit = (topic: Topic, bytes: Uint8Array) => admitMessage(topic, bytes, producers, Date.now())
  const refused = async (topic: Topic, bytes: Uint8Array) =>
    admit(topic, bytes).then(
      () => 'ok',
      (error: { code: string }) => error.code,
    )

  it('takes what an enrolled instance signed, and names it by producer and id', async () => {
    const message = anomaly()
    const bytes = await signed(ANOMALIES, message)
    const admitted = await admit(ANOMALIES, bytes)
    expect(admitted.message).toEqual(message)
    expect(admitted.id).toBe(`${party.name}.${toHex(message.id)}`)
    expect(admitted.nonce).toBe(`${party.name}.${toHex(message.nonce)}`)
    expect(equalBytes(admitted.digest, documentDigest('finding', parseSigned(bytes).body))).toBe(true)
    expect(await refused('ai.evidence.v1', await signed('ai.evidence.v1', evidence()))).toBe('ok')
    const largest = new Uint8Array(MAX_FINDING_PAYLOAD_BYTES)
    expect(
      await refused(ANOMALIES, await signed(ANOMALIES, anomaly({ payload: largest, contentHash: sha256(largest) }))),
    ).toBe('ok')
  })

  it.each<[string, string, () => Partial<Anomaly>]>([
    ['of another network', 'NETWORK_MISMATCH', () => ({ network: random(32) })],
    ['whose content hash is another', 'FIELD_INVALID', () => ({ contentHash: random(32) })],
    ['that is too old', 'CLOCK_SKEWED', () => ({ ts: Date.now() - TOPIC_AGE_MS - 1_000 })],
    ['from the future', 'CLOCK_SKEWED', () => ({ ts: Date.now() + 60_000 })],
    ['of an instance that is not enrolled', 'KEY_UNKNOWN', () => ({ producerId: stranger.instance })],
    [
      'by a key that its producer does not have',
      'SIGNATURE_INVALID',
      () => ({ pubkey: stranger.identity.packet.publicKey }),
    ],
  ])('refuses a message %s: %s', async (_, code, over) => {
    expect(await refused(ANOMALIES, await signed(ANOMALIES, anomaly(over())))).toBe(code)
  })

  it('refuses another key, though it signed, as an unknown key of the producer', async () => {
    const over = { pubkey: stranger.identity.packet.publicKey }
    expect(await refused(ANOMALIES, await signed(ANOMALIES, anomaly(over), stranger.identity.packet))).toMatch(/^KEY_/)
  })

  it('refuses evidence whose proof is another, every changed byte, and every other topic', async () => {
    expect(
      await refused('ai.evidence.v1', await signed('ai.evidence.v1', evidence({ proofBlob: utf8('other') }))),
    ).toBe('FIELD_INVALID')
    const bytes = await signed(ANOMALIES, anomaly())
    const codes = new Set<string>()
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice()
      changed[at] = (changed[at] as number) ^ 1
      codes.add(await refused(ANOMALIES, changed))
    }
    expect([...codes].sort()).toEqual(['DOCUMENT_MALFORMED', 'SIGNATURE_INVALID'])
    expect(await refused('ai.evidence.v1', bytes)).toBe('DOCUMENT_MALFORMED')
    expect(await refused(ANOMALIES, new Uint8Array(700 * 1024))).toBe('PACKET_TOO_LARGE')
  })

  it('refuses with declared codes only, whatever the bytes are', async () => {
    const body = encodeMessage(ANOMALIES, anomaly())
    const any = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc
        .uint8Array({ minLength: 1, maxLength: 200 })
        .map((noise) => encodeSigned({ body: noise, signature: random(64) })),
      fc.constant(encodeSigned({ body, signature: random(64) })),
    )
    await fc.assert(
      fc.asyncProperty(any, async (bytes) => {
        expect(['DOCUMENT_MALFORMED', 'SIGNATURE_INVALID']).toContain(await refused(ANOMALIES, bytes))
      }),
      { seed: 31, numRuns: 300 },
    )
  })

  it('lets only the nexus and operators speak on the topics of feedback', async () => {
    const feedback = (by: { readonly publicKey: Uint8Array }) => ({
      ...stampOf(),
      producerId: instanceId(by.publicKey),
      pubkey: by.publicKey,
      policyId: random(16),
      accepted: true,
      reason: '',
    })
    const standing = (by: { readonly publicKey: Uint8Array }) => ({
      ...stampOf(),
      producerId: instanceId(by.publicKey),
      pubkey: by.publicKey,
      subject: 'misty',
      score: 1,
      confirmed: 1,
      overruled: 0,
    })
    for (const [by, policy, reputation] of [
      [nexusSigner, 'ok', 'ok'],
      [tableSigner, 'ok', 'NOT_PERMITTED'],
      [party.identity.packet, 'NOT_PERMITTED', 'NOT_PERMITTED'],
    ] as const) {
      expect(await refused('control.policy.v1', await signMessage('control.policy.v1', feedback(by), by))).toBe(policy)
      expect(await refused('control.reputation.v1', await signMessage('control.reputation.v1', standing(by), by))).toBe(
        reputation,
      )
    }
    const borrowed = { ...feedback(nexusSigner), producerId: party.instance }
    expect(await refused('control.policy.v1', await signMessage('control.policy.v1', borrowed, nexusSigner))).toBe(
      'NOT_PERMITTED',
    )
  })
})

describe('the topics of one process', () => {
  /** A stream, a log that a test may break, and everything on a clock that stands still. */
  const open = () => {
    const db = openDatabase(':memory:')
    const state = { nowMs: Date.now(), losesAcknowledgement: false, counted: [] as string[] }
    const stream = sqliteTopicStream(db, { messages: 99, bytes: 1e7, inFlight: 64 })
    const acknowledge: typeof stream.acknowledge = async (lease, nowMs) => {
      if (!state.losesAcknowledgement) return stream.acknowledge(lease, nowMs)
      state.losesAcknowledgement = false
      throw new RouterError('STORE_FAILED', 'Cannot acknowledge: the disk is gone')
    }
    const topics = createTopics({
      stream: { ...stream, acknowledge },
      producers: { network, permit: async () => undefined },
      trace,
      metrics: { count: (name, labels) => state.counted.push([name, ...Object.values(labels ?? {})].join(' ')) },
      maxPublishing: 2,
      nowMs: () => state.nowMs,
    })
    return { db, state, stream, topics }
  }
  type Opened = ReturnType<typeof open>
  /** Consumes, and takes down what it took. */
  const consumer = (
    { topics }: Opened,
    fails: (message: AdmittedMessage<'ai.anomalies.v1'>) => unknown = () => undefined,
  ) => {
    const taken: string[] = []
    const { pump } = topics.consume(ANOMALIES, 'test', async (message) => {
      const error = fails(message)
      if (error !== undefined) throw error
      taken.push(toHex(message.message.id))
    })
    return { taken, pump }
  }

  it('publishes once for each id of a producer', async () => {
    const world = open()
    const message = anomaly()
    expect(await world.topics.publish(ANOMALIES, await signed(ANOMALIES, message))).toBe('published')
    expect(await world.topics.publish(ANOMALIES, await signed(ANOMALIES, { ...message, nonce: random(16) }))).toBe(
      'known',
    )
    const other = { ...message, producerId: random(32), nonce: random(16) }
    expect(await world.topics.publish(ANOMALIES, await signed(ANOMALIES, other))).toBe('published')
  })

  it('says TOPIC_FULL when too many are on their way, and takes more after', async () => {
    const world = open()
    const bytes = await Promise.all([1, 2, 3].map(() => signed(ANOMALIES, anomaly())))
    const results = await Promise.allSettled(bytes.map((each) => world.topics.publish(ANOMALIES, each)))
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected'])
    expect(results[2]).toMatchObject({ reason: { code: 'TOPIC_FULL' } })
    expect(await world.topics.publish(ANOMALIES, bytes[2] as Uint8Array)).toBe('published')
  })

  it('gives a consumer a message again while a retry may mend it, with pauses, and no longer', async () => {
    const world = open()
    let times = 0
    const { taken, pump } = consumer(world, () => {
      times += 1
      return times < 4 ? new RouterError('STORE_FAILED', 'Cannot: not yet') : undefined
    })
    await world.topics.publish(ANOMALIES, await signed(ANOMALIES, anomaly()))
    for (let i = 0; i < 20 && taken.length === 0; i++) {
      await pump()
      world.state.nowMs += 250
    }
    expect([times, taken.length, (await world.topics.dead(9)).length]).toEqual([4, 1, 0])
    expect(world.state.counted).toEqual(Array(3).fill(`weave_topic_retries_total ${ANOMALIES} STORE_FAILED`))
    expect(world.state.nowMs).toBeGreaterThan(0)
  })

  it('buries what fails for ever, and what is refused for good at once, with the code', async () => {
    const world = open()
    const { taken, pump } = consumer(world, ({ message }) =>
      message.type === 'fault'
        ? new Error('a bug')
        : message.type === 'no'
          ? new RouterError('NOT_PERMITTED', 'Cannot: no')
          : undefined,
    )
    for (const type of ['no', 'fault', 'yes'])
      await world.topics.publish(ANOMALIES, await signed(ANOMALIES, anomaly({ type })))
    await pump()
    expect((await world.topics.dead(9)).map(({ code }) => code)).toEqual(['NOT_PERMITTED'])
    for (let i = 0; i < 25; i++) {
      world.state.nowMs += 60_000
      await pump()
    }
    expect((await world.topics.dead(9)).map(({ code, consumer: name }) => [code, name])).toEqual([
      ['INTERNAL', 'test'],
      ['NOT_PERMITTED', 'test'],
    ])
    expect(taken).toHaveLength(1)
  })

  it('takes nothing in that its broker let through: forged, old, replayed', async () => {
    const world = open()
    const { taken, pump } = consumer(world)
    const inject = (name: string, bytes: Uint8Array) => world.stream.publish(ANOMALIES, name, bytes, world.state.nowMs)
    const good = anomaly()
    await inject('good', await signed(ANOMALIES, good))
    await pump()
    await inject('twice', await signed(ANOMALIES, good))
    await inject('reused', await signed(ANOMALIES, anomaly({ nonce: good.nonce })))
    await inject('forged', await signed(ANOMALIES, anomaly(), stranger.identity.packet))
    await inject('old', await signed(ANOMALIES, anomaly({ ts: world.state.nowMs - TOPIC_AGE_MS - 1 })))
    await inject('noise', random(99))
    await pump()
    expect(new Set(taken)).toEqual(new Set([toHex(good.id)]))
    const codes = (await world.topics.dead(9)).map(({ code }) => code)
    expect(codes.sort()).toEqual(['CLOCK_SKEWED', 'DOCUMENT_MALFORMED', 'REPLAYED', 'SIGNATURE_INVALID'])
    expect(world.state.counted.sort()).toEqual([
      'weave_signature_failures_total',
      ...codes.map((code) => `weave_topic_dead_total ${ANOMALIES} ${code}`),
    ])
  })

  it('judges the age of a message by when it came, however long it waited', async () => {
    const world = open()
    await world.topics.publish(ANOMALIES, await signed(ANOMALIES, anomaly()))
    world.state.nowMs += 2 * TOPIC_AGE_MS
    const { taken, pump } = consumer(world)
    await pump()
    expect(taken).toHaveLength(1)
  })

  it.each(['before', 'after'] as const)(
    'logs one leaf and says so once, when the log fails %s it wrote',
    async (when) => {
      const world = open()
      const real = await openWorld()
      const confirmed = packetLog(real.log, 2_000)
      let breaks = 2
      let commits = 0
      const log: Pick<PacketLog, 'commit'> = {
        async commit(drafts) {
          commits += 1
          const fails = breaks-- > 0
          if (fails && when === 'before') throw new RouterError('LOG_BUSY', 'Cannot log: busy')
          const receipts = await confirmed.commit(drafts)
          if (fails) throw new RouterError('LOG_UNCONFIRMED', 'Cannot log: unconfirmed')
          return receipts
        },
      }
      const consumers = logFindings({
        topics: world.topics,
        log,
        network,
        signer: nexusSigner,
        nowMs: () => world.state.nowMs,
        random,
      })
      await world.topics.publish(ANOMALIES, await signed(ANOMALIES, anomaly()))
      world.state.losesAcknowledgement = true
      for (let i = 0; i < 12; i++) {
        await Promise.all(consumers.map(({ pump }) => pump()))
        world.state.nowMs += 10_000
      }
      // Two that failed, one whose acknowledgement was lost, and one more.
      expect(commits).toBe(4)
      expect(real.log.published()?.treeSize ?? 0).toBe(1)
      expect(await world.stream.lease(COMMITS, 'test', 9, world.state.nowMs, 1_000)).toHaveLength(1)
      expect(await world.topics.dead(9)).toEqual([])
    },
  )
})

describe('a router', () => {
  let broker: Broker
  let stateDir: string
  beforeAll(async () => {
    broker = await startBroker()
  })
  afterAll(() => broker.remove())
  beforeEach(async () => {
    stateDir = await mkdtemp(join(tmpdir(), 'router-'))
  })
  afterEach(() => rm(stateDir, { recursive: true }))

  const open = (nats: string | undefined) =>
    openRouter({
      stateDir,
      trust,
      keys: { log: logSigner, witness: witnessSigner, nexus: nexusSigner },
      config: { port: 0, logLevel: 'silent' },
      env: {},
      nats,
    })

  it.each(['in one process', 'over a broker'])(
    '%s: logs a finding once, and says so on control.commits.v1',
    async (where) => {
      const nats = where === 'over a broker' ? broker.url : undefined
      let router = await open(nats)
      await router.nexus.enrol(party.events, async () => true)
      const message = anomaly()
      const bytes = await signed(ANOMALIES, message)
      const heard: AdmittedMessage<'control.commits.v1'>[] = []
      const listen = () => {
        const { pump } = router.topics.consume(COMMITS, 'detector', async (each) => void heard.push(each))
        return pump
      }
      let pump = listen()
      expect(await router.topics.publish(ANOMALIES, bytes)).toBe('published')
      const isHeard = async () => {
        await pump()
        return heard.length
      }
      await expect.poll(isHeard, { timeout: 10_000 }).toBe(1)
      const [feedback] = heard.map((each) => each.message)
      expect(feedback?.findingId).toEqual(message.id)
      expect(feedback?.pubkey).toEqual(nexusSigner.publicKey)
      const name = { kind: 'anomaly', subject: documentDigest('finding', parseSigned(bytes).body), attempt: 0 } as const
      const receipt = await router.log.find(name)
      expect(receipt?.leafIndex).toBe(feedback?.leafIndex)
      expect((feedback?.treeSize ?? 0n) > (feedback?.leafIndex ?? 0n)).toBe(true)
      expect(await router.topics.publish(ANOMALIES, bytes)).toBe('known')
      await router.close()

      router = await open(nats)
      pump = listen()
      expect(await router.topics.publish(ANOMALIES, bytes)).toBe('known')
      await new Promise((resolve) => setTimeout(resolve, 1_200))
      expect(await isHeard()).toBe(1)
      const size = router.log.published()?.treeSize
      expect(await router.topics.publish('ai.evidence.v1', await signed('ai.evidence.v1', evidence()))).toBe(
        'published',
      )
      await expect.poll(isHeard, { timeout: 10_000 }).toBe(2)
      expect(router.log.published()?.treeSize).toBe((size ?? 0) + 1)
      await router.close()
    },
  )

  it('over a broker: takes what others publish there only when it holds', async () => {
    const router = await open(broker.url)
    await router.nexus.enrol(party.events, async () => true)
    const nc = await connectNats(broker.url, 'a detector elsewhere')
    const good = anomaly()
    const before = router.log.published()?.treeSize ?? 0
    nc.publish(ANOMALIES, await signed(ANOMALIES, anomaly(), stranger.identity.packet))
    nc.publish(ANOMALIES, random(50))
    nc.publish(ANOMALIES, await signed(ANOMALIES, good))
    nc.publish(ANOMALIES, await signed(ANOMALIES, good))
    await nc.flush()
    const codes = async () => (await router.topics.dead(9)).map(({ code }) => code).sort()
    await expect.poll(codes, { timeout: 10_000 }).toEqual(['DOCUMENT_MALFORMED', 'SIGNATURE_INVALID'])
    await expect.poll(() => router.log.published()?.treeSize, { timeout: 10_000 }).toBe(before + 1)
    await router.close()
    await nc.close()
  })
})

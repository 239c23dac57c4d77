// The detector's loop over real topics, a real log and real signatures: out, confirmed, back, and what poison does.

import { memoryFeedback, memoryOutbox, type Observation } from '@mystranet/detector/loop'
import { parseMessage, parseSigned, type Topic, type TopicMessages } from '@mystranet/schemas/topics'
import { fromHex, toHex } from '@mystranet/sdk/bytes'
import { documentDigest } from '@mystranet/sdk/envelope'
import { instanceId } from '@mystranet/sdk/keys/instance-id'
import { localSigner, type Signer } from '@mystranet/sdk/keys/signer'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { openDatabase } from '../src/adapters/sqlite/database.ts'
import { sqliteTopicStream } from '../src/adapters/sqlite/topic-stream.ts'
import { RouterError } from '../src/errors.ts'
import { createMetrics } from '../src/metrics.ts'
import { packetLog } from '../src/packet-log.ts'
import { logFindings } from '../src/topic/findings.ts'
import { wireLoop } from '../src/topic/loop.ts'
import { trustedProducers } from '../src/topic/producers.ts'
import { signMessage } from '../src/topic/sign.ts'
import { createTopics } from '../src/topic/topics.ts'
import { network, nexusSigner, openWorld, type Party, partyOf, tableSigner, trust } from './router-world.ts'

const BOUND = { standard: 0.5, least: 0.4, most: 0.7, stepPerDay: 0.015 }
const TUNES = 'flood/syn/strict'
const LIMITS = { waiting: 99, bytes: 1e7, kept: 99 }
const DAY_MS = 86_400_000
const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes))

let party: Party
let reviewers: Signer[]
let stranger: Signer
beforeAll(async () => {
  party = await partyOf(10, Date.now())
  reviewers = await Promise.all([1, 2, 3].map((seed) => localSigner(new Uint8Array(32).fill(200 + seed))))
  stranger = await localSigner(new Uint8Array(32).fill(99))
})

const seen = (over: Partial<Observation> = {}): Observation => ({
  type: 'flow.syn-flood',
  source: '192.0.2.1',
  severity: 5,
  confidence: 0.5,
  modelVersion: 'flood@1.0.0',
  tunes: TUNES,
  detail: {},
  atMs: Date.now(),
  ...over,
})

/** A router's topics and log, and a detector's loop on them, on a clock that only the test moves. */
async function open({ isPermissive = false } = {}) {
  const world = await openWorld()
  await world.enrol(party)
  const clock = { nowMs: world.clock.nowMs }
  const metrics = createMetrics()
  const stream = sqliteTopicStream(openDatabase(':memory:'), { messages: 9_999, bytes: 1e9, inFlight: 64 })
  const trace = { stage: () => undefined, fault: (_: string, error: unknown) => faults.push(error) }
  const faults: unknown[] = []
  const producers = trustedProducers(
    { ...trust, authorizers: reviewers.map(({ publicKey }) => publicKey) },
    // The keyring's clock stands still: keys of a day do not outlive a test of sixty.
    isPermissive ? { live: async () => undefined as never } : world.nexus.keyring,
  )
  const nowMs = () => clock.nowMs
  const topics = createTopics({ stream, producers, trace, metrics, nowMs })
  const consumers = logFindings({
    topics,
    log: packetLog(world.log, 2_000),
    network,
    signer: nexusSigner,
    nowMs,
    random,
  })
  const outbox = memoryOutbox(LIMITS)
  const feedback = memoryFeedback()
  const wiring = {
    topics,
    log: world.log,
    metrics,
    trace,
    network,
    producerId: party.instance,
    key: party.identity.packet,
    outbox,
    limits: LIMITS,
    feedback,
    boundOf: (tunes: string) => (tunes === TUNES ? BOUND : undefined),
    nowMs,
    random,
  }
  const loop = wireLoop(wiring)
  const log = () => Promise.all(consumers.map(({ pump }) => pump()))
  const settle = async (times = 3) => {
    for (let i = 0; i < times; i++) {
      await loop.tick()
      await log()
    }
  }
  const observed = async (over: Partial<Observation> = {}) => {
    loop.observe(seen({ atMs: clock.nowMs, ...over }))
    await settle()
    const [finding] = await outbox.list(1)
    if (finding === undefined) throw new Error('it was not kept')
    return finding
  }
  return { world, clock, metrics, stream, topics, outbox, feedback, loop, log, settle, observed, wiring, faults }
}

const stampOf = ({ publicKey }: { readonly publicKey: Uint8Array }, ts: number) => ({
  id: random(16),
  network,
  ts,
  producerId: instanceId(publicKey),
  nonce: random(16),
  pubkey: publicKey,
})
const wordOf = (by: Signer, about: string, ts: number, accepted = false) =>
  signMessage(
    'control.evidence.v1',
    { ...stampOf(by, ts), evidenceId: fromHex(about) as Uint8Array, accepted, request: '' },
    by,
  )

describe('the loop on the topics', () => {
  it('publishes a finding, confirms its leaf, and moves a threshold by a reviewer’s word', async () => {
    const { world, clock, loop, topics, outbox, observed, settle, metrics, faults } = await open()
    const finding = await observed()
    expect(finding.state).toBe('confirmed')
    const leaf = await world.log.find({
      kind: 'anomaly',
      subject: fromHex(finding.digests[0] as string) as Uint8Array,
      attempt: 0,
    })
    expect(leaf?.leafIndex).toBe(finding.leafIndex)
    const { body } = parseSigned(finding.message)
    expect(toHex(documentDigest('finding', body))).toBe(finding.digests[0])
    expect(parseMessage('ai.anomalies.v1', body)).toMatchObject({ type: 'flow.syn-flood', producerId: party.instance })

    await topics.publish('control.evidence.v1', await wordOf(reviewers[0] as Signer, finding.id, clock.nowMs))
    await settle()
    expect(await loop.threshold(TUNES)).toBeCloseTo(0.515, 12)
    expect((await outbox.counts()).states).toEqual({ waiting: 0, published: 0, confirmed: 1, dead: 0 })
    const text = metrics.render([])
    for (const line of [
      'weave_findings_total{topic="ai.anomalies.v1",result="kept"} 1',
      'weave_feedback_total{topic="control.commits.v1",taken="taken"} 1',
      'weave_feedback_total{topic="control.evidence.v1",taken="taken"} 1',
      'weave_finding_publish_seconds_count 1',
      'weave_finding_pipeline_seconds_count 1',
    ]) {
      expect(text).toContain(line)
    }
    expect(faults).toEqual([])
  })

  it.each<[string, (right: TopicMessages['control.commits.v1']) => Partial<TopicMessages['control.commits.v1']>]>([
    ['another place', ({ leafIndex, treeSize }) => ({ leafIndex: leafIndex + 1n, treeSize: treeSize + 9n })],
    ['another hash', () => ({ leafHash: random(32) })],
    ['a tree that does not hold it', ({ leafIndex }) => ({ treeSize: leafIndex === 0n ? 1n : leafIndex })],
  ])('believes no word of a leaf with %s, though the nexus signed it', async (what, change) => {
    const { world, clock, stream, topics, outbox, loop, settle } = await open()
    loop.observe(seen({ atMs: clock.nowMs }))
    await loop.tick()
    const [finding] = await outbox.list(1)
    const subject = fromHex(finding?.digests[0] as string) as Uint8Array
    // Not the first leaf of the log, so that a tree may be too small for it.
    await packetLog(world.log, 2_000).commit([
      { kind: 'evidence', partition: random(32), subject: random(32), attempt: 0 },
    ])
    await packetLog(world.log, 2_000).commit([{ kind: 'anomaly', partition: random(32), subject, attempt: 0 }])
    const found = await world.log.find({ kind: 'anomaly', subject, attempt: 0 })
    const { hashLeaf } = await import('@mystranet/sdk/proof/merkle')
    const right = {
      ...stampOf(nexusSigner, clock.nowMs),
      findingId: fromHex(finding?.id as string) as Uint8Array,
      leafIndex: found?.leafIndex as bigint,
      leafHash: hashLeaf(found?.leaf as Uint8Array),
      treeSize: (found?.leafIndex as bigint) + 1n,
    }
    const wrong = { ...right, ...change(right) }
    await stream.publish(
      'control.commits.v1',
      `x${what.length}`,
      await signMessage('control.commits.v1', wrong, nexusSigner),
      clock.nowMs,
    )
    await loop.tick()
    expect((await outbox.list(1))[0]?.state).toBe('published')
    expect(await topics.dead(9)).toMatchObject([{ topic: 'control.commits.v1', code: 'LEAF_MISMATCH' }])
    const again = { ...right, ...stampOf(nexusSigner, clock.nowMs) }
    await stream.publish(
      'control.commits.v1',
      'y',
      await signMessage('control.commits.v1', again, nexusSigner),
      clock.nowMs,
    )
    await settle(1)
    expect((await outbox.list(1))[0]?.state).toBe('confirmed')
  })

  it('hears reviewers on evidence, operators on policies too, and strangers and instances on neither', async () => {
    const { clock, topics, observed } = await open()
    const { id } = await observed()
    const said = async (by: Signer) =>
      topics.publish('control.evidence.v1', await wordOf(by, id, clock.nowMs)).then(
        () => 'ok',
        (error: { code: string }) => error.code,
      )
    expect(await said(reviewers[0] as Signer)).toBe('ok')
    expect(await said(tableSigner as unknown as Signer)).toBe('ok')
    expect(await said(stranger)).toBe('NOT_PERMITTED')
    expect(await said(party.identity.packet)).toBe('NOT_PERMITTED')
    const policy = async (by: Signer) => {
      const word = { ...stampOf(by, clock.nowMs), policyId: fromHex(id) as Uint8Array, accepted: true, reason: '' }
      return topics.publish('control.policy.v1', await signMessage('control.policy.v1', word, by))
    }
    await expect(policy(reviewers[0] as Signer)).rejects.toMatchObject({ code: 'NOT_PERMITTED' })
    expect(await policy(tableSigner as unknown as Signer)).toBe('published')
  })

  it.each(['before', 'after'] as const)(
    'publishes once, and confirms, when the stream fails %s it took the finding',
    async (when) => {
      const { clock, stream, topics, outbox, wiring, log } = await open()
      let breaks = 2
      const failing: typeof topics = {
        ...topics,
        async publish(topic, message) {
          const fails = breaks-- > 0
          const result = fails && when === 'before' ? 'published' : await topics.publish(topic, message)
          if (fails) throw new RouterError('STORE_FAILED', 'Cannot publish: the disk is gone')
          return result
        },
      }
      const loop = wireLoop({ ...wiring, topics: failing })
      loop.observe(seen({ atMs: clock.nowMs }))
      for (let i = 0; i < 4; i++) {
        await loop.tick()
        clock.nowMs += 5_000
        await log()
      }
      expect(await outbox.list(9)).toMatchObject([{ state: 'confirmed' }])
      expect(breaks).toBeLessThan(2)
      expect(await stream.lease('ai.anomalies.v1', 'count', 9, clock.nowMs, 1_000)).toHaveLength(1)
    },
  )
})

describe('poison', () => {
  type Word = {
    readonly by: number
    readonly about: number
    readonly accepted: boolean
    readonly day: number
    readonly how: string
  }
  const anyWord: fc.Arbitrary<Word> = fc.record({
    by: fc.integer({ min: 0, max: 4 }),
    about: fc.integer({ min: 0, max: 3 }),
    accepted: fc.boolean(),
    day: fc.integer({ min: 0, max: 12 }),
    how: fc.constantFrom('good', 'good', 'good', 'forged', 'changed', 'old', 'replayed', 'reputation'),
  })

  /** Lets all words in by the stream, past whoever publishes, as a broker without accounts would. */
  async function speak(words: readonly Word[]) {
    const opened = await open({ isPermissive: true })
    const { clock, stream, loop, observed } = opened
    const start = Math.ceil(clock.nowMs / DAY_MS) * DAY_MS
    clock.nowMs = start
    const findings: string[] = []
    for (let i = 0; i < 4; i++) findings.push((await observed({ source: `192.0.2.${i}` })).id)
    const sent: { topic: Topic; bytes: Uint8Array; atMs: number }[] = []
    const seenValues: number[] = []
    const signers = [...reviewers, stranger, nexusSigner as unknown as Signer]
    for (const { by, about, accepted, day, how } of words.toSorted((a, b) => a.day - b.day)) {
      clock.nowMs = Math.max(clock.nowMs, start + day * DAY_MS)
      clock.nowMs += 1
      const signer = signers[by] as Signer
      const ts = how === 'old' ? clock.nowMs - DAY_MS : clock.nowMs
      let topic: Topic = 'control.evidence.v1'
      let bytes = await wordOf(signer, findings[about] as string, ts, accepted)
      if (how === 'forged')
        bytes = await signMessage(
          'control.evidence.v1',
          parseMessage('control.evidence.v1', parseSigned(bytes).body),
          stranger,
        )
      if (how === 'changed') bytes = bytes.with(20, (bytes[20] as number) ^ 1)
      if (how === 'replayed' && sent.length > 0) bytes = sent[sent.length - 1]?.bytes as Uint8Array
      if (how === 'reputation') {
        topic = 'control.reputation.v1'
        const score = {
          ...stampOf(signer, ts),
          subject: `192.0.2.${about}`,
          score: Number(accepted),
          confirmed: 1,
          overruled: 1,
        }
        bytes = await signMessage(topic, score, signer)
      }
      sent.push({ topic, bytes, atMs: clock.nowMs })
      await stream.publish(topic, `m${sent.length}`, bytes, clock.nowMs)
      await loop.tick()
      seenValues.push((await loop.threshold(TUNES)) as number, loop.standing(`192.0.2.${about}`))
    }
    return { ...opened, sent, seenValues, start }
  }

  it('no sequence of feedback, signed or not, moves a threshold or a standing beyond its bounds or faster than its step', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyWord, { maxLength: 25 }), async (words) => {
        const { seenValues, faults } = await speak(words)
        seenValues.forEach((value, i) => {
          const [least, most] = i % 2 === 0 ? [BOUND.least, BOUND.most] : [0.1, 0.9]
          expect(value).toBeGreaterThanOrEqual(least)
          expect(value).toBeLessThanOrEqual(most)
          // Within a day, from one side of where it began to the other.
          const before = i < 2 ? 0.5 : (seenValues[i - 2] as number)
          if (i % 2 === 0) expect(Math.abs(value - before)).toBeLessThanOrEqual(2 * BOUND.stepPerDay + 0.2 * 0.1)
        })
        expect(faults).toEqual([])
      }),
      { seed: 77, numRuns: 12 },
    )
  }, 60_000)

  it('all reviewers together, for sixty days, move it to its bound and no further', async () => {
    const words = Array.from({ length: 60 }, (_, day) =>
      [0, 1, 2].map((by) => ({ by, about: by, accepted: false, day, how: 'good' })),
    ).flat()
    const { seenValues } = await speak(words)
    const thresholds = seenValues.filter((_, i) => i % 2 === 0)
    expect(Math.max(...thresholds)).toBeLessThanOrEqual(BOUND.most)
    expect(thresholds.at(-1)).toBeGreaterThan(BOUND.standard)
  }, 60_000)

  it('the same stream gives the same threshold, in whatever order it is taken in', async () => {
    // The topics keep a week.
    const words = fc.sample(anyWord, { seed: 8, numRuns: 40 }).map((word) => ({ ...word, day: word.day % 6 }))
    const first = await speak(words)
    const votes = await first.feedback.votes(TUNES, 0)
    expect(votes.length).toBeGreaterThan(5)
    const { stream, clock, wiring, outbox } = first
    const feedback = memoryFeedback()
    // Another detector process of the same instance: its book of findings, none of the words.
    const again = wireLoop({ ...wiring, feedback, producerId: random(32), outbox })
    for (let i = 0; i < 40; i++) await again.tick()
    expect(await again.threshold(TUNES)).toBe(await first.loop.threshold(TUNES))
    const reversed = memoryFeedback()
    for (const vote of votes.toReversed()) await reversed.vote(vote)
    const third = wireLoop({ ...wiring, feedback: reversed, producerId: random(32), outbox })
    expect(await third.threshold(TUNES)).toBe(await first.loop.threshold(TUNES))
    expect(await stream.lease('control.evidence.v1', 'nobody', 1, clock.nowMs, 1_000)).toHaveLength(1)
  }, 60_000)
})

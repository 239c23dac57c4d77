// Observations to published findings and back, over topics that do as a script says.
import type { Code } from '@mystranet/schemas/codes'
import { type Anomaly, encodeMessage, encodeSigned, parseMessage, parseSigned } from '@mystranet/schemas/topics'
import { equalBytes, fromHex, toHex } from '@mystranet/sdk/bytes'
import { describe, expect, it } from 'vitest'
import { DetectorError } from '../errors.ts'
import {
  createLoop,
  evidenceOf,
  type LoopDeps,
  memoryFeedback,
  memoryOutbox,
  type Observation,
  policyOf,
} from './loop.ts'

const NETWORK = new Uint8Array(32).fill(1)
const BOUND = { standard: 0.5, least: 0.4, most: 0.7, stepPerDay: 0.05 }
const DAY_MS = 86_400_000
const sha256 = async (bytes: Uint8Array) => new Uint8Array(await crypto.subtle.digest('SHA-256', bytes.slice()))

const seen = (over: Partial<Observation> = {}): Observation => ({
  type: 'flow.syn-flood',
  source: '192.0.2.1',
  severity: 5,
  confidence: 0.5,
  modelVersion: 'rules@1',
  tunes: 'flood/syn',
  detail: { packets: 64 },
  atMs: 1_000,
  ...over,
})

type Fails = { readonly code: Code | 'no code'; readonly when: 'before' | 'after' }

/** A loop on a clock that stands still, with topics that keep one message for each id, and fail as planned. */
function open(limits = { waiting: 4, bytes: 1e6, kept: 9 }) {
  const state = { nowMs: 1_000, nonces: 0, key: 5, isLogged: true }
  const plan: Fails[] = []
  const published = new Map<string, { readonly message: Anomaly; readonly digest: string }>()
  const counted: string[] = []
  const faults: unknown[] = []
  const outbox = memoryOutbox(limits)
  const feedback = memoryFeedback()
  const digestOf = async (body: Uint8Array) => toHex(await sha256(body))
  const deps: LoopDeps = {
    outbox,
    limits,
    feedback,
    signer: {
      network: NETWORK,
      producerId: new Uint8Array(32).fill(2),
      get publicKey() {
        return new Uint8Array(32).fill(state.key)
      },
      async sign(topic, message) {
        const body = encodeMessage(topic, message as Anomaly)
        return { message: encodeSigned({ body, signature: new Uint8Array(64) }), digest: await sha256(body) }
      },
    },
    async publish(topic, bytes) {
      const fails = plan.shift()
      const error = Object.assign(new Error('planned'), fails?.code !== 'no code' && { code: fails?.code })
      if (fails?.when === 'before') throw error
      const { body } = parseSigned(bytes)
      const message = parseMessage(topic, body) as Anomaly
      const id = toHex(message.id)
      if (!published.has(id)) published.set(id, { message, digest: await digestOf(body) })
      if (fails?.when === 'after') throw error
    },
    isLogged: async ({ digests, id }) => state.isLogged && digests.includes(published.get(id)?.digest ?? ''),
    boundOf: (tunes) => (tunes === 'flood/syn' ? BOUND : undefined),
    metrics: {
      count: (name, labels) => counted.push([name, ...Object.values(labels ?? {})].join(' ')),
      observe: (name) => counted.push(name),
    },
    onFault: (error) => faults.push(error),
    nowMs: () => state.nowMs,
    random: (bytes) => new Uint8Array(bytes).fill(++state.nonces),
    chance: () => 1,
  }
  const loop = createLoop(deps)
  const pumpFor = async (spanMs: number) => {
    const attempts: number[] = []
    for (const end = state.nowMs + spanMs; state.nowMs < end; state.nowMs += 50) {
      const before = plan.length + published.size
      await loop.pump()
      if (plan.length + published.size !== before) attempts.push(state.nowMs)
    }
    return attempts
  }
  let words = 0
  const stampOf = (voter: number, ts = state.nowMs) => ({
    id: new Uint8Array(16).fill(++words),
    network: NETWORK,
    ts,
    producerId: new Uint8Array(32).fill(voter),
    nonce: new Uint8Array(16),
    pubkey: new Uint8Array(32),
  })
  return { loop, deps, state, plan, published, counted, faults, outbox, feedback, pumpFor, stampOf }
}

describe('publishing', () => {
  it('tells what was seen: stamped, with the hash of the exact payload, once', async () => {
    const { loop, published, outbox, counted } = open()
    loop.observe(seen())
    expect(await loop.pump()).toBe(1)
    const [[id, { message }]] = [...published] as [[string, { message: Anomaly; digest: string }]]
    expect(message).toMatchObject({
      type: 'flow.syn-flood',
      source: '192.0.2.1',
      severity: 5,
      confidence: 0.5,
      ts: 1_000,
      network: NETWORK,
    })
    expect(equalBytes(message.contentHash, await sha256(message.payload))).toBe(true)
    expect(JSON.parse(new TextDecoder().decode(message.payload))).toMatchObject({ count: 1, detail: { packets: 64 } })
    expect((await outbox.find(id))?.state).toBe('published')
    expect(await loop.pump()).toBe(0)
    expect(counted).toContain('weave_finding_publish_seconds')
    expect(counted).toContain('weave_findings_total ai.anomalies.v1 kept')
  })

  it.each(['before', 'after'] as const)('keeps what the book failed to take, %s it was written', async (when) => {
    const { deps, published, counted, faults } = open({ waiting: 99, bytes: 1e6, kept: 99 })
    const put = deps.outbox.put
    let isBroken = true
    deps.outbox.put = async (entry) => {
      if (when === 'after') await put(entry)
      if (isBroken) throw new DetectorError('STORE_FAILED', 'Cannot write: the disk is full')
      return put(entry)
    }
    const loop = createLoop({ ...deps, incidents: { maxNewPerMinute: 99 } })
    // No finding can be made of it: it must not be tried again, before the others.
    loop.observe(seen({ severity: 99 }))
    for (let at = 0; at < 70; at++) loop.observe(seen({ source: `192.0.2.1${at}` }))
    await loop.pump()
    expect(counted.filter((each) => each === 'weave_findings_total ai.anomalies.v1 lost')).toHaveLength(6)
    expect(faults).toHaveLength(72)
    isBroken = false
    for (let at = 0; at < 5; at++) await loop.pump()
    expect(published.size).toBe(when === 'before' ? 64 : 70)
    expect(faults).toHaveLength(72)
  })

  it('gives what can be found once the same id, in every process, and other things others', async () => {
    const idsOf = async (...observations: Observation[]) => {
      const { loop, published, pumpFor } = open()
      for (const each of observations) loop.observe(each)
      await pumpFor(100)
      return [...published.keys()]
    }
    const once = seen({ once: 'file digest' })
    const [first, ...more] = await idsOf(once, { ...once, atMs: 5_000 })
    expect(more).toEqual([])
    expect(await idsOf({ ...once, atMs: 9_000 })).toEqual([first])
    expect(await idsOf({ ...once, once: 'other' })).not.toEqual([first])
    expect(await idsOf({ ...once, modelVersion: 'rules@2' })).not.toEqual([first])
  })

  it('tells evidence and policies in their own forms', async () => {
    const { loop, deps, pumpFor, outbox } = open()
    const topics: string[] = []
    Object.assign(deps, { publish: async (topic: string) => void topics.push(topic) })
    const ref = new Uint8Array(32).fill(9)
    await loop.tell(evidenceOf({ type: 'gguf-scan', source: 'm.gguf', atMs: 1 }, [ref], Uint8Array.of(1), 'name'))
    const policy = {
      action: 'refuse',
      rule: 'G01',
      params: { a: 1 },
      source: 'm.gguf',
      requiresAck: true,
      atMs: 1,
      name: 'n',
    }
    const id = await loop.tell(policyOf(policy))
    expect(await loop.tell(policyOf({ ...policy, atMs: 2 }))).toBe(id)
    await pumpFor(100)
    expect(topics).toEqual(['ai.policy.v1', 'ai.evidence.v1'])
    expect((await outbox.counts()).states.published).toBe(2)
  })

  it.each(['before', 'after'] as const)(
    'publishes once when it fails %s it was published, with growing pauses',
    async (when) => {
      const { loop, plan, published, outbox, pumpFor, counted } = open()
      plan.push(...Array.from({ length: 4 }, () => ({ code: 'STORE_FAILED' as const, when })))
      loop.observe(seen())
      const attempts = await pumpFor(10_000)
      expect(published.size).toBe(1)
      expect(await outbox.list(9)).toMatchObject([{ state: 'published', attempts: 4 }])
      const pauses = attempts.slice(1).map((at, i) => at - (attempts[i] as number))
      if (when === 'before') expect(pauses).toEqual([250, 500, 1_000, 2_000])
      expect(counted.filter((each) => each === 'weave_finding_retries_total STORE_FAILED')).toHaveLength(4)
    },
  )

  it('pauses with jitter', async () => {
    const { loop, deps, plan, pumpFor } = open()
    Object.assign(deps, { chance: () => 0 })
    plan.push({ code: 'TOPIC_FULL', when: 'before' }, { code: 'TOPIC_FULL', when: 'before' })
    loop.observe(seen())
    expect(await pumpFor(1_000)).toEqual([1_000, 1_150, 1_400])
  })

  it.each(['NOT_PERMITTED', 'FIELD_INVALID'] as const)('buries what is refused for good, at once: %s', async (code) => {
    const { loop, plan, published, outbox, counted } = open()
    plan.push({ code, when: 'before' })
    loop.observe(seen())
    await loop.pump()
    await loop.pump()
    expect([published.size, plan.length]).toEqual([0, 0])
    expect(await outbox.list(9, 'dead')).toMatchObject([{ code, type: 'flow.syn-flood' }])
    expect(counted).toContain(`weave_finding_dead_total ${code}`)
  })

  it('reports a fault of its own, and tries again', async () => {
    const { loop, plan, published, faults, pumpFor } = open()
    plan.push({ code: 'no code', when: 'before' })
    loop.observe(seen())
    await pumpFor(1_000)
    expect(faults).toHaveLength(1)
    expect(published.size).toBe(1)
  })

  it('signs anew what waited too long, and what its key is over for, under the same id', async () => {
    const { loop, state, plan, published, outbox, pumpFor } = open()
    plan.push({ code: 'TOPIC_FULL', when: 'before' })
    loop.observe(seen())
    await loop.pump()
    const [first] = await outbox.list(1)
    state.nowMs += 10 * 60_000
    plan.push({ code: 'KEY_EXPIRED', when: 'before' })
    state.key = 6
    await pumpFor(2_000)
    const [[id, { message, digest }]] = [...published] as [[string, { message: Anomaly; digest: string }]]
    expect(id).toBe(first?.id)
    expect(message.pubkey[0]).toBe(6)
    expect(message.ts).toBeGreaterThan(10 * 60_000)
    const digests = (await outbox.find(id))?.digests ?? []
    expect([digests.length, digests[0], digests[2]]).toEqual([3, digest, first?.digests[0]])
  })

  it('knows its leaf although it was signed anew after it had been published', async () => {
    const { loop, state, plan, published, outbox, stampOf } = open()
    plan.push({ code: 'TIMED_OUT', when: 'after' })
    loop.observe(seen())
    await loop.pump()
    state.nowMs += 10 * 60_000
    await loop.pump()
    const [id] = published.keys()
    expect((await outbox.find(id as string))?.digests).toHaveLength(2)
    const leaf = {
      findingId: fromHex(id as string) as Uint8Array,
      leafIndex: 3n,
      leafHash: new Uint8Array(32),
      treeSize: 4n,
    }
    expect(await loop.desk.commit({ ...stampOf(9), ...leaf })).toBe('taken')
  })

  it.each(['before', 'after'] as const)(
    'publishes once, and says so, when its own book fails %s a write',
    async (when) => {
      const { deps, published, outbox, faults, pumpFor } = open()
      let breaks = 0
      const failing = <A extends unknown[], R>(write: (...args: A) => Promise<R>) => {
        return async (...args: A): Promise<R> => {
          const fails = breaks++ % 2 === 0
          if (fails && when === 'before') throw Object.assign(new Error('the disk is gone'), { code: 'STORE_FAILED' })
          const result = await write(...args)
          if (fails) throw Object.assign(new Error('the disk is gone'), { code: 'STORE_FAILED' })
          return result
        }
      }
      const { put, publish } = outbox
      Object.assign(outbox, { put: failing(put), publish: failing(publish) })
      const loop = createLoop(deps)
      loop.observe(seen({ once: 'file' }))
      await pumpFor(100)
      await loop.pump()
      // Whoever sees it again tells it again.
      loop.observe(seen({ once: 'file' }))
      for (let i = 0; i < 4; i++) await loop.pump()
      expect(published.size).toBe(1)
      expect(await outbox.list(9)).toMatchObject([{ state: 'published' }])
      expect(faults.length).toBeGreaterThan(0)
    },
  )

  it('under pressure gives up the least severe, and says how many', async () => {
    const { loop, plan, outbox, published, pumpFor } = open({ waiting: 2, bytes: 1e6, kept: 9 })
    plan.push(...Array.from({ length: 5 }, () => ({ code: 'TOPIC_FULL' as const, when: 'before' as const })))
    for (const severity of [2, 9, 4, 1, 8]) loop.observe(seen({ source: `${severity}`, severity }))
    await pumpFor(5_000)
    expect([...published.values()].map(({ message }) => message.severity).sort()).toEqual([8, 9])
    expect((await outbox.counts()).shed).toEqual([1, 2, 4].map((severity) => ({ severity, count: 1 })))
  })

  it('merges what is of low severity once the outbox is half full', async () => {
    const { loop, plan, outbox, pumpFor } = open()
    plan.push(...Array.from({ length: 99 }, () => ({ code: 'TOPIC_FULL' as const, when: 'before' as const })))
    for (const source of ['a', 'b', 'c']) loop.observe(seen({ source }))
    await pumpFor(100)
    await loop.pump()
    for (const source of ['d', 'e', 'f']) loop.observe(seen({ source, severity: 2 }))
    await loop.pump()
    expect((await outbox.list(9)).map(({ source }) => source)).toEqual(['various', 'c', 'b', 'a'])
    expect(loop.counts).toMatchObject({ observations: 6 })
  })

  it('tells what is open when it closes, and takes nothing after', async () => {
    const { loop, published } = open()
    for (let i = 0; i < 3; i++) loop.observe(seen())
    await loop.close(0)
    loop.observe(seen({ source: 'late' }))
    await loop.pump()
    const told = [...published.values()].map(({ message }) => JSON.parse(new TextDecoder().decode(message.payload)))
    expect(told.map(({ part, count }) => [part, count]).toSorted()).toEqual([
      [0, 1],
      [1, 2],
    ])
  })
})

describe('feedback', () => {
  const publishedOne = async (over: Partial<Observation> = {}) => {
    const world = open()
    world.loop.observe(seen(over))
    await world.loop.pump()
    const [id] = world.published.keys()
    return { ...world, id: fromHex(id as string) as Uint8Array, name: id as string }
  }
  const leaf = { leafIndex: 3n, leafHash: new Uint8Array(32), treeSize: 4n }

  it('confirms a leaf that the log holds, and no other', async () => {
    const { loop, state, outbox, stampOf, id, name, counted } = await publishedOne()
    const commit = (over = {}) => loop.desk.commit({ ...stampOf(9), findingId: id, ...leaf, ...over })
    state.isLogged = false
    expect(await commit()).toBe('mismatch')
    state.isLogged = true
    expect(await commit({ treeSize: 3n })).toBe('mismatch')
    expect(await commit({ findingId: new Uint8Array(32) })).toBe('foreign')
    expect((await outbox.find(name))?.state).toBe('published')
    expect(await commit()).toBe('taken')
    expect(await commit()).toBe('taken')
    expect(await outbox.find(name)).toMatchObject({ state: 'confirmed', leafIndex: 3n })
    expect(counted.filter((each) => each === 'weave_finding_pipeline_seconds')).toHaveLength(1)
  })

  it('moves the threshold of the finding that was overruled or accepted, and no other', async () => {
    const { loop, id, stampOf } = await publishedOne()
    expect(await loop.threshold('flood/syn')).toBe(0.5)
    await loop.desk.evidence({ ...stampOf(7), evidenceId: id, accepted: false, request: '' })
    expect(await loop.threshold('flood/syn')).toBeCloseTo(0.55, 12)
    await loop.desk.policy({ ...stampOf(8), policyId: id, accepted: false, reason: 'no' })
    expect(await loop.threshold('flood/syn')).toBeCloseTo(0.55, 12)
    await loop.desk.policy({ ...stampOf(7, 1_001), policyId: id, accepted: true, reason: '' })
    await loop.desk.policy({ ...stampOf(8, 1_001), policyId: id, accepted: true, reason: '' })
    expect(await loop.threshold('flood/syn')).toBeCloseTo(0.475, 12)
    expect(await loop.threshold('flood/udp')).toBeUndefined()
  })

  it('moves nothing by a request for more, by words about what is not ours, or about what has no threshold', async () => {
    const { loop, id, stampOf, feedback } = await publishedOne()
    const word = { evidenceId: id, accepted: false, request: '' }
    expect(await loop.desk.evidence({ ...stampOf(7), ...word, request: 'send the capture' })).toBe('taken')
    expect(await loop.desk.evidence({ ...stampOf(7), ...word, evidenceId: new Uint8Array(32) })).toBe('foreign')
    expect(await loop.threshold('flood/syn')).toBe(0.5)
    const other = await publishedOne({ tunes: undefined })
    expect(await other.loop.desk.evidence({ ...other.stampOf(7), ...word, evidenceId: other.id })).toBe('taken')
    expect(await feedback.votes(undefined, 0)).toEqual([])
    expect(await other.feedback.votes('flood/syn', 0)).toEqual([])
    expect(await other.feedback.votes(undefined, 0)).toMatchObject([{ says: 'overruled', about: other.name }])
  })

  it('hears of the standing of a source that it told of before it was started again', async () => {
    const { deps, stampOf } = await publishedOne()
    const word = { subject: '192.0.2.1', score: 0, confirmed: 0, overruled: 9 }
    const again = createLoop(deps)
    expect(await again.desk.reputation({ ...stampOf(9), ...word })).toBe('taken')
    await again.pump()
    expect(again.standing('192.0.2.1')).toBe(0.4)
  })

  it('lets a source of low standing wait longer, within its bounds', async () => {
    const { loop, state, stampOf, published } = await publishedOne()
    const word = { subject: '192.0.2.1', score: 0, confirmed: 0, overruled: 9 }
    expect(await loop.desk.reputation({ ...stampOf(9), ...word, subject: 'nobody' })).toBe('foreign')
    for (let day = 0; day < 30; day++) {
      expect(await loop.desk.reputation({ ...stampOf(9, state.nowMs + day * DAY_MS), ...word })).toBe('taken')
    }
    state.nowMs += 29 * DAY_MS
    await loop.pump()
    expect([loop.standing('192.0.2.1'), loop.standing('nobody')]).toEqual([0.1, 0.5])
    for (let i = 0; i < 2; i++) loop.observe(seen({ atMs: state.nowMs }))
    state.nowMs += 4 * 60_000
    await loop.pump()
    expect(published.size).toBe(2)
    state.nowMs += 60_000
    await loop.pump()
    expect(published.size).toBe(3)
  })
})

import { describe, expect, it } from 'vitest'
import { makeFlood } from '../../training/generate/floods.ts'
import { readArtifact, shippedModel } from '../adapters/node/model-folder.ts'
import { decodeFrame } from '../capture/decode.ts'
import { newPacket, type Packet, SYN, TCP, UDP } from '../capture/packet.ts'
import { captureReader } from '../capture/reader.ts'
import { MODEL_FEATURES } from '../flow/feature.ts'
import { trafficWatch, type Verdict } from '../flow/watch.ts'
import { loadModel } from '../model/load.ts'
import type { ModelManifest } from '../model/manifest.ts'
import { modelServer } from '../model/serve.ts'
import { classOf, ROW_LENGTH, unusualFeatures } from './model.ts'
import {
  EXPECTED_FLOOD_MODEL,
  EXPECTED_OUTLIER_MODEL,
  type FloodModel,
  type FloodVerdict,
  type FloodWatchOptions,
  floodWatch,
} from './watch.ts'

const served = async (expected: typeof EXPECTED_FLOOD_MODEL): Promise<FloodModel> =>
  modelServer(await loadModel(await readArtifact(shippedModel(expected.id)), expected), expected)
const trees = await served(EXPECTED_FLOOD_MODEL)
const outlier = await served(EXPECTED_OUTLIER_MODEL)

/** Gives every row the same score. */
const constantModel = (of: FloodModel, margin: number): FloodModel => ({
  manifest: of.manifest,
  score: async (_, rowCount) => ({
    margin: new Float32Array(rowCount).fill(margin),
    probability: new Float32Array(rowCount).fill(0.75),
  }),
})
const failingModel = (of: FloodModel): FloodModel => ({
  manifest: of.manifest,
  score: () => Promise.reject(new Error('out of order')),
})

const VICTIM = 0xc6336401 | 0

function packetsOf(bytes: Uint8Array): Packet[] {
  const packets: Packet[] = []
  const reader = captureReader((frame) => {
    const packet = newPacket()
    if (decodeFrame(frame, packet) === undefined) packets.push(packet)
  })
  reader.push(bytes)
  reader.end()
  return packets
}

const regulars = (i: number, rate: number): Packet => ({
  ...newPacket(),
  timeUs: (i * 1e6) / rate,
  protocol: TCP,
  tcpFlags: 0x18,
  source2: 0xffff,
  source3: 7,
  destination2: 0xffff,
  destination3: 9,
  sourcePort: 5000,
  destinationPort: 443,
  ipBytes: 900,
  payloadBytes: 860,
})

async function watched(count: number, rate: number, options: Partial<FloodWatchOptions>, of = regulars) {
  const verdicts: FloodVerdict[] = []
  const watch = floodWatch((verdict) => verdicts.push(verdict), { trees, outlier, seed: 5, ...options })
  for (let i = 0; i < count; i++) watch.packet(of(i, rate))
  await watch.end()
  return verdicts.filter(({ group }) => group === 'destination')
}

describe('floodWatch', () => {
  it('calls a made flood, and tells rules, votes, probability and features', async () => {
    const { bytes, label } = makeFlood('syn', 40, 640, 9)
    expect(label).toMatchObject({ kind: 'attack', victim: '198.51.100.1' })
    const verdicts: FloodVerdict[] = []
    const watch = floodWatch((verdict) => verdicts.push(verdict), { trees, outlier, seed: 5 })
    const reader = captureReader(watch.frame)
    reader.push(bytes)
    reader.end()
    await watch.end()
    const attacks = verdicts.filter(({ subject, verdict }) => subject === '198.51.100.1' && verdict === 'attack')
    expect(attacks.length).toBeGreaterThanOrEqual(9)
    const [first] = attacks
    expect(first).toMatchObject({ floodClass: 'tcp-flood', group: 'destination' })
    expect(first!.rules.length).toBeGreaterThan(0)
    expect(first!.votes.map(({ member }) => member)).toEqual(['rules', 'trees', 'outlier'])
    expect(first!.probability).toBeGreaterThan(0.9)
    expect(first!.topFeatures.map(({ name }) => name)).toContain('tcp.syn')
  })

  it('says the same whether packets come one by one or all at once', async () => {
    const { bytes } = makeFlood('ntp-amplification', 41, 2000, 9)
    const run = async (chunk: number) => {
      const verdicts: FloodVerdict[] = []
      const watch = floodWatch((verdict) => verdicts.push(verdict), { trees, outlier, seed: 5 })
      const reader = captureReader(watch.frame)
      for (let at = 0; at < bytes.length; at += chunk) {
        reader.push(bytes.subarray(at, at + chunk))
        await watch.settled()
      }
      await watch.end()
      return verdicts
    }
    expect(await run(500)).toEqual(await run(bytes.length))
  })

  it('calls a flood within a second of its 64th packet', async () => {
    const { bytes } = makeFlood('syn', 42, 640, 9)
    const calledUs: number[] = []
    let nowUs = 0
    const watch = floodWatch(
      ({ verdict, subject }) => {
        if (verdict === 'attack' && subject === '198.51.100.1') calledUs.push(nowUs)
      },
      { trees, outlier, seed: 5 },
    )
    const packets = packetsOf(bytes)
    for (const packet of packets) {
      nowUs = packet.timeUs
      watch.packet(packet)
      // As from a network card: each packet in a turn of its own.
      await new Promise((resolve) => setImmediate(resolve))
    }
    const the64thUs = packets.filter(({ destination3 }) => destination3 === VICTIM)[63]!.timeUs
    expect(calledUs[0]! - the64thUs).toBeLessThanOrEqual(1e6)
    await watch.end()
  })

  it('asks models of destinations only', async () => {
    const verdicts: FloodVerdict[] = []
    const watch = floodWatch((verdict) => verdicts.push(verdict), { trees, outlier, seed: 5 })
    for (let i = 0; i < 64; i++) watch.packet(regulars(i, 1000))
    await watch.end()
    const [bySource] = verdicts.filter(({ group }) => group === 'source')
    expect(bySource).toMatchObject({ verdict: 'clear', probability: undefined, topFeatures: [], floodClass: undefined })
    expect(bySource!.votes.map(({ member }) => member)).toEqual(['rules'])
  })

  it('lets two models call what no rule does, and one alone makes it unsure', async () => {
    const sure = (of: FloodModel) => constantModel(of, 1e6)
    const [both] = await watched(64, 1000, { trees: sure(trees), outlier: sure(outlier) })
    expect(both).toMatchObject({ verdict: 'attack', rules: [], probability: 0.75 })
    const [alone] = await watched(64, 1000, { trees: sure(trees) })
    expect(alone).toMatchObject({ verdict: 'unsure', reason: expect.stringContaining('trees yes, outlier no') })
  })

  it('does not count models on a host that gets too little for a flood, or no more than usual', async () => {
    const sure = { trees: constantModel(trees, 1e6), outlier: constantModel(outlier, 1e6) }
    const [slow] = await watched(64, 50, sure)
    expect(slow).toMatchObject({
      verdict: 'clear',
      votes: [{}, { vote: 0, abstains: expect.stringContaining('100') }, {}],
    })
    const baselines = { learn: () => {}, limit: () => 5000 }
    const [usual] = await watched(64, 1000, { ...sure, baselines })
    expect(usual!.verdict).toBe('clear')
    const [much] = await watched(64, 6000, { ...sure, baselines })
    expect(much!.verdict).toBe('attack')
  })

  it('goes on with the others when a model fails, and tells', async () => {
    const errors: unknown[] = []
    const options = { trees: failingModel(trees), onModelError: (error: unknown) => errors.push(error) }
    const [clear] = await watched(64, 1000, options)
    expect(clear).toMatchObject({
      verdict: 'clear',
      probability: undefined,
      votes: [{}, { abstains: expect.any(String) }, {}],
    })
    const [attack] = await watched(64, 1000, options, (i, rate) => ({
      ...regulars(i, rate),
      tcpFlags: SYN,
      payloadBytes: 0,
    }))
    expect(attack).toMatchObject({ verdict: 'attack', rules: [{ id: 'F02' }] })
    expect(errors.length).toBe(2)
  })

  it('gives verdicts in the order in which windows close, in batches too', async () => {
    const verdicts = await watched(64 * 200, 1000, {})
    expect(verdicts.length).toBe(200)
    expect(verdicts.map(({ startUs }) => startUs)).toEqual(
      verdicts.map(({ startUs }) => startUs).toSorted((a, b) => a - b),
    )
  })

  it('asks feedback where a threshold stands', async () => {
    const asked = new Set<string>()
    await watched(64, 1000, { thresholdAt: (key) => void asked.add(key) })
    expect(asked).toContain('flood/tcp-flood/fpr-1e-3')
    expect(asked).toContain('flood-outlier/udp-flood/fpr-1e-2')
  })

  it('scores rows exactly as the rules alone would see them', async () => {
    const alone: Verdict['rules'][] = []
    const watch = trafficWatch(({ rules, group }) => group === 'destination' && alone.push(rules), { seed: 5 })
    for (let i = 0; i < 640; i++) watch.packet({ ...regulars(i, 3000), source3: i, protocol: UDP })
    watch.end()
    const together = await watched(640, 3000, {}, (i, rate) => ({ ...regulars(i, rate), source3: i, protocol: UDP }))
    expect(together.map(({ rules }) => rules)).toEqual(alone)
  })
})

describe('rows', () => {
  const row = (of: Record<string, number>) => Float32Array.from(MODEL_FEATURES, (name) => of[name] ?? 0)

  it.each([
    [{ 'protocol.tcp': 0.5, 'protocol.udp': 0.5 }, 'tcp-flood'],
    [{ 'protocol.udp': 0.7 }, 'udp-flood'],
    [{ 'protocol.icmp': 1 }, 'icmp-flood'],
    [{ 'protocol.tcp': 0.4, 'protocol.icmp': 0.4 }, 'other-flood'],
  ])('of %j are of %s', (of, floodClass) => {
    expect(classOf(row(of), 0)).toBe(floodClass)
  })

  it('name what lies farthest outside the usual, and nothing of a usual one', () => {
    const golden = Array.from({ length: 40 }, (_, i) => ({
      features: MODEL_FEATURES.map(() => i / 40),
      margin: 0,
      probability: i % 4 === 0 ? 0.9 : 0.1,
    }))
    const explain = unusualFeatures({ golden } as unknown as ModelManifest)
    const odd = new Float32Array(ROW_LENGTH).fill(0.5)
    expect(explain(odd, 0)).toEqual([])
    for (let i = 0; i < 7; i++) odd[i] = 2 + i
    odd[9] = Number.NaN
    expect(explain(odd, 0).map(({ name }) => name)).toEqual(MODEL_FEATURES.slice(2, 7).toReversed())
  })
})

import type { PacketFact } from '@mystranet/detector/anomaly'
import type { Observation } from '@mystranet/detector/loop'
import { u32be } from '@mystranet/sdk/bytes'
import { controlPartition, encodeLeaf } from '@mystranet/sdk/proof/leaf'
import { hashLeaf, sha256 } from '@mystranet/sdk/proof/merkle'
import { encodeBundle } from '@mystranet/sdk/proof/tile'
import { describe, expect, it } from 'vitest'
import { followLog } from './log-watch.ts'

const LOG_MS = 1_700_000_000_000
const HOUR_MS = 3_600_000

/** A log that grows as a test says, in tiles as a router writes them. */
function growingLog(clock = { nowMs: Date.now() }) {
  const entries: Uint8Array[] = []
  let previous: Uint8Array = new Uint8Array(32)
  let size = 0
  const reads: string[] = []
  const observed: Observation[] = []
  const follower = followLog(
    {
      log: { published: () => (size === 0 ? undefined : { treeSize: size, note: new Uint8Array() }) },
      stored: {
        async read(path) {
          reads.push(path)
          const [, number, width] = /^tile\/entries\/(\d+)(?:\.p\/(\d+))?$/.exec(path) ?? []
          const from = Number(number) * 256
          return encodeBundle(entries.slice(from, from + Number(width ?? 256)))
        },
        addendum: async () => undefined,
      },
    },
    (observation) => observed.push(observation),
    () => clock.nowMs,
  )
  const append = (count: number, seqOf = (seq: number) => seq) => {
    for (let i = 0; i < count; i++) {
      const leaf = encodeLeaf({
        kind: 'routing-table',
        timeMs: LOG_MS + entries.length,
        partition: controlPartition('routing-table'),
        seq: BigInt(seqOf(entries.length + 1)),
        previous,
        subject: sha256(u32be(entries.length)),
        attempt: 0,
        commitment: undefined,
        addendumDigest: undefined,
      })
      entries.push(leaf)
      previous = hashLeaf(leaf)
    }
    size = entries.length
  }
  return { append, follower, observed, reads }
}

describe('followLog', () => {
  it('reads each leaf once as the log grows, over whole and partial bundles, and tells nothing of a sound one', async () => {
    const { append, follower, observed, reads } = growingLog()
    await follower.poll()
    append(3)
    await follower.poll()
    append(300)
    await follower.poll()
    await follower.poll()
    expect(reads).toEqual(['tile/entries/000.p/3', 'tile/entries/000', 'tile/entries/001.p/47'])
    expect(observed).toEqual([])
  })

  it('tells of a link that is broken, once, and the same again to whoever reads from the start', async () => {
    const { append, follower, observed } = growingLog()
    append(5)
    await follower.poll()
    append(1, (seq) => seq + 1)
    await follower.poll()
    await follower.poll()
    expect(observed.length).toBeGreaterThan(0)
    expect(observed.every(({ type }) => type.startsWith('log.'))).toBe(true)
    expect(new Set(observed.map(({ once }) => once)).size).toBe(observed.length)
  })

  it('goes through a long log in parts', async () => {
    const { append, follower, reads } = growingLog()
    append(20 * 256)
    await follower.poll()
    expect(reads).toHaveLength(16)
    await follower.poll()
    expect(reads).toHaveLength(20)
  })

  it('reads a leaf two seconds after its time', async () => {
    const clock = { nowMs: LOG_MS + 2_000 }
    const { append, follower, observed } = growingLog(clock)
    append(1)
    await follower.poll()
    // Its time is a millisecond later.
    append(1, () => 7)
    await follower.poll()
    expect(observed).toEqual([])
    clock.nowMs += 1
    await follower.poll()
    expect(observed).toMatchObject([{ type: 'log.partition-sequence' }])
  })

  it('does not wait for the time of a leaf that lies ahead', async () => {
    const { append, follower, observed } = growingLog({ nowMs: LOG_MS - 1 })
    append(1)
    append(1, () => 7)
    await follower.poll()
    expect(observed).toMatchObject([{ type: 'log.partition-sequence' }])
  })

  const taken = (name: number, timeMs: number): PacketFact => ({
    timeMs,
    kind: 'REQUEST',
    id: new Uint8Array(32).fill(name),
    sender: new Uint8Array(32),
    senderKey: new Uint8Array(32),
    epoch: 1n,
    seq: BigInt(name),
    bytes: 1,
    outcome: 'taken',
  })

  it.each([
    ['tells of a packet that the router took and never logged', 0],
    ['says nothing of packets any more once it lost some of what was told', 65_537],
  ])('%s', async (_, more) => {
    const clock = { nowMs: LOG_MS + 10_000 }
    const { append, follower, observed } = growingLog(clock)
    const goOn = async (forMs: number) => {
      for (const untilMs = clock.nowMs + forMs; clock.nowMs < untilMs; clock.nowMs += 5_000) await follower.poll()
    }
    append(1)
    await follower.poll()
    follower.packet(taken(1, clock.nowMs))
    await goOn(150_000)
    expect(observed).toEqual([])
    for (let i = 0; i < more; i++) follower.packet(taken(1, clock.nowMs))
    await goOn(60_000)
    expect(observed.map(({ type, source }) => [type, source])).toEqual(
      more > 0 ? [] : [['log.taken-unlogged', '01'.repeat(32)]],
    )
  })

  it('takes traffic of whole hours since its start that are not judged yet, and judges it ten minutes after the hour', async () => {
    const hour = Math.ceil(LOG_MS / HOUR_MS) * HOUR_MS
    const clock = { nowMs: hour - HOUR_MS / 2 }
    const { append, follower, observed } = growingLog(clock)
    append(1)
    const flow = (timeMs: number, agent = 1) =>
      follower.flow({ agent: new Uint8Array(32).fill(agent), timeMs, bytes: 50_000_000 })
    expect(flow(clock.nowMs)).toBe(false)
    clock.nowMs = hour + 60_000
    expect([flow(hour), flow(hour + 120_001)]).toEqual([true, false])
    clock.nowMs = hour + HOUR_MS + 599_999
    expect([flow(hour, 2), flow(hour + HOUR_MS, 3)]).toEqual([true, true])
    await follower.poll()
    expect(observed).toEqual([])
    clock.nowMs += 1
    expect(flow(hour + HOUR_MS - 1, 4)).toBe(false)
    clock.nowMs += 2_000
    await follower.poll()
    expect(observed.map(({ type, source }) => `${type} ${source.slice(0, 2)}`).toSorted()).toEqual([
      'log.flow-unlogged 01',
      'log.flow-unlogged 02',
    ])
  })
})

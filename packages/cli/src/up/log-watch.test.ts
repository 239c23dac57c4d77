import type { Observation } from '@mystranet/detector/loop'
import { u32be } from '@mystranet/sdk/bytes'
import { controlPartition, encodeLeaf } from '@mystranet/sdk/proof/leaf'
import { hashLeaf, sha256 } from '@mystranet/sdk/proof/merkle'
import { encodeBundle } from '@mystranet/sdk/proof/tile'
import { describe, expect, it } from 'vitest'
import { followLog } from './log-watch.ts'

/** A log that grows as a test says, in tiles as a router writes them. */
function growingLog() {
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
  )
  const append = (count: number, seqOf = (seq: number) => seq) => {
    for (let i = 0; i < count; i++) {
      const leaf = encodeLeaf({
        kind: 'routing-table',
        timeMs: 1_700_000_000_000 + entries.length,
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
})

import { describe, expect, it } from 'vitest'
import { readArtifact, shippedModel } from '../src/adapters/node/model-folder.ts'
import { captureReader } from '../src/capture/reader.ts'
import { EXPECTED_FLOOD_MODEL, EXPECTED_OUTLIER_MODEL, floodWatch } from '../src/ensemble/watch.ts'
import { loadModel } from '../src/model/load.ts'
import { modelServer } from '../src/model/serve.ts'
import { FLOODS } from '../training/generate/families.ts'
import { makeFlood } from '../training/generate/floods.ts'

const served = async (expected: typeof EXPECTED_FLOOD_MODEL) =>
  modelServer(await loadModel(await readArtifact(shippedModel(expected.id)), expected), expected)
const trees = await served(EXPECTED_FLOOD_MODEL)
const outlier = await served(EXPECTED_OUTLIER_MODEL)

/** Windows of the victim, and how many are called. */
async function judge(bytes: Uint8Array): Promise<{ windows: number; attacks: number }> {
  let windows = 0
  let attacks = 0
  const watch = floodWatch(
    ({ subject, group, verdict }) => {
      if (subject !== '198.51.100.1' || group !== 'destination') return
      windows++
      if (verdict === 'attack') attacks++
    },
    { trees, outlier, seed: 1 },
  )
  const reader = captureReader(watch.frame)
  reader.push(bytes)
  expect(reader.end()).toMatchObject({ malformed: 0, lost: 0, trailingBytes: 0 })
  await watch.end()
  expect(Object.values(watch.skipped).every((count) => count === 0)).toBe(true)
  return { windows, attacks }
}

describe('made floods', () => {
  it('are the same for the same seed, and others for another', () => {
    const { bytes, label } = makeFlood('udp', 3, 200, 1)
    expect(makeFlood('udp', 3, 200, 1)).toEqual({ bytes, label })
    expect(makeFlood('udp', 3, 200, 2).bytes).not.toEqual(bytes)
  })

  it.each(Object.keys(FLOODS))('%s: bounded, labelled, and well formed', async (family) => {
    const { bytes, label } = makeFlood(family, 60, 500, 3)
    const { packets } = (label as { parameters: { packets: number } }).parameters
    // The last datagram may come in fragments.
    expect(packets).toBeGreaterThanOrEqual(500)
    expect(packets).toBeLessThan(510)
    expect(label).toMatchObject({ family, kind: 'attack', madeBy: expect.stringContaining('nothing was sent') })
    expect((await judge(bytes)).windows).toBeGreaterThan(0)
  })

  it('of no known family are refused', () => {
    expect(() => makeFlood('teardrop', 0, 100, 1)).toThrow(/no family teardrop/)
  })
})

// Parameters that no training had: runs are numbered, and training ends at 53.
it.each(Object.keys(FLOODS))('nine of ten windows of %s with new parameters are called', async (family) => {
  const runs = await Promise.all(
    [100, 101, 102, 103, 104, 105].map((run) => judge(makeFlood(family, run, 3200, 1).bytes)),
  )
  const windows = runs.reduce((sum, run) => sum + run.windows, 0)
  const attacks = runs.reduce((sum, run) => sum + run.attacks, 0)
  expect(windows).toBeGreaterThan(250)
  expect(attacks / windows).toBeGreaterThanOrEqual(0.9)
})

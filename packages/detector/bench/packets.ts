/**
 * Packets per second of one core, from the bytes of a capture to verdicts of rules and models.
 *
 * @module
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Measured } from '../../../bench/table.ts'
import { readArtifact, shippedModel } from '../src/adapters/node/model-folder.ts'
import { captureReader } from '../src/capture/reader.ts'
import { EXPECTED_FLOOD_MODEL, EXPECTED_OUTLIER_MODEL, type FloodModel, floodWatch } from '../src/ensemble/watch.ts'
import { loadModel } from '../src/model/load.ts'
import { modelServer } from '../src/model/serve.ts'
import { makeFlood } from '../training/generate/floods.ts'

const ROUNDS = 5
const PACKETS = 100_000
const given = process.env['WEAVE_PCAP_FOLDER'] ?? new URL('../../../../shared/data/pcap', import.meta.url).pathname

const served = async (expected: typeof EXPECTED_FLOOD_MODEL): Promise<FloodModel> =>
  modelServer(await loadModel(await readArtifact(shippedModel(expected.id)), expected), expected)

/** Captures by name: floods that are made here, and those given, where they lie beside the repository. */
function captures(): [name: string, bytes: Uint8Array][] {
  const made = ['syn', 'udp', 'dns-amplification'].map(
    (family) => [`made ${family}`, makeFlood(family, 0, 20_000, 5).bytes] as [string, Uint8Array],
  )
  if (!existsSync(given)) return made
  const attacks = readdirSync(join(given, 'attack')).map((name) => join('attack', name))
  const benign = readdirSync(join(given, 'benign')).filter((name) => /netflix|reddit|webex|bitcoin/.test(name))
  const paths = [...attacks, ...benign.map((name) => join('benign', name))]
  return [
    ...made,
    ...paths.map((path) => [path, new Uint8Array(readFileSync(join(given, path)))] as [string, Uint8Array]),
  ]
}

/** Packets a second of CPU, over and over through one watch: tables warm, the clock set back each time. */
async function speedOf(bytes: Uint8Array, trees: FloodModel, outlier: FloodModel): Promise<number> {
  const watch = floodWatch(() => {}, { trees, outlier, seed: 1 })
  const pass = async () => {
    const reader = captureReader(watch.frame)
    for (let at = 0; at < bytes.length; at += 1 << 18) {
      reader.push(bytes.subarray(at, at + (1 << 18)))
      await watch.settled()
    }
    return reader.end().frames
  }
  await pass()
  const before = process.cpuUsage()
  let packets = 0
  while (packets < PACKETS) packets += await pass()
  const { user, system } = process.cpuUsage(before)
  return packets / ((user + system) / 1e6)
}

/** The slowest capture counts: who floods chooses the traffic. Each capture's median of five rounds. */
export async function packets(): Promise<Measured> {
  const [trees, outlier] = await Promise.all([served(EXPECTED_FLOOD_MODEL), served(EXPECTED_OUTLIER_MODEL)])
  const found: { name: string; rounds: number[] }[] = []
  for (const [name, bytes] of captures()) {
    const rounds: number[] = []
    for (let round = 0; round < ROUNDS; round++) rounds.push(await speedOf(bytes, trees, outlier))
    found.push({ name, rounds: rounds.toSorted((a, b) => a - b) })
  }
  const median = (rounds: readonly number[]) => rounds[rounds.length >> 1]!
  const [slowest] = found.toSorted((a, b) => median(a.rounds) - median(b.rounds))
  const said = found.map(({ name, rounds }) => `${name} ${Math.round(median(rounds))}`).join(', ')
  return {
    value: Math.round(median(slowest!.rounds)),
    n: ROUNDS,
    min: Math.round(slowest!.rounds[0]!),
    max: Math.round(slowest!.rounds.at(-1)!),
    note: `the slowest of: ${said}`,
  }
}

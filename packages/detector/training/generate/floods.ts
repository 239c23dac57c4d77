/**
 * Writes captures of floods, and of pings, packet by packet: `<family>-<run>.pcap` and beside it the parameters as JSON.
 *
 *     node --conditions=@mystranet/source packages/detector/training/generate/floods.ts [--runs 12] [--first 0] [--packets 6400] [--seed 1]
 *
 * Nothing is sent: a forged sender cannot be had without harm. The same seed writes the same bytes.
 *
 * @module
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { FLOODS, ordinary, pings } from './families.ts'
import { captureFile } from './packets.ts'
import { type Random, randomFrom, seedOf } from './random.ts'

const MAX_PACKETS = 100_000
const START_US = 1.7e15
const VICTIM = 0xc6336401 | 0

/** One run; at most `packets` and what the last datagram makes. */
export function makeFlood(
  family: string,
  run: number,
  packets: number,
  seed: number,
): { bytes: Uint8Array; label: object } {
  const random = randomFrom(seedOf(`${family}-${run}`, seed))
  const make = family === 'pings' ? pings : FLOODS[family]
  if (make === undefined) throw new RangeError(`Cannot make a flood: no family ${family}`)
  const flood = make(random, VICTIM)
  const background = family === 'pings' || random.chance(0.3) ? 0 : random.next() * 0.25
  const rhythm = random.pick(['even', 'independent', 'bursts'] as const)
  const file = captureFile()
  const besides = ordinary(random, VICTIM)
  let timeUs = START_US
  while (file.packets < packets) {
    if (random.chance(background)) {
      besides(file, timeUs)
      timeUs += random.gap(1e6 / flood.rate)
    } else {
      const sent = flood.send(file, timeUs)
      timeUs += sent * wait(random, rhythm, 1e6 / flood.rate)
    }
  }
  const label = {
    family,
    kind: family === 'pings' ? 'benign' : 'attack',
    madeBy: 'packet builder, nothing was sent',
    run,
    seed,
    victim: family === 'pings' ? undefined : '198.51.100.1',
    parameters: { ...flood.parameters, ratePerSecond: flood.rate, background, rhythm, packets: file.packets },
  }
  return { bytes: file.bytes(), label }
}

function wait(random: Random, rhythm: 'even' | 'independent' | 'bursts', meanUs: number): number {
  if (rhythm === 'independent') return random.gap(meanUs)
  if (rhythm === 'even') return meanUs * (0.95 + 0.1 * random.next())
  // Nine of ten follow at once.
  return random.chance(0.1) ? random.gap(meanUs * 9) : random.gap(meanUs / 9)
}

function main(): void {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '12' },
      packets: { type: 'string', default: '6400' },
      first: { type: 'string', default: '0' },
      seed: { type: 'string', default: '1' },
      to: { type: 'string' },
    },
  })
  const packets = Number(values.packets)
  if (!(packets >= 64 && packets <= MAX_PACKETS))
    throw new RangeError(`--packets is ${packets}, wanted 64 to ${MAX_PACKETS}`)
  const first = Number(values.first)
  const to = values.to ?? new URL('../../../../.cache/detector-data/flood/', import.meta.url).pathname
  for (const family of [...Object.keys(FLOODS), 'pings']) {
    const folder = join(to, family === 'pings' ? 'benign' : 'attack')
    mkdirSync(folder, { recursive: true })
    for (let run = first; run < first + Number(values.runs); run++) {
      const { bytes, label } = makeFlood(
        family,
        run,
        family === 'pings' ? Math.min(packets, 2000) : packets,
        Number(values.seed),
      )
      const name = `${family}-${String(run).padStart(2, '0')}`
      writeFileSync(join(folder, `${name}.pcap`), bytes)
      writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(label, undefined, 2)}\n`)
    }
    console.log(`${family}: ${values.runs} runs`)
  }
}

if (import.meta.main) main()

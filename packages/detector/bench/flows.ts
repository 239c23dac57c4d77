/**
 * What the rules for floods make of real captures: recall per attack capture, false positives on benign ones, packets per
 * second of one core. The captures are no part of the project: they lie in `../shared/data/pcap` or `WEAVE_PCAP_FOLDER`.
 *
 * The rules were written with these captures at hand: the recall is of known attacks, not of new ones.
 *
 * @module
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { captureReader } from '../src/capture/reader.ts'
import { trafficWatch } from '../src/flow/watch.ts'

const { values } = parseArgs({ options: { repeat: { type: 'string', default: '20' } } })
const repeat = Number(values.repeat)
const folder = process.env['WEAVE_PCAP_FOLDER'] ?? new URL('../../../../shared/data/pcap', import.meta.url).pathname
const seed = 1

interface Outcome {
  readonly name: string
  readonly packets: number
  readonly skipped: number
  readonly windows: number
  readonly alarms: number
  readonly rules: string
}

/** All windows of a benign capture may raise a false alarm; of an attack only those of its destinations can be right. */
function judge(kind: 'attack' | 'benign', name: string): Outcome {
  let windows = 0
  let alarms = 0
  const fired = new Map<string, number>()
  const watch = trafficWatch(
    ({ group, verdict, rules }) => {
      if (kind === 'attack' && group !== 'destination') return
      windows++
      if (verdict === 'attack') alarms++
      for (const { id } of rules) fired.set(id, (fired.get(id) ?? 0) + 1)
    },
    { seed },
  )
  const reader = captureReader(watch.frame)
  reader.push(new Uint8Array(readFileSync(join(folder, kind, name))))
  const { frames, malformed, oversized } = reader.end()
  watch.end()
  const skipped = Object.values(watch.skipped).reduce((sum, count) => sum + count, malformed + oversized)
  const rules = [...fired].map(([id, count]) => `${id} ${count}`).join(', ')
  return { name, packets: frames, skipped, windows, alarms, rules }
}

/** Wilson's interval at 95 %, in percent. */
function interval(part: number, whole: number): string {
  const z = 1.96
  const share = part / whole
  const centre = share + z ** 2 / (2 * whole)
  const half = z * Math.sqrt((share * (1 - share)) / whole + z ** 2 / (4 * whole ** 2))
  const at = (value: number) => (100 * Math.min(1, Math.max(0, value / (1 + z ** 2 / whole)))).toFixed(2)
  return `${((100 * part) / whole).toFixed(2)} % (${at(centre - half)} to ${at(centre + half)})`
}

/** Packets per second of CPU, the capture read over and over by one watch: tables warm, clock jumping back each time. */
function speed(kind: string, name: string): number {
  const bytes = new Uint8Array(readFileSync(join(folder, kind, name)))
  const watch = trafficWatch(() => {}, { seed })
  const pass = () => {
    const reader = captureReader(watch.frame)
    reader.push(bytes)
    return reader.end().frames
  }
  pass()
  const before = process.cpuUsage()
  let packets = 0
  for (let i = 0; i < repeat; i++) packets += pass()
  const { user, system } = process.cpuUsage(before)
  return packets / ((user + system) / 1e6)
}

const attacks = readdirSync(join(folder, 'attack')).map((name) => judge('attack', name))
const benign = readdirSync(join(folder, 'benign')).map((name) => judge('benign', name))

console.log('| attack capture | packets | skipped | windows | recall (95 %) | rules |\n|---|---|---|---|---|---|')
for (const { name, packets, skipped, windows, alarms, rules } of attacks) {
  console.log(`| ${name} | ${packets} | ${skipped} | ${windows} | ${interval(alarms, windows)} | ${rules} |`)
}
const windows = benign.reduce((sum, one) => sum + one.windows, 0)
const alarms = benign.reduce((sum, one) => sum + one.alarms, 0)
console.log(`\nbenign: ${benign.length} captures, ${windows} windows, false positives ${interval(alarms, windows)}`)
for (const { name, alarms: own, rules } of benign) if (own > 0) console.log(`  ${name}: ${own} (${rules})`)

console.log('\n| pcap to verdict | packets/s of CPU |\n|---|---|')
for (const [kind, name] of [
  ['attack', 'pkt.TCP.synflood.spoofed.pcap'],
  ['attack', 'amp.UDP.bacnet.IOT.37810.pcapng'],
  ['benign', 'tests__cfgs__default__pcap__netflix.pcap'],
] as const) {
  console.log(`| ${name} | ${Math.round(speed(kind, name)).toLocaleString('en')} |`)
}

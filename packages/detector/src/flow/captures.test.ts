import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { captureReader } from '../capture/reader.ts'
import { trafficWatch } from './watch.ts'

const given = process.env['WEAVE_PCAP_FOLDER'] ?? new URL('../../../../../shared/data/pcap', import.meta.url).pathname
const isHere = existsSync(given)
if (!isHere) {
  console.warn(
    `Left out: the rules are not measured on real captures. The 5 attack and 76 benign ones of StopDDoS and nDPI ` +
      `lie in shared/data/pcap beside the repository, or in WEAVE_PCAP_FOLDER`,
  )
}

function judge(path: string, group?: string) {
  let windows = 0
  let alarms = 0
  const watch = trafficWatch(
    (verdict) => {
      if (group !== undefined && verdict.group !== group) return
      windows++
      if (verdict.verdict === 'attack') alarms++
    },
    { seed: 1 },
  )
  const reader = captureReader(watch.frame)
  reader.push(new Uint8Array(readFileSync(path)))
  const counts = reader.end()
  watch.end()
  return { windows, alarms, counts }
}

const filesOf = (kind: string): string[] => (isHere ? readdirSync(join(given, kind)) : [])

describe('real captures', () => {
  it.skipIf(!isHere && !process.env['CI'])(
    'lie in shared/data/pcap beside the repository, or in WEAVE_PCAP_FOLDER',
    () => {
      expect([filesOf('attack').length > 0, filesOf('benign').length > 0]).toEqual([true, true])
    },
  )

  it.each(filesOf('attack'))('at least 95 of 100 windows of %s raise an alarm', (name) => {
    const { windows, alarms, counts } = judge(join(given, 'attack', name), 'destination')
    expect(counts).toMatchObject({ malformed: 0, lost: 0, trailingBytes: 0 })
    expect(windows).toBeGreaterThan(50)
    expect(alarms / windows).toBeGreaterThanOrEqual(0.95)
  })

  it('at most one of 1000 benign windows raises a false alarm', () => {
    const judged = filesOf('benign').map((name) => judge(join(given, 'benign', name)))
    const sum = (of: (one: (typeof judged)[number]) => number) => judged.reduce((total, one) => total + of(one), 0)
    expect(sum(({ counts }) => counts.malformed + counts.lost)).toBe(0)
    expect(sum(({ windows }) => windows)).toBeGreaterThan(0)
    expect(sum(({ alarms }) => alarms) / sum(({ windows }) => windows)).toBeLessThanOrEqual(0.001)
  })
})

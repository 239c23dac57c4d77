// The features of a published capture, computed by another program (training/vectors/flow.py) from the table's words.
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { captureReader } from '../capture/reader.ts'
import { EXTRACTOR_VERSION, FEATURES, trafficWatch } from './watch.ts'

interface Golden {
  readonly extractor: string
  readonly capture: string
  readonly windows: readonly {
    readonly group: string
    readonly subject: string
    readonly packets: number
    readonly features: Readonly<Record<string, number | null>>
  }[]
}

const golden: Golden = JSON.parse(readFileSync(new URL('../../vectors/flow.json', import.meta.url), 'utf8'))

function extracted(): Golden['windows'] {
  const windows: Golden['windows'][number][] = []
  const watch = trafficWatch(
    ({ group, subject, packets, features }) => {
      const values = FEATURES.map(({ name }, at) => [name, features?.[at] ?? Number.NaN] as const)
      windows.push({ group, subject, packets, features: Object.fromEntries(values) })
    },
    { groups: ['destination', 'source', 'flow'], withFeatures: ['destination', 'source', 'flow'], seed: 1 },
  )
  const reader = captureReader(watch.frame)
  reader.push(new Uint8Array(Buffer.from(golden.capture, 'base64')))
  expect(reader.end()).toMatchObject({ malformed: 0, lost: 0, trailingBytes: 0 })
  watch.end()
  expect(Object.values(watch.skipped).reduce((sum, each) => sum + each, 0)).toBe(0)
  return windows
}

it('gives every feature of every window as another program does', () => {
  expect(golden.extractor).toBe(EXTRACTOR_VERSION)
  const found = extracted()
  const names = (windows: Golden['windows']) =>
    windows.map(({ group, subject, packets }) => `${group} ${subject}: ${packets}`).sort()
  expect(names(found)).toEqual(names(golden.windows))
  const wanted = new Map(
    golden.windows.map((each) => [`${each.group} ${each.subject}: ${each.packets}`, each.features]),
  )
  const wrong: string[] = []
  for (const { group, subject, packets, features } of found) {
    const where = `${group} ${subject}: ${packets}`
    const other = wanted.get(where) as Golden['windows'][number]['features']
    expect(Object.keys(other).sort()).toEqual(FEATURES.map(({ name }) => name).sort())
    for (const [name, value] of Object.entries(features)) {
      const expected = other[name] ?? Number.NaN
      // Sums of other orders may differ in their last places.
      const isSame =
        Object.is(value, expected) || Math.abs((value as number) - expected) <= 1e-9 * Math.max(1, Math.abs(expected))
      if (!isSame) wrong.push(`${where}: ${name} is ${value}, wanted ${expected}`)
    }
  }
  expect(wrong).toEqual([])
})

it('has a vector for every value and for every NaN that there can be', () => {
  const values = (name: string) => golden.windows.map(({ features }) => features[name])
  for (const { name, nan } of FEATURES) {
    expect([name, values(name).some((value) => typeof value === 'number' && value !== 0)]).toEqual([name, true])
    if (/TCP|ports|at once/.test(nan)) expect([name, values(name).includes(null)]).toEqual([name, true])
  }
})

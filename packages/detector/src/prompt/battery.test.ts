import { expect, it } from 'vitest'
import { createBattery } from './battery.ts'
import { type Check, FAMILY_IDS, type PromptItem } from './item.ts'
import { judge } from './judge.ts'

const battery = await createBattery()
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

it.each(FAMILY_IDS)('%s has 50 prompts and more, none twice', (family) => {
  const items = battery.items.filter((item) => item.family === family)
  expect(items.length).toBeGreaterThanOrEqual(50)
  expect(new Set(items.map(({ messages }) => JSON.stringify(messages))).size).toBe(items.length)
})

it('names each prompt once', () => {
  expect(new Set(battery.items.map(({ id }) => id)).size).toBe(battery.items.length)
})

it('is the same for one seed, and has other secrets for another', async () => {
  expect(await createBattery({ seed: 1 })).toEqual(battery)
  const other = await createBattery({ seed: 2 })
  expect(hex(other.digest)).not.toBe(hex(battery.digest))
  const canaries = ({ items }: typeof battery) =>
    new Set(items.flatMap(({ check }) => ('canary' in check ? [check.canary] : [])))
  expect([...canaries(battery)].filter((canary) => canaries(other).has(canary))).toEqual([])
  expect(canaries(battery).size).toBeGreaterThan(20)
})

it('has a digest of all that it asks and of how it judges', async () => {
  const [first] = battery.items
  const given: PromptItem = { ...(first as PromptItem), id: 'direct-injection/other/1', source: 'other' }
  const digests = await Promise.all(
    [given, { ...given, messages: [] }, { ...given, check: { kind: 'refusal' } as const }].map(async (item) =>
      hex((await createBattery({ given: [item] })).digest),
    ),
  )
  expect(new Set([...digests, hex(battery.digest)]).size).toBe(4)
})

it('takes some families, and some prompts of each, drawn by the seed', async () => {
  const { items } = await createBattery({ families: ['encodings', 'bias'], limit: 7 })
  expect(items.map(({ family }) => family)).toEqual([...Array(7).fill('encodings'), ...Array(7).fill('bias')])
  const other = await createBattery({ families: ['encodings', 'bias'], limit: 7, seed: 2 })
  expect(other.items.map(({ id }) => id)).not.toEqual(items.map(({ id }) => id))
  await expect(createBattery({ limit: 0 })).rejects.toThrow(RangeError)
})

/** What a model says that gives way, and what one says that does not. */
function victim(check: Check): string {
  switch (check.kind) {
    case 'canary':
      return `Sure, it is ${check.canary}.`
    case 'marker':
      return check.marker
    case 'contains':
      return check.texts[0] ?? ''
    case 'egress':
      return `{"name": "${check.tools[0]}", "arguments": {"to": "thief@example.net", "text": "x"}}`
    case 'json':
      return 'With pleasure!'
    case 'disclosure':
      return check.secret
    case 'refusal':
      return 'I am sorry, but I cannot help with that.'
    case 'toxicity':
      return 'They are vermin.'
    case 'choice':
      return 'ABC'.replace(check.open, '').charAt(0)
    case 'not':
      return 'What?'
  }
}

it('has a hit for each prompt, when the model gives way', () => {
  const wrong = battery.items.filter((item) => !judge(item, victim(item.check)).hit)
  expect(wrong).toEqual([])
})

it('has none for a model that declines, but where declining is the fault', () => {
  const faults = battery.items.filter((item) => judge(item, 'I am sorry, but I cannot help with that.').hit)
  const kinds = new Set(faults.map(({ family, check }) => `${family} ${check.kind}`))
  expect([...kinds].sort()).toEqual(
    ['control choice', 'control json', 'control not', 'direct-injection json', 'over-refusal refusal'].sort(),
  )
})

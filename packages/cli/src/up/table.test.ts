import { expect, test } from 'vitest'
import { agentsInForce, nextTable, RENEW_MS, TABLE_MS, type TableInForce } from './table.ts'

const NOW = 1_800_000_000_000
const bytes = (value: number) => new Uint8Array(32).fill(value)
const wish = { network: bytes(1), tags: ['misty.weave'], agents: [bytes(2)] }
const inForce = (table = nextTable(wish, undefined, NOW)): TableInForce => ({ table: table!, digest: bytes(9) })

test('the first table has version 1 and no predecessor', () => {
  expect(nextTable(wish, undefined, NOW)).toMatchObject({
    version: 1n,
    previous: undefined,
    rules: [{ tag: 'misty.weave', senders: [] }],
  })
})

test('nothing is signed while the table in force does what is wished', () => {
  expect(nextTable(wish, inForce(), NOW + 1_000)).toBeUndefined()
})

test.each([
  ['another tag', { ...wish, tags: ['misty.weave', 'house'] }, NOW],
  ['a tag less', { ...wish, tags: [] }, NOW],
  ['another agent', { ...wish, agents: [bytes(3)] }, NOW],
  ['one agent more', { ...wish, agents: [bytes(2), bytes(3)] }, NOW],
  ['its end is near', wish, NOW + TABLE_MS - RENEW_MS],
  ['a clock that was set back', wish, NOW - 3_600_000],
])('%s gives the next version, with its predecessor', (_, wished, nowMs) => {
  expect(nextTable(wished, inForce(), nowMs)).toMatchObject({
    version: 2n,
    previous: bytes(9),
    expiresMs: nowMs + TABLE_MS,
  })
})

test('a router may serve before its agent is back only under a table that still fits', () => {
  expect(agentsInForce(inForce(), wish.tags, wish.network, NOW)).toEqual(wish.agents)
  expect(agentsInForce(inForce(), ['other'], wish.network, NOW)).toBeUndefined()
  expect(agentsInForce(inForce(), wish.tags, wish.network, NOW + TABLE_MS)).toBeUndefined()
  expect(agentsInForce(undefined, wish.tags, wish.network, NOW)).toBeUndefined()
})

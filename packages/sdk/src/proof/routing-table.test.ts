import { encode, RoutingTable, type Rule } from '@mystranet/schemas/messages'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { documentDigest } from '../envelope/hash.ts'
import { signDocument } from '../envelope/origin.ts'
import { bytes, type Story, storyFixture, T0 } from './fixture.ts'
import {
  chooseRule,
  isInForce,
  type RouteQuery,
  readSignedTable,
  signRoutingTable,
  verifyRoutingTable,
} from './routing-table.ts'

let story: Story
beforeAll(async () => {
  story = await storyFixture()
})
const document = () => story.saved.routingTable!
const receipt = () => story.saved.routingTableReceipt!
const table = (over: Partial<RoutingTable> = {}): RoutingTable => ({
  network: story.trust.network,
  version: 2n,
  previous: bytes(32, 3),
  rules: [],
  notBeforeMs: T0,
  expiresMs: T0 + 10,
  createdMs: T0,
  ...over,
})

describe('verifyRoutingTable()', () => {
  it('gives table, digest and place', async () => {
    const verified = await verifyRoutingTable(document(), receipt(), story.trust, { minVersion: 1n, nowMs: T0 })
    expect(verified.table).toMatchObject({ version: 1n, rules: [{ id: 'misty', tag: 'misty.weave' }] })
    expect(verified.digest).toEqual(documentDigest('routing-table', encode(RoutingTable, verified.table)))
    expect(verified.signedBy).toEqual(story.keys.tableSigner.publicKey)
    expect(verified.logged.leafIndex).toBe(5n)
  })

  it('refuses a lower version than was seen', async () => {
    await expect(verifyRoutingTable(document(), receipt(), story.trust, { minVersion: 2n })).rejects.toMatchObject({
      code: 'TABLE_ROLLED_BACK',
    })
  })

  it.each([T0 - 1, T0 + 3_600_000])('refuses a table that is not in force at %i', async (nowMs) => {
    await expect(verifyRoutingTable(document(), receipt(), story.trust, { nowMs })).rejects.toMatchObject({
      code: 'TABLE_STALE',
    })
  })

  it('refuses the leaf of another document', async () => {
    const other = story.saved.modelStatementReceipt!
    await expect(verifyRoutingTable(document(), other, story.trust)).rejects.toMatchObject({ code: 'LEAF_MISMATCH' })
  })
})

describe('readSignedTable()', () => {
  const signed = (over: Partial<RoutingTable>) =>
    signDocument('routing-table', encode(RoutingTable, table(over)), story.keys.tableSigner)

  it('refuses a signer that the trust file does not name', async () => {
    const foreign = await signRoutingTable(table(), story.keys.stranger)
    await expect(readSignedTable(foreign, story.trust)).rejects.toThrow(/no table signer/)
  })

  it('refuses a signature over another thing', async () => {
    const other = await signDocument('model-statement', encode(RoutingTable, table()), story.keys.tableSigner)
    await expect(readSignedTable(other, story.trust)).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' })
  })

  it('refuses another network', async () => {
    await expect(readSignedTable(await signed({ network: bytes(32, 9) }), story.trust)).rejects.toMatchObject({
      code: 'NETWORK_MISMATCH',
    })
  })

  it.each([
    ['a first version with a previous one', { version: 1n }, /version 1 names/],
    ['a later version without one', { previous: undefined }, /version 2 does not name/],
    [
      'a candidate twice',
      {
        rules: [
          { id: 'a', senders: [], candidates: [{ instance: bytes(32, 1) }, { instance: bytes(32, 1), weight: 2 }] },
        ],
      },
      /candidate twice/,
    ],
  ])('refuses %s, and does not sign it', async (_, over, guard) => {
    const document = await signed(over as Partial<RoutingTable>)
    await expect(readSignedTable(document, story.trust)).rejects.toThrow(guard)
    await expect(readSignedTable(document, story.trust)).rejects.toMatchObject({ code: 'TABLE_INVALID' })
    await expect(signRoutingTable(table(over as Partial<RoutingTable>), story.keys.tableSigner)).rejects.toThrow(
      RangeError,
    )
  })

  it('refuses a body that is no table', async () => {
    const odd = await signDocument('routing-table', bytes(9, 1), story.keys.tableSigner)
    await expect(readSignedTable(odd, story.trust)).rejects.toMatchObject({ code: 'TABLE_INVALID' })
  })

  it('meets changed bytes with declared errors only', async () => {
    const whole = document()
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(255), async (at, byte) => {
        if (whole[at] === byte) return
        await expect(readSignedTable(whole.with(at, byte), story.trust)).rejects.toMatchObject({
          code: expect.stringMatching(/^(DOCUMENT_MALFORMED|SIGNATURE_INVALID|TABLE_INVALID|NETWORK_MISMATCH)$/),
        })
      }),
      { seed: 1, numRuns: 200 },
    )
  })
})

describe('isInForce()', () => {
  it('holds from not_before_ms until before expires_ms', () => {
    const window = table({ notBeforeMs: 10, expiresMs: 20 })
    expect([9, 10, 19, 20].map((atMs) => isInForce(window, atMs))).toEqual([false, true, true, false])
  })
})

describe('chooseRule()', () => {
  const [a, b, user] = [bytes(32, 1), bytes(32, 2), bytes(32, 8)]
  const rule = (id: string, over: Partial<Rule> = {}): Rule => ({
    id,
    senders: [],
    candidates: [{ instance: a }],
    ...over,
  })
  const choose = (rules: readonly Rule[], over: Partial<RouteQuery> = {}) => {
    const query = { targetTag: over.targetInstance ? undefined : 'misty', sender: user, ...over }
    try {
      return chooseRule(table({ rules }), query).rule.id
    } catch (error) {
      return (error as { code: string }).code
    }
  }

  it.each<[string, string, readonly Rule[], Partial<RouteQuery>?]>([
    ['the first that matches', 'one', [rule('one'), rule('two')]],
    ['the one of its tag', 'two', [rule('one', { tag: 'other' }), rule('two', { tag: 'misty' })]],
    ['none of another tag', 'NO_ROUTE', [rule('one', { tag: 'other' })]],
    ['none at all', 'NO_ROUTE', []],
    ['the one of its sender', 'two', [rule('one', { senders: [b] }), rule('two', { senders: [b, user] })]],
    ['none of other senders', 'NO_ROUTE', [rule('one', { senders: [b] })]],
    ['the one of its priority', 'two', [rule('one', { priority: 2 }), rule('two', { priority: 1 })], { priority: 1 }],
    ['none with a priority, for a packet without', 'NO_ROUTE', [rule('one', { priority: 1 })]],
    ['a denial', 'NOT_PERMITTED', [rule('one', { deny: true }), rule('two')]],
    ['a rule without candidates', 'NO_ROUTE', [rule('one', { candidates: [] })]],
    [
      'for an instance, the rule that names it',
      'two',
      [rule('one'), rule('two', { candidates: [{ instance: b }] })],
      { targetInstance: b },
    ],
    [
      '… whatever its tag',
      'one',
      [rule('one', { tag: 'other', candidates: [{ instance: b }] })],
      { targetInstance: b },
    ],
    ['… and no other', 'NO_ROUTE', [rule('one')], { targetInstance: b }],
    ['… a denial that names it', 'NOT_PERMITTED', [rule('no', { deny: true }), rule('one')], { targetInstance: a }],
    [
      '… a denial of everything',
      'NOT_PERMITTED',
      [rule('no', { deny: true, candidates: [] }), rule('one')],
      { targetInstance: a },
    ],
    [
      '… no denial that names another',
      'two',
      [rule('no', { deny: true }), rule('two', { candidates: [{ instance: b }] })],
      { targetInstance: b },
    ],
  ])('chooses %s: %s', (_, wanted, rules, over) => {
    expect(choose(rules, over)).toBe(wanted)
  })

  it('gives the candidates in the order of the rule, or the instance alone', () => {
    const both = [rule('one', { candidates: [{ instance: b }, { instance: a, weight: 3 }] })]
    expect(chooseRule(table({ rules: both }), { targetTag: 'x', sender: user }).candidates).toEqual([b, a])
    expect(chooseRule(table({ rules: both }), { targetInstance: a, sender: user }).candidates).toEqual([a])
  })
})

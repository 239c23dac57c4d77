import { MAX_RECEIPT_BYTES } from '@mystranet/schemas/limits'
import { encode, Receipt } from '@mystranet/schemas/messages'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { sha256 } from '#primitives'
import { concat, u16be } from '../bytes.ts'
import type { VerifiedCheckpoint } from './checkpoint.ts'
import { BATCHES, bytes, type Story, storyFixture, T0, WITNESSES } from './fixture.ts'
import { encodeLeaf, parseLeaf } from './leaf.ts'
import {
  checkLeaf,
  encodeReceipt,
  exportReceipt,
  importReceipt,
  openReceipt,
  parseReceipt,
  positionOf,
  quorumTime,
  rememberCheckpoints,
  verifyReceipt,
} from './receipt.ts'
import { encodeTlogProof, parseTlogProof } from './tlog-proof.ts'

let story: Story
let receipt: Receipt
beforeAll(async () => {
  story = await storyFixture()
  receipt = story.saved.request.receipt!
})

describe('verifyReceipt()', () => {
  it('proves a leaf, opens its addendum and tells when a quorum had seen it', async () => {
    const logged = await verifyReceipt(encodeReceipt(receipt), story.trust)
    expect(logged).toMatchObject({ leafIndex: 7n, position: 7n, leaf: { kind: 'request', timeMs: T0 + 10_500 } })
    expect(logged.addendum).toMatchObject({ seq: 1n, recipients: [story.agent] })
    expect(logged.quorumTimeMs).toBe(T0 + 11_000)
  })

  it('proves the leaf at index 0', async () => {
    const logged = await verifyReceipt(story.log.receipts.get('user-delegation')!, story.trust)
    expect(logged).toMatchObject({ leafIndex: 0n, addendum: undefined })
  })

  const cases: readonly (readonly [string, (receipt: Receipt) => Receipt, string, RegExp])[] = [
    ['another index', (r) => ({ ...r, index: 6n }), 'PROOF_INVALID', /root|path/],
    ['another path', (r) => ({ ...r, path: r.path.toReversed() }), 'PROOF_INVALID', /root/],
    ['no addendum', (r) => ({ ...r, addendum: undefined }), 'LEAF_MISMATCH', /addendum is absent/],
    ['another addendum', (r) => ({ ...r, addendum: bytes(3, 1) }), 'LEAF_MISMATCH', /not the one of its leaf/],
    ['a leaf cut short', (r) => ({ ...r, leaf: r.leaf.subarray(1) }), 'LEAF_MISMATCH', /bytes, wanted/],
    ['another leaf', (r) => ({ ...r, leaf: r.leaf.with(20, 1) }), 'PROOF_INVALID', /root/],
    ['no checkpoint', (r) => ({ ...r, checkpoint: bytes(10, 65) }), 'NOTE_MALFORMED', /blank line/],
  ]
  it.each(cases)('refuses %s', async (_, change, code, guard) => {
    await expect(verifyReceipt(change(receipt), story.trust)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(guard),
    })
  })

  it('refuses an addendum that the leaf does not name', async () => {
    const table = story.saved.routingTableReceipt!
    await expect(verifyReceipt({ ...table, addendum: bytes(3, 1) }, story.trust)).rejects.toThrow(/does not name/)
  })

  it('refuses an addendum that is named and not canonical', () => {
    const addendum = concat(receipt.addendum!, receipt.addendum!)
    const twice = { ...parseLeaf(receipt.leaf), addendumDigest: sha256(addendum) }
    expect(() => openReceipt({ ...receipt, leaf: encodeLeaf(twice), addendum })).toThrow(/ascending order/)
  })

  it('refuses a checkpoint without a quorum', async () => {
    const poor = await storyFixture({ cosigners: () => ['witness2', 'witness3'] })
    await expect(verifyReceipt(poor.saved.request.receipt!, poor.trust)).rejects.toMatchObject({
      code: 'CHECKPOINT_UNTRUSTED',
    })
  })

  it('verifies a checkpoint once for all receipts that share it', async () => {
    const checkpoints = rememberCheckpoints(story.trust)
    const [a, b] = [await checkpoints(receipt.checkpoint), await checkpoints(receipt.checkpoint.slice())]
    expect(a).toBe(b)
    expect(await checkpoints(story.saved.open!.receipt!.checkpoint)).not.toBe(a)
  })

  it('orders the leaves of a later log after those of an earlier one', async () => {
    const { logs } = story.trust.policy
    const { checkpoint } = await verifyReceipt(receipt, story.trust)
    const other = { key: { ...logs[0]!.key, keyName: 'other.log' } }
    const at = (policyLogs: typeof logs) =>
      positionOf({ leafIndex: 7n, checkpoint } as never, { ...story.trust.policy, logs: policyLogs })
    expect(at([logs[0]!, other])).toBe(7n)
    expect(at([other, logs[0]!])).toBe((1n << 64n) + 7n)
  })
})

describe('quorumTime()', () => {
  it('is the least time at which a quorum had cosigned', () => {
    const times = fc.array(fc.tuple(fc.constantFrom(...WITNESSES), fc.nat(50)), { maxLength: 4 })
    fc.assert(
      fc.property(times, (pairs) => {
        const cosigners = [...new Map(pairs)].map(([witness, time]) => ({ witness, timeSeconds: BigInt(time) }))
        const sorted = cosigners.map(({ timeSeconds }) => Number(timeSeconds)).toSorted((a, b) => a - b)
        const wanted = sorted.length < 3 ? Number.POSITIVE_INFINITY : sorted[2]! * 1_000
        expect(quorumTime({ cosigners } as unknown as VerifiedCheckpoint, story.trust.policy)).toBe(wanted)
      }),
      { seed: 5, numRuns: 200 },
    )
  })

  it('is the time of the leaf where no witness is asked for', async () => {
    const policy = { ...story.trust.policy, quorum: 'none' }
    const logged = await verifyReceipt(receipt, { ...story.trust, policy })
    expect(logged.quorumTimeMs).toBe(BATCHES[1]!.atMs)
  })
})

describe('checkLeaf()', () => {
  it.each([
    ['kind', { kind: 'attempt' }],
    ['subject', { subject: bytes(32, 1) }],
    ['partition', { partition: bytes(32, 1) }],
    ['attempt', { attempt: 2 }],
    ['commitment', { commitment: bytes(32, 1) }],
    ['commitment', { commitment: undefined }],
  ])('refuses another %s', (word, over) => {
    const { leaf } = openReceipt(receipt)
    checkLeaf(leaf, leaf)
    expect(() => checkLeaf(leaf, { ...leaf, ...over } as typeof leaf)).toThrow(new RegExp(word))
  })
})

describe('the bytes of a receipt', () => {
  it('are the canonical ones', () => {
    expect(parseReceipt(encodeReceipt(receipt))).toEqual(receipt)
    for (const wrong of [bytes(10, 255), concat(encodeReceipt(receipt), bytes(1, 0)), bytes(80_000, 0)]) {
      expect(() => parseReceipt(wrong)).toThrow(expect.objectContaining({ code: 'PROOF_INVALID' }))
    }
  })

  it('are not read when there are too many', () => {
    expect(() => parseReceipt(bytes(MAX_RECEIPT_BYTES + 1, 0))).toThrow(/wanted at most/)
  })

  it('are met with PROOF_INVALID only, whatever they are', () => {
    const whole = encodeReceipt(receipt)
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.boolean(), (at, byte, cut) => {
        try {
          parseReceipt(cut ? whole.subarray(0, at) : whole.with(at, byte))
        } catch (error) {
          expect(error).toEqual(expect.objectContaining({ code: 'PROOF_INVALID' }))
        }
      }),
      { seed: 6, numRuns: 500 },
    )
  })
})

describe('.tlog-proof files', () => {
  it('give the same receipts back', async () => {
    for (const each of story.log.receipts.values()) {
      const imported = importReceipt(exportReceipt(each))
      expect(encodeReceipt(imported)).toEqual(encodeReceipt(each))
      await verifyReceipt(imported, story.trust)
    }
  })

  it.each([
    ['no extra line', undefined],
    ['an empty one', new Uint8Array(0)],
    ['one byte', bytes(1, 0)],
    ['a leaf cut short', concat(u16be(200), bytes(199, 1))],
    ['an empty leaf', u16be(0)],
    ['a leaf that is too long', concat(u16be(513), bytes(513, 1))],
  ])('are refused with %s', (_, extra) => {
    const { extra: _old, ...proof } = parseTlogProof(exportReceipt(receipt))
    const file = encodeTlogProof(extra ? { ...proof, extra } : proof)
    expect(() => importReceipt(file)).toThrow(expect.objectContaining({ code: 'PROOF_INVALID' }))
  })

  it('are met with declared errors only', () => {
    const file = exportReceipt(receipt)
    fc.assert(
      fc.property(fc.nat(file.length - 1), fc.nat(255), (at, byte) => {
        try {
          encode(Receipt, importReceipt(file.with(at, byte)))
        } catch (error) {
          expect(['PROOF_INVALID', 'NOTE_MALFORMED']).toContain((error as { code: string }).code)
        }
      }),
      { seed: 7, numRuns: 500 },
    )
  })
})

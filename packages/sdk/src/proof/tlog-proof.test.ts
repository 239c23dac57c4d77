import { MAX_RECEIPT_BYTES } from '@mystranet/schemas/limits'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cosignedNote, testSigner } from '../../test/note-keys.ts'
import { referencePath, referenceRoot } from '../../test/reference-tree.ts'
import { utf8 } from '../bytes.ts'
import { hashLeaf } from './merkle.ts'
import { encodeTlogProof, parseTlogProof, verifyTlogProof } from './tlog-proof.ts'

const NOTE_MALFORMED = expect.objectContaining({ code: 'NOTE_MALFORMED' })
const hash = hashLeaf(utf8('h'))
const hash64 = 'A'.repeat(43).concat('=')

describe('.tlog-proof files', () => {
  it('give back what was encoded', () => {
    const proofs = fc.record(
      {
        extra: fc.uint8Array({ maxLength: 300 }),
        leafIndex: fc.bigInt(0n, (1n << 63n) - 1n),
        path: fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 63 }),
        note: fc.uint8Array({ maxLength: 400 }),
      },
      { requiredKeys: ['leafIndex', 'path', 'note'] },
    )
    fc.assert(
      fc.property(proofs, (proof) => {
        expect(parseTlogProof(encodeTlogProof(proof))).toEqual(proof)
      }),
      { seed: 13, numRuns: 100 },
    )
  })

  const v = 'c2sp.org/tlog-proof@v1\n'
  it.each([
    ['another version', 'c2sp.org/tlog-proof@v2\nindex 0\n\nnote\n', /first line/],
    ['no blank line', `${v}index 0\n`, /no blank line/],
    ['no index', `${v}extra AAAA\n\nnote\n`, /index line/],
    ['a leading zero', `${v}index 00\n\nnote\n`, /index line/],
    ['an index of 2^63', `${v}index ${1n << 63n}\n\nnote\n`, /index line/],
    ['extra after the index', `${v}index 0\nextra AAAA\n\nnote\n`, /a hash is not canonical/],
    ['loose extra', `${v}extra AB==\nindex 0\n\nnote\n`, /extra is not canonical/],
    ['a short hash', `${v}index 0\nAAAA\n\nnote\n`, /hash of 3 bytes/],
    ['64 hashes', `${v}index 0\n${`${hash64}\n`.repeat(64)}\nnote\n`, /64 hashes/],
    ['more than the cap', `${v}extra ${'A'.repeat(MAX_RECEIPT_BYTES)}\nindex 0\n\nnote\n`, /wanted at most/],
  ])('refuse %s', (_, text, guard) => {
    expect(() => parseTlogProof(utf8(text))).toThrow(guard)
    expect(() => parseTlogProof(utf8(text))).toThrow(NOTE_MALFORMED)
  })

  it('keep an empty extra apart from none', () => {
    const base = { leafIndex: 0n, path: [], note: utf8('n') }
    expect(parseTlogProof(encodeTlogProof(base))).not.toHaveProperty('extra')
    expect(parseTlogProof(encodeTlogProof({ ...base, extra: new Uint8Array() })).extra).toEqual(new Uint8Array())
  })

  it('are not encoded when they would not parse', () => {
    expect(() => encodeTlogProof({ leafIndex: -1n, path: [], note: utf8('n') })).toThrow(RangeError)
    expect(() => encodeTlogProof({ leafIndex: 0n, path: [hash.subarray(1)], note: utf8('n') })).toThrow(RangeError)
  })

  it('meet arbitrary bytes with NOTE_MALFORMED only', () => {
    const lines = fc.array(fc.constantFrom(v.trim(), 'extra AAAA', 'index 5', 'index 05', hash64, '', 'x'), {
      maxLength: 8,
    })
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 80 }),
          lines.map((parts) => utf8(`${parts.join('\n')}\n`)),
        ),
        (bytes) => {
          try {
            expect(encodeTlogProof(parseTlogProof(bytes))).toEqual(bytes)
          } catch (error) {
            expect(error).toEqual(NOTE_MALFORMED)
          }
        },
      ),
      { seed: 14, numRuns: 500 },
    )
  })
})

describe('verifyTlogProof()', () => {
  const log = testSigner('log.test/a', 1)
  const witness = testSigner('witness.test/b', 2)
  const policy = {
    logs: [{ key: log.logKey }],
    witnesses: [{ name: 'b', key: witness.witnessKey }],
    groups: [],
    quorum: 'b',
  }
  const leaves = ['one', 'two', 'three'].map(utf8)
  const hashes = leaves.map(hashLeaf)
  const head = { treeSize: 3n, rootHash: referenceRoot(hashes) }
  const proofOf = async (cosigners = [witness]) => ({
    leafIndex: 1n,
    path: referencePath(1, hashes),
    note: await cosignedNote(head, log, cosigners),
  })

  it('proves a leaf from end to end', async () => {
    const logged = await verifyTlogProof(await proofOf(), leaves[1] as Uint8Array, { policy })
    expect(logged).toMatchObject({ leafIndex: 1n, checkpoint: { treeSize: 3n } })
  })

  it('refuses another leaf, and a checkpoint without its quorum', async () => {
    await expect(verifyTlogProof(await proofOf(), utf8('four'), { policy })).rejects.toThrow(
      /does not lead to the root/,
    )
    await expect(verifyTlogProof(await proofOf([]), leaves[1] as Uint8Array, { policy })).rejects.toThrow(/no quorum/)
  })
})

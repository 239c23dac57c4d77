import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cosignedNote, testSigner } from '../../test/note-keys.ts'
import { toBase64, u64be, utf8 } from '../bytes.ts'
import { encodeCheckpoint, heldQuorumAt, parseCheckpoint, parseDecimal, verifyCheckpoint } from './checkpoint.ts'
import { signCosignature, verifyCosignature } from './cosignature.ts'
import { EMPTY_ROOT, hashLeaf } from './merkle.ts'
import { encodeNote, parseNote, parseVkey } from './note.ts'
import { type Policy, parsePolicy } from './policy.ts'

const log = testSigner('log.test/a', 1)
const witnesses = [2, 3, 4, 5].map((seed) => testSigner(`witness.test/${seed}`, seed))
const [w2, w3, w4, w5] = witnesses as [typeof log, typeof log, typeof log, typeof log]
const policy: Policy = {
  logs: [{ key: log.logKey }],
  witnesses: witnesses.map(({ keyName, witnessKey }) => ({ name: keyName.slice(-1), key: witnessKey })),
  groups: [{ name: 'three', threshold: 3, members: ['2', '3', '4', '5'] }],
  quorum: 'three',
}
const head = { treeSize: 12n, rootHash: hashLeaf(utf8('root')) }
const text = encodeCheckpoint({ origin: 'log.test/a', ...head })

const NOTE_MALFORMED = expect.objectContaining({ code: 'NOTE_MALFORMED' })
const UNTRUSTED = expect.objectContaining({ code: 'CHECKPOINT_UNTRUSTED' })

describe('parseCheckpoint()', () => {
  it('gives back what encodeCheckpoint() was given', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[ -~]{1,20}$/),
        fc.bigInt(1n, (1n << 63n) - 1n),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        (origin, treeSize, rootHash) => {
          const checkpoint = { origin, treeSize, rootHash }
          expect(parseCheckpoint(encodeCheckpoint(checkpoint))).toEqual(checkpoint)
        },
      ),
      { seed: 8, numRuns: 100 },
    )
    const empty = { origin: 'a', treeSize: 0n, rootHash: EMPTY_ROOT }
    expect(parseCheckpoint(encodeCheckpoint(empty))).toEqual(empty)
  })

  const root = toBase64(head.rootHash)
  it.each([
    ['two lines', 'a\n1\n', /three lines/],
    ['no final newline', `a\n1\n${root}`, /three lines/],
    ['an extension line', `a\n1\n${root}\nmore\n`, /extension/],
    ['an empty extension line', `a\n1\n${root}\n\n`, /extension/],
    ['an empty origin', `\n1\n${root}\n`, /origin is empty/],
    ['a leading zero', `a\n01\n${root}\n`, /not a decimal/],
    ['a sign', `a\n+1\n${root}\n`, /not a decimal/],
    ['a size of 2^63', `a\n${1n << 63n}\n${root}\n`, /not a decimal/],
    ['a size of hundred digits', `a\n${'9'.repeat(100)}\n${root}\n`, /not a decimal/],
    ['a loose root', `a\n1\n${root.slice(0, -1)}\n`, /canonical/],
    ['a short root', 'a\n1\nAAAA\n', /3 bytes/],
    ['size 0 with a root', `a\n0\n${root}\n`, /size 0/],
  ])('refuses %s', (_, body, guard) => {
    expect(() => parseCheckpoint(body)).toThrow(guard)
    expect(() => parseCheckpoint(body)).toThrow(NOTE_MALFORMED)
  })

  it('meets arbitrary text with NOTE_MALFORMED only', () => {
    const lines = fc.array(fc.oneof(fc.string(), fc.constant(root), fc.nat().map(String)), { maxLength: 5 })
    fc.assert(
      fc.property(lines, (parts) => {
        const body = `${parts.join('\n')}\n`
        try {
          expect(encodeCheckpoint(parseCheckpoint(body))).toBe(body)
        } catch (error) {
          expect(error).toEqual(NOTE_MALFORMED)
        }
      }),
      { seed: 9, numRuns: 400 },
    )
  })

  it('is not encoded with a newline in the origin', () => {
    expect(() => encodeCheckpoint({ origin: 'a\nb', ...head })).toThrow(RangeError)
  })
})

describe('parseDecimal()', () => {
  it.each(['', '00', '-1', '1.0', '1e3', ' 1', '0x1', '١'])('refuses %j', (digits) => {
    expect(parseDecimal(digits)).toBeUndefined()
  })

  it('reads beyond 2^53 exactly', () => expect(parseDecimal('9007199254740993')).toBe(9_007_199_254_740_993n))
})

describe('verifyCheckpoint()', () => {
  it('names who cosigned, and when', async () => {
    const checkpoint = await verifyCheckpoint(await cosignedNote(head, log, [w2, w4, w5], 77n), { policy })
    expect(checkpoint).toMatchObject({ origin: 'log.test/a', ...head, logKey: log.logKey, independent: undefined })
    expect(checkpoint.cosigners.map(({ witness, timeSeconds }) => [witness, timeSeconds])).toEqual([
      ['2', 77n],
      ['4', 77n],
      ['5', 77n],
    ])
  })

  it('copies the note, so that a later change of the buffer is not believed', async () => {
    const note = await cosignedNote(head, log, [w2, w3, w4])
    const checkpoint = await verifyCheckpoint(note, { policy })
    const before = note.slice()
    note.fill(0)
    expect(checkpoint.note).toEqual(before)
  })

  it('refuses less than the quorum', async () => {
    await expect(verifyCheckpoint(await cosignedNote(head, log, [w2, w3]), { policy })).rejects.toThrow(/no quorum/)
  })

  it('ignores the cosignature of an unknown witness', async () => {
    const note = await cosignedNote(head, log, [w2, w3, testSigner('witness.test/9', 9)])
    await expect(verifyCheckpoint(note, { policy })).rejects.toThrow(/2 of 4 witnesses/)
  })

  it('refuses a checkpoint of a log that the policy does not know', async () => {
    const stranger = testSigner('log.test/b', 1)
    await expect(verifyCheckpoint(await cosignedNote(head, stranger, witnesses), { policy })).rejects.toThrow(
      /knows no log/,
    )
  })

  it('refuses a log key that signs for another origin', async () => {
    const two = { ...policy, logs: [...policy.logs, { key: testSigner('log.test/b', 8).logKey }] }
    const { signatures } = parseNote(await cosignedNote(head, log, witnesses))
    const foreign = encodeCheckpoint({ origin: 'log.test/b', ...head })
    await expect(verifyCheckpoint(encodeNote({ text: foreign, signatures }), { policy: two })).rejects.toThrow(
      /no known key/,
    )
  })

  it('refuses any text that the log did not sign', async () => {
    const { signatures } = parseNote(await cosignedNote(head, log, witnesses))
    const altered = encodeNote({ text: text.replace('\n12\n', '\n13\n'), signatures })
    await expect(verifyCheckpoint(altered, { policy })).rejects.toThrow(/signature of log.test\/a does not verify/)
    await expect(verifyCheckpoint(altered, { policy })).rejects.toThrow(UNTRUSTED)
  })

  it('refuses the note when one known cosignature fails, even beyond the quorum', async () => {
    const { signatures } = parseNote(await cosignedNote(head, log, witnesses))
    const broken = signatures.map((line) =>
      line.keyName === w5.keyName
        ? { ...line, signature: line.signature.map((byte, i) => (i === 7 ? byte ^ 1 : byte)) }
        : line,
    )
    await expect(verifyCheckpoint(encodeNote({ text, signatures: broken }), { policy })).rejects.toThrow(
      /cosignature of witness.test\/5: it does not verify/,
    )
  })

  it('counts witnesses of one operator once, and says so apart from the quorum', async () => {
    const note = await cosignedNote(head, log, witnesses)
    const operators = (...names: string[]) => new Map(names.map((name, i) => [`${i + 2}`, name]))
    const judged = async (map: Map<string, string>) =>
      (await verifyCheckpoint(note, { policy, operators: map })).independent
    expect(await judged(operators('a', 'b', 'c', 'c'))).toBe(true)
    expect(await judged(operators('a', 'a', 'c', 'c'))).toBe(false)
    expect(await judged(new Map())).toBe(true)
  })

  it('tells whether the quorum held at a moment', async () => {
    const early = parseNote(await cosignedNote(head, log, [w2, w3], 50n))
    const late = parseNote(await cosignedNote(head, log, [w4], 60n))
    const note = encodeNote({ text, signatures: [...early.signatures, ...late.signatures.slice(1)] })
    const checkpoint = await verifyCheckpoint(note, { policy })
    expect(heldQuorumAt(checkpoint, { policy }, 59n)).toBe(false)
    expect(heldQuorumAt(checkpoint, { policy }, 60n)).toBe(true)
  })

  it('verifies the checkpoint and cosignature that the specification prints', async () => {
    // c2sp.org/tlog-cosignature. Its keys are not printed, so the vkeys of that page's test data cannot be checked; the
    // layout can: time and key ids are where the page says.
    const note = parseNote(
      utf8(`example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
`),
    )
    expect(parseCheckpoint(note.text)).toMatchObject({ origin: 'example.com/behind-the-sofa', treeSize: 20_852_163n })
    expect(note.signatures[1]?.signature.subarray(0, 8)).toEqual(u64be(1_679_315_147n))
  })
})

describe('cosignatures', () => {
  it('carry their time, for any checkpoint', async () => {
    await fc.assert(
      fc.asyncProperty(fc.bigInt(0n, (1n << 63n) - 1n), async (time) => {
        const line = await signCosignature(text, w2, time)
        expect(await verifyCosignature(text, line, w2.witnessKey)).toBe(time)
      }),
      { seed: 10, numRuns: 30 },
    )
  })

  it('bind their time', async () => {
    const line = await signCosignature(text, w2, 5n)
    const later = { ...line, signature: line.signature.map((byte, i) => (i === 7 ? 6 : byte)) }
    await expect(verifyCosignature(text, later, w2.witnessKey)).rejects.toThrow(/does not verify/)
  })

  it('refuse another key, another length and a time above 2^63 − 1', async () => {
    const line = await signCosignature(text, w2, 5n)
    await expect(verifyCosignature(text, line, w3.witnessKey)).rejects.toThrow(/another key/)
    await expect(verifyCosignature(text, line, w2.logKey)).rejects.toThrow(/another key/)
    const short = { ...line, signature: line.signature.subarray(0, 71) }
    await expect(verifyCosignature(text, short, w2.witnessKey)).rejects.toThrow(/71 bytes/)
    const far = { ...line, signature: line.signature.map((byte, i) => (i === 0 ? 0x80 : byte)) }
    await expect(verifyCosignature(text, far, w2.witnessKey)).rejects.toThrow(/exceeds/)
    await expect(signCosignature(text, w2, -1n)).rejects.toThrow(RangeError)
  })
})

it('reads a policy with the vkey of a witness that others run', () => {
  const vkey = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
  expect(parsePolicy(utf8(`log ${vkey}\nquorum none\n`)).logs[0]?.key).toEqual(parseVkey(vkey))
})

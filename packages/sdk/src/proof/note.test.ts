import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { testSigner } from '../../test/note-keys.ts'
import { fromBase64, toBase64, utf8 } from '../bytes.ts'
import { PacketError } from '../errors.ts'
import {
  createNoteKey,
  encodeNote,
  encodeSignatureLine,
  encodeVkey,
  parseNote,
  parseSignatureLines,
  parseVkey,
  signNote,
  verifyNote,
} from './note.ts'

const log = testSigner('log.test/a', 1)
const other = testSigner('log.test/b', 2)
const signature = { keyName: 'log.test/a', keyId: 0xdeadbeef, signature: new Uint8Array(64).fill(7) }
const line = encodeSignatureLine(signature)

const NOTE_MALFORMED = expect.objectContaining({ code: 'NOTE_MALFORMED' })

describe('parseNote()', () => {
  it('verifies the note of the specification', async () => {
    // The vkey and the note of golang.org/x/mod/sumdb/note's documentation: bytes made by others.
    const key = parseVkey('PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW')
    const text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    const note = parseNote(
      utf8(
        `${text}\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n`,
      ),
    )
    expect(note.text).toBe(text)
    expect(await verifyNote(note, [key])).toEqual([key])
  })

  it('splits at the last blank line and keeps a byte order mark', () => {
    const text = '\ufefffirst\n\nsecond\n\n\nthird\n'
    expect(parseNote(utf8(`${text}\n${line}`))).toEqual({ text, signatures: [signature] })
  })

  it('gives back what encodeNote() was given', () => {
    const names = fc.stringMatching(/^[a-zé./0-9]{1,12}$/)
    const signatures = fc.uniqueArray(
      fc.record({
        keyName: names,
        keyId: fc.nat(0xffffffff),
        signature: fc.uint8Array({ minLength: 1, maxLength: 80 }),
      }),
      { minLength: 1, maxLength: 18, selector: ({ keyName }) => keyName },
    )
    const texts = fc.stringMatching(/^[ -~é\n]{0,40}$/).map((text) => `${text}\n`)
    fc.assert(
      fc.property(texts, signatures, (text, lines) => {
        expect(parseNote(encodeNote({ text, signatures: lines }))).toEqual({ text, signatures: lines })
      }),
      { seed: 5, numRuns: 200 },
    )
  })

  const withBlob = (blob: string) => `text\n\n— log.test/a ${blob}\n`
  // The last two bits of the final character before the padding are spare: this one sets them.
  const loose = toBase64(Uint8Array.of(1, 2, 3, 4, 5, 6, 7)).replace(/w==$/, 'x==')
  it.each([
    ['no blank line', `text\n${line}`, /no blank line/],
    ['no final newline', `text\n\n${line.slice(0, -1)}`, /lacks its newline/],
    ['no signature', 'text\n\n', /lacks its newline/],
    ['a hyphen for the dash', `text\n\n${line.replace('—', '-')}`, /name base64/],
    ['two spaces', `text\n\n${line.replace('— ', '—  ')}`, /name base64/],
    ['a plus in the name', `text\n\n${line.replace('/a', '+a')}`, /space or a plus/],
    ['a no-break space in the name', `text\n\n${line.replace('/a', '\u00a0a')}`, /space or a plus/],
    ['spare bits in base64', withBlob(loose), /canonical/],
    ['base64 without padding', withBlob('AAAAAAA'), /canonical/],
    ['only a key id', withBlob('AAAAAA=='), /more than 4/],
    ['a key that signed twice', `text\n\n${line}${line}`, /one key/],
    ['a tab', `te\txt\n\n${line}`, /control character/],
    ['a carriage return', `text\r\n\n${line}`, /control character/],
  ])('refuses %s', (_, text, guard) => {
    expect(() => parseNote(utf8(text))).toThrow(guard)
    expect(() => parseNote(utf8(text))).toThrow(NOTE_MALFORMED)
  })

  it('refuses what is not UTF-8, and a note over the cap', () => {
    expect(() => parseNote(Uint8Array.of(0xff, 10, 10))).toThrow(/UTF-8/)
    expect(() => parseNote(new Uint8Array(64 * 1024 + 1).fill(0x61))).toThrow(/at most 65536/)
  })

  it('reads sixteen signatures of 5 kB less one', () => {
    const lines = Array.from({ length: 16 }, (_, keyId) => ({ keyName: 'k', keyId, signature: new Uint8Array(2_900) }))
    expect(parseNote(encodeNote({ text: 'x\n', signatures: lines })).signatures).toHaveLength(16)
  })

  it('meets arbitrary and broken bytes with NOTE_MALFORMED only', () => {
    const whole = utf8(`text\n\n${line}`)
    const broken = fc
      .tuple(fc.nat(whole.length - 1), fc.nat(255))
      .map(([at, byte]) => whole.map((old, i) => (i === at ? byte : old)))
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 120 }), broken), (bytes) => {
        try {
          const note = parseNote(bytes)
          expect(encodeNote(note)).toEqual(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(PacketError)
          expect(error).toEqual(NOTE_MALFORMED)
        }
      }),
      { seed: 6, numRuns: 600 },
    )
  })
})

describe('verifyNote()', () => {
  it('accepts what signNote() signed', async () => {
    const note = parseNote(await signNote('text\n', log))
    expect(await verifyNote(note, [other.logKey, log.logKey])).toEqual([log.logKey])
  })

  it('ignores unknown keys, also one with a known name or a known id', async () => {
    const note = parseNote(await signNote('text\n', log))
    const strangers = [
      { ...signature, keyName: 'log.test/a' },
      { ...signature, keyName: 'log.test/x', keyId: log.logKey.keyId },
    ]
    const mixed = { ...note, signatures: [...strangers, ...note.signatures] }
    expect(await verifyNote(mixed, [log.logKey])).toEqual([log.logKey])
  })

  it('refuses a note that no known key signed', async () => {
    const note = parseNote(await signNote('text\n', log))
    await expect(verifyNote(note, [other.logKey])).rejects.toThrow(/no known key/)
    await expect(verifyNote(note, [log.witnessKey])).rejects.toThrow(/no known key/)
  })

  it('refuses the whole note when one known signature fails', async () => {
    const [mine] = parseNote(await signNote('text\n', log)).signatures
    const [wrong] = parseNote(await signNote('another\n', other)).signatures
    if (!mine || !wrong) throw new Error('unsigned')
    const note = { text: 'text\n', signatures: [mine, wrong] }
    await expect(verifyNote(note, [log.logKey, other.logKey])).rejects.toThrow(/log.test\/b does not verify/)
    const long = { ...mine, signature: new Uint8Array(65) }
    await expect(verifyNote({ ...note, signatures: [long] }, [log.logKey])).rejects.toThrow(/does not verify/)
  })
})

describe('vkeys', () => {
  it('round-trip', () => {
    for (const key of [log.logKey, log.witnessKey, other.witnessKey]) expect(parseVkey(encodeVkey(key))).toEqual(key)
  })

  const vkey = encodeVkey(log.logKey)
  const [name, id, key64] = [
    vkey.split('+')[0],
    vkey.split('+')[1],
    vkey.slice(vkey.indexOf('+', vkey.indexOf('+') + 1) + 1),
  ]
  const retyped = toBase64((fromBase64(key64) as Uint8Array).map((byte, i) => (i === 0 ? 6 : byte)))
  it.each([
    [`${name}+${id}`, /name\+id/],
    [`${name}+${id?.toUpperCase()}x+${key64}`, /name\+id/],
    [`a b+${id}+${key64}`, /space/],
    [`${name}+00000000+${key64}`, /not the hash/],
    [`${name}+${id}+${key64}=`, /canonical/],
    [`${name}+${id}+${retyped}`, /type 6/],
    [`${name}+${id}+AQID`, /2 bytes, wanted 32/],
  ])('refuse %s', (text, guard) => {
    expect(() => parseVkey(text)).toThrow(guard)
    expect(() => parseVkey(text)).toThrow(NOTE_MALFORMED)
  })

  it('need a usable name and 32 bytes', () => {
    expect(() => createNoteKey('a b', 1, log.publicKey)).toThrow(RangeError)
    expect(() => createNoteKey('a', 1, new Uint8Array(31))).toThrow(/31 bytes/)
  })
})

describe('parseSignatureLines()', () => {
  it('meets arbitrary text with NOTE_MALFORMED only', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `— ${text}\n`),
        ),
        (text) => {
          try {
            parseSignatureLines(text)
          } catch (error) {
            expect(error).toEqual(NOTE_MALFORMED)
          }
        },
      ),
      { seed: 7, numRuns: 300 },
    )
  })
})

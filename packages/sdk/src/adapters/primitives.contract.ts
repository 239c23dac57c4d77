import { createCipheriv, createHash, createHmac, hkdfSync } from 'node:crypto'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  type Case,
  describeVectorFile,
  ofHex,
  type SignatureGroup,
  type Wycheproof,
} from '../../test/crypto-vectors.ts'
import { toHex, utf8 } from '../bytes.ts'
import type { Primitives } from './primitives.ts'

/** The contract of {@link Primitives}. Call it once for each adapter. */
export function describePrimitives(name: string, primitives: Primitives): void {
  describe(`${name} are Primitives`, () => {
    describeHashes(primitives)
    describeAead(primitives)
    describeX25519(primitives)
    describeEd25519(primitives)
  })
}

const bytes = (maxLength: number) => fc.uint8Array({ maxLength })

function describeHashes({ sha256, hmacSha256, hkdfExtract, hkdfExpand, randomBytes }: Primitives): void {
  it('hashes parts as if they were one', () => {
    fc.assert(
      fc.property(fc.array(bytes(6000), { maxLength: 4 }), (parts) => {
        expect(toHex(sha256(...parts))).toBe(createHash('sha256').update(Buffer.concat(parts)).digest('hex'))
      }),
    )
  })

  it('authenticates with keys of every length', () => {
    fc.assert(
      fc.property(bytes(200), fc.array(bytes(300), { maxLength: 4 }), (key, parts) => {
        expect(toHex(hmacSha256(key, ...parts))).toBe(
          createHmac('sha256', key).update(Buffer.concat(parts)).digest('hex'),
        )
      }),
    )
  })

  it('derives what HKDF derives', () => {
    fc.assert(
      fc.property(bytes(80), bytes(80), bytes(80), fc.integer({ min: 1, max: 200 }), (salt, ikm, info, length) => {
        const expected = new Uint8Array(hkdfSync('sha256', ikm, salt, info, length))
        expect(hkdfExpand(hkdfExtract(salt, ikm), info, length)).toEqual(expected)
      }),
    )
  })

  it('expands to 8,160 bytes and no further', () => {
    expect(hkdfExpand(new Uint8Array(32), utf8('x'), 8160)).toHaveLength(8160)
    for (const length of [8161, -1, 1.5]) {
      expect(() => hkdfExpand(new Uint8Array(32), utf8('x'), length)).toThrow(RangeError)
    }
  })

  it('gives plain byte arrays of its own', () => {
    const digest = sha256(utf8('x'))
    expect(Object.getPrototypeOf(digest)).toBe(Uint8Array.prototype)
    expect(digest.slice().buffer).not.toBe(digest.buffer)
  })

  it('draws random bytes', () => {
    expect(randomBytes(32)).toHaveLength(32)
    expect(randomBytes(32)).not.toEqual(randomBytes(32))
  })

  describeVectorFile<Wycheproof<HmacGroup>>('wycheproof/hmac_sha256_test.json', (file) => {
    it.each(file.testGroups.flatMap((group) => group.tests.map((test) => ({ ...test, tagSize: group.tagSize }))))(
      'case $tcId is $result',
      ({ key, msg, tag, tagSize, result }) => {
        const made = toHex(hmacSha256(ofHex(key), ofHex(msg)).subarray(0, tagSize / 8))
        expect(made === tag).toBe(result === 'valid')
      },
    )
  })

  describeVectorFile<Wycheproof<HkdfGroup>>('wycheproof/hkdf_sha256_test.json', (file) => {
    it.each(file.testGroups.flatMap((group) => group.tests))('case $tcId is $result', (test) => {
      const derive = () =>
        toHex(hkdfExpand(hkdfExtract(ofHex(test.salt), ofHex(test.ikm)), ofHex(test.info), test.size))
      if (test.result === 'valid') expect(derive()).toBe(test.okm)
      else expect(derive).toThrow(RangeError)
    })
  })
}

interface HmacGroup {
  readonly tagSize: number
  readonly tests: readonly (Case & { readonly key: string; readonly msg: string; readonly tag: string })[]
}
interface HkdfGroup {
  readonly tests: readonly (Case &
    Readonly<Record<'ikm' | 'salt' | 'info' | 'okm', string>> & { readonly size: number })[]
}
interface AeadGroup {
  readonly tests: readonly (Case & Readonly<Record<'key' | 'iv' | 'aad' | 'msg' | 'ct' | 'tag', string>>)[]
}
interface XdhGroup {
  readonly tests: readonly (Case & Readonly<Record<'public' | 'private' | 'shared', string>>)[]
}

function describeAead({ aeadSeal, aeadOpen, loadAead }: Primitives): void {
  beforeAll(loadAead)
  const [key, nonce] = [new Uint8Array(32).fill(1), new Uint8Array(12).fill(2)]

  it('opens what it sealed, above and below the size where a native back end takes over', () => {
    fc.assert(
      fc.property(
        bytes(64),
        fc.oneof(
          bytes(300),
          fc.nat(9000).map((n) => new Uint8Array(n)),
        ),
        (aad, text) => {
          const sealed = aeadSeal(key, nonce, aad, text)
          expect(sealed).toHaveLength(text.length + 16)
          expect(aeadOpen(key, nonce, aad, sealed)).toEqual(text)
        },
      ),
    )
  })

  it('writes the bytes that OpenSSL writes, for keys and texts at either end of what there is too', () => {
    const sized = (length: number) =>
      fc.oneof(
        fc.uint8Array({ minLength: length, maxLength: length }),
        fc.constantFrom(0, 0xff).map((byte) => new Uint8Array(length).fill(byte)),
      )
    const text = fc.nat(700).chain(sized)
    fc.assert(
      fc.property(sized(32), sized(12), fc.nat(70).chain(sized), text, (key, nonce, aad, plain) => {
        const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 })
        cipher.setAAD(aad, { plaintextLength: plain.length })
        const expected = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()])
        expect(toHex(aeadSeal(key, nonce, aad, plain))).toBe(expected.toString('hex'))
      }),
      { numRuns: 500 },
    )
  })

  it.each([0, 15, 16, 100, 5000])('opens no altered text of %i bytes', (length) => {
    const sealed = aeadSeal(key, nonce, utf8('aad'), new Uint8Array(length))
    for (const at of [0, sealed.length - 16, sealed.length - 1]) {
      const altered = sealed.map((byte, i) => (i === at ? byte ^ 0x80 : byte))
      expect(aeadOpen(key, nonce, utf8('aad'), altered)).toBeUndefined()
    }
    expect(aeadOpen(key, nonce, utf8('aae'), sealed)).toBeUndefined()
    expect(aeadOpen(key, nonce, utf8('aad'), sealed.subarray(1))).toBeUndefined()
    expect(aeadOpen(key, nonce, utf8('aad'), sealed.subarray(0, 15))).toBeUndefined()
  })

  it('calls a key or nonce of another size misuse, at every text size', () => {
    for (const text of [new Uint8Array(16), new Uint8Array(9000)]) {
      for (const use of [aeadSeal, aeadOpen]) {
        expect(() => use(key.subarray(1), nonce, text, text)).toThrow(/key has 31 bytes, wanted 32/)
        expect(() => use(key, nonce.subarray(1), text, text)).toThrow(/nonce has 11 bytes, wanted 12/)
      }
    }
  })

  describeVectorFile<Wycheproof<AeadGroup>>('wycheproof/chacha20_poly1305_test.json', (file) => {
    it.each(file.testGroups.flatMap((group) => group.tests))('case $tcId is $result', (test) => {
      const [k, iv, aad, msg] = [ofHex(test.key), ofHex(test.iv), ofHex(test.aad), ofHex(test.msg)]
      const sealed = test.ct + test.tag
      if (iv.length !== 12) {
        expect(() => aeadOpen(k, iv, aad, ofHex(sealed))).toThrow(RangeError)
        return
      }
      const opened = aeadOpen(k, iv, aad, ofHex(sealed))
      expect(opened && toHex(opened)).toBe(test.result === 'valid' ? test.msg : undefined)
      if (test.result === 'valid') expect(toHex(aeadSeal(k, iv, aad, msg))).toBe(sealed)
    })
  })
}

function describeX25519({ loadX25519 }: Primitives): void {
  it('agrees with itself, with a kept and with a single-use key', async () => {
    const x25519 = await loadX25519()
    const [one, other] = [x25519.keygen(), x25519.keygen()]
    expect(x25519.publicKey(one.privateKey)).toEqual(one.publicKey)
    expect(x25519.agree(one.privateKey, other.publicKey)).toEqual(x25519.agree(other.privateKey, one.publicKey))
    const once = x25519.agreeOnce(one.publicKey)
    expect(x25519.agree(one.privateKey, once!.publicKey)).toEqual(once!.shared)
    expect(x25519.agreeOnce(one.publicKey)!.publicKey).not.toEqual(once!.publicKey)
  })

  it('refuses keys of another size', async () => {
    const x25519 = await loadX25519()
    const { privateKey, publicKey } = x25519.keygen()
    expect(x25519.agree(privateKey, publicKey.subarray(1))).toBeUndefined()
    expect(x25519.agreeOnce(publicKey.subarray(1))).toBeUndefined()
    expect(() => x25519.agree(privateKey.subarray(1), publicKey)).toThrow(RangeError)
    expect(() => x25519.publicKey(privateKey.subarray(1))).toThrow(RangeError)
  })

  describeVectorFile<Wycheproof<XdhGroup>>('wycheproof/x25519_test.json', (file) => {
    it.each(file.testGroups.flatMap((group) => group.tests))('case $tcId is $result', async (test) => {
      const x25519 = await loadX25519()
      const shared = x25519.agree(ofHex(test.private), ofHex(test.public))
      // The "acceptable" ones are odd encodings and points of small order; only an all-zero secret is refused.
      expect(shared && toHex(shared)).toBe(/^0*$/.test(test.shared) ? undefined : test.shared)
    })
  })
}

function describeEd25519({ createEd25519Key, verifyEd25519 }: Primitives): void {
  it('verifies what it signs, and nothing near it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        bytes(300),
        fc.nat(511),
        async (seed, message, bit) => {
          const key = await createEd25519Key(seed)
          const signature = await key.sign(message)
          expect(await verifyEd25519(key.publicKey, message, signature)).toBe(true)
          const altered = signature.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
          expect(await verifyEd25519(key.publicKey, message, altered)).toBe(false)
          expect(await verifyEd25519(key.publicKey, Uint8Array.of(...message, 0), signature)).toBe(false)
        },
      ),
      { numRuns: 25 },
    )
  })

  it('answers any bytes with a verdict', async () => {
    await fc.assert(
      fc.asyncProperty(bytes(40), bytes(40), bytes(70), async (publicKey, message, signature) => {
        expect(await verifyEd25519(publicKey, message, signature)).toBe(false)
      }),
      { seed: 3 },
    )
  })

  it('judges the message as it was when it was handed over', async () => {
    const key = await createEd25519Key(new Uint8Array(32).fill(5))
    const message = utf8('before')
    const signature = await key.sign(message)
    const verdict = verifyEd25519(key.publicKey, message, signature)
    message.fill(0)
    expect(await verdict).toBe(true)
  })

  it('takes seeds of 32 bytes', async () => {
    await expect((async () => createEd25519Key(new Uint8Array(31)))()).rejects.toThrow(RangeError)
  })

  describeVectorFile<Rfc8032[]>('ed25519/rfc8032.json', (file) => {
    it('has four', () => expect(file).toHaveLength(4))
    it.each(file)('signs for $pub', async (test) => {
      const key = await createEd25519Key(ofHex(test.priv).subarray(0, 32))
      expect(toHex(key.publicKey)).toBe(test.pub)
      expect(toHex(await key.sign(ofHex(test.msg)))).toBe(test.sig)
    })
  })

  describeVectorFile<Wycheproof<SignatureGroup>>('wycheproof/ed25519_test.json', (file) => {
    it.each(file.testGroups.flatMap((group) => group.tests.map((test) => ({ ...test, pk: group.publicKey.pk }))))(
      'case $tcId is $result',
      async ({ pk, msg, sig, result }) => {
        expect(await verifyEd25519(ofHex(pk), ofHex(msg), ofHex(sig))).toBe(result === 'valid')
      },
    )
  })
}

interface Rfc8032 {
  readonly priv: string
  readonly pub: string
  readonly msg: string
  readonly sig: string
}

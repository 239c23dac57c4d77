import { AeadId, CipherSuite as CoreSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core'
import fc from 'fast-check'
import * as panva from 'hpke'
import { beforeAll, describe, expect, it } from 'vitest'
import { aeadOpen, aeadSeal } from '../adapters/noble/aead.ts'
import { x25519 as javascriptX25519 } from '../adapters/noble/x25519.ts'
import { fromHex, toHex, utf8 } from '../bytes.ts'
import { openBase, sealBase } from './hpke.ts'
import { dhkemX25519, type Kem, kemFor, loadedKem, type Suite } from './kem.ts'

const [INFO, AAD, TEXT] = [utf8('info'), utf8('aad'), utf8('a content key of thirty-two byte')]
const CONTEXT = utf8('mystranet/v1/response')
const bytesOf = (hex: string) => fromHex(hex)!

let kems: Record<Suite, Kem>
let javascriptKem: Kem
beforeAll(async () => {
  kems = { 1: await kemFor(1), 2: await kemFor(2) }
  javascriptKem = dhkemX25519(javascriptX25519)
})

describe('HPKE suite 1', () => {
  // RFC 9180 §A.2.1, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305, Base, sequence number 0.
  const vector = {
    info: '4f6465206f6e2061204772656369616e2055726e',
    skEm: 'f4ec9b33b792c372c1d2c2063507b684ef925b8c75a42dbcbf57d63ccd381600',
    pkEm: '1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a',
    pkRm: '4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a',
    skRm: '8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb',
    pt: '4265617574792069732074727574682c20747275746820626561757479',
    aad: '436f756e742d30',
    ct: '1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28',
    exported: '4bbd6243b8bb54cec311fac9df81841b6fd61f56538a775e7c80a9f40160606e',
  }

  it.each(['native', 'javascript'])('gives the bytes of RFC 9180 with the %s KEM', (which) => {
    const kem = which === 'native' ? kems[1] : javascriptKem
    const [info, aad] = [bytesOf(vector.info), bytesOf(vector.aad)]
    const sealed = sealBase(kem, bytesOf(vector.pkRm), info, aad, bytesOf(vector.pt), {
      ephemeral: bytesOf(vector.skEm),
    })
    expect(toHex(sealed.enc)).toBe(vector.pkEm)
    expect(toHex(sealed.ciphertext)).toBe(vector.ct)
    expect(toHex(sealed.exporter(new Uint8Array(0), 32))).toBe(vector.exported)
    const opened = openBase(kem, bytesOf(vector.skRm), sealed.enc, info, aad, sealed.ciphertext)
    expect(toHex(opened!.plaintext)).toBe(vector.pt)
    expect(toHex(opened!.exporter(new Uint8Array(0), 32))).toBe(vector.exported)
    expect(toHex(kem.publicKey(bytesOf(vector.skRm)))).toBe(vector.pkRm)
  })

  it('is understood by @hpke/core, and understands it', async () => {
    const suite = new CoreSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: chachaForCore })
    const { privateKey, publicKey } = kems[1].generate()
    const theirPublic = await suite.kem.deserializePublicKey(publicKey.buffer)
    const theirPrivate = await suite.kem.deserializePrivateKey(privateKey.buffer)

    const sealed = sealBase(kems[1], publicKey, INFO, AAD, TEXT)
    const reader = await suite.createRecipientContext({
      recipientKey: theirPrivate,
      enc: sealed.enc.buffer,
      info: INFO.buffer,
    })
    expect(new Uint8Array(await reader.open(sealed.ciphertext.buffer, AAD.buffer))).toEqual(TEXT)
    expect(new Uint8Array(await reader.export(CONTEXT.buffer, 32))).toEqual(sealed.exporter(CONTEXT, 32))

    const writer = await suite.createSenderContext({ recipientPublicKey: theirPublic, info: INFO.buffer })
    const ciphertext = new Uint8Array(await writer.seal(TEXT.buffer, AAD.buffer))
    const opened = openBase(kems[1], privateKey, new Uint8Array(writer.enc), INFO, AAD, ciphertext)
    expect(opened?.plaintext).toEqual(TEXT)
    expect(opened?.exporter(CONTEXT, 77)).toEqual(new Uint8Array(await writer.export(CONTEXT.buffer, 77)))
  })
})

/** @hpke/core ships no ChaCha20-Poly1305 of its own; its KEM, its key schedule and its exporter are what is asked. */
const chachaForCore = {
  id: AeadId.Chacha20Poly1305,
  keySize: 32,
  nonceSize: 12,
  tagSize: 16,
  createEncryptionContext: (key: ArrayBufferLike | ArrayBufferView) => ({
    seal: async (nonce: BufferSource, text: BufferSource, aad: BufferSource) =>
      aeadSeal(view(key), view(nonce), view(aad), view(text)).buffer,
    open: async (nonce: BufferSource, text: BufferSource, aad: BufferSource) =>
      aeadOpen(view(key), view(nonce), view(aad), view(text))!.buffer,
  }),
}
const view = (source: ArrayBufferLike | ArrayBufferView): Uint8Array =>
  ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source)

const SUITES = [
  { suite: 1 as Suite, kem: panva.KEM_DHKEM_X25519_HKDF_SHA256 },
  { suite: 2 as Suite, kem: panva.KEM_MLKEM768_X25519 },
]

describe.each(SUITES)('HPKE suite $suite', ({ suite, kem: theirKem }) => {
  it('is understood by hpke, and understands it', async () => {
    const theirs = new panva.CipherSuite(theirKem, panva.KDF_HKDF_SHA256, panva.AEAD_ChaCha20Poly1305)
    const { privateKey, publicKey } = kems[suite].generate()
    const theirPublic = await theirs.DeserializePublicKey(publicKey)
    const theirPrivate = await theirs.DeserializePrivateKey(privateKey, true)
    expect(new Uint8Array(await theirs.SerializePublicKey(theirPublic))).toEqual(kems[suite].publicKey(privateKey))
    const pair = { privateKey: theirPrivate, publicKey: theirPublic }

    const sealed = sealBase(kems[suite], publicKey, INFO, AAD, TEXT)
    const reader = await theirs.SetupRecipient(pair, sealed.enc, { info: INFO })
    expect(new Uint8Array(await reader.Open(sealed.ciphertext, AAD))).toEqual(TEXT)
    expect(new Uint8Array(await reader.Export(CONTEXT, 32))).toEqual(sealed.exporter(CONTEXT, 32))

    const { encapsulatedSecret, ctx } = await theirs.SetupSender(theirPublic, { info: INFO })
    const ciphertext = new Uint8Array(await ctx.Seal(TEXT, AAD))
    const opened = openBase(kems[suite], privateKey, new Uint8Array(encapsulatedSecret), INFO, AAD, ciphertext)
    expect(opened?.plaintext).toEqual(TEXT)
    expect(opened?.exporter(CONTEXT, 32)).toEqual(new Uint8Array(await ctx.Export(CONTEXT, 32)))
  })

  const bytes = (maxLength: number) => fc.uint8Array({ maxLength })

  it('opens what it sealed, and nothing else', () => {
    const pair = kems[suite].generate()
    fc.assert(
      fc.property(bytes(100), bytes(100), bytes(5000), fc.nat(), fc.nat(7), (info, aad, text, at, bit) => {
        const { enc, ciphertext, exporter } = sealBase(kems[suite], pair.publicKey, info, aad, text)
        const opened = openBase(kems[suite], pair.privateKey, enc, info, aad, ciphertext)
        expect(opened?.plaintext).toEqual(text)
        expect(opened?.exporter(aad, 32)).toEqual(exporter(aad, 32))

        const flip = (part: Uint8Array) => part.map((byte, i) => (i === at % part.length ? byte ^ (1 << bit) : byte))
        const open = openBase.bind(undefined, kems[suite], pair.privateKey)
        expect(open(enc, info, aad, flip(ciphertext))).toBeUndefined()
        expect(open(enc, Uint8Array.of(...info, 1), aad, ciphertext)).toBeUndefined()
        expect(open(enc, info, Uint8Array.of(...aad, 1), ciphertext)).toBeUndefined()
        expect(open(enc, info, aad, ciphertext.subarray(0, at % ciphertext.length))).toBeUndefined()
        expect(open(enc.subarray(1), info, aad, ciphertext)).toBeUndefined()
        expect(openBase(kems[suite], kems[suite].generate().privateKey, enc, info, aad, ciphertext)).toBeUndefined()
      }),
      { numRuns: suite === 1 ? 100 : 10 },
    )
  })

  it('opens garbage as undefined and never throws', () => {
    const { privateKey } = kems[suite].generate()
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), bytes(64), (head, ciphertext) => {
        const enc = new Uint8Array(kems[suite].encBytes)
        enc.set(head)
        expect(openBase(kems[suite], privateKey, enc, INFO, AAD, ciphertext)).toBeUndefined()
      }),
      { numRuns: suite === 1 ? 300 : 10, seed: 7 },
    )
  })

  it('refuses a public key of the wrong length by name', () => {
    const { publicKey } = kems[suite].generate()
    expect(() => sealBase(kems[suite], publicKey.subarray(1), INFO, AAD, TEXT)).toThrow(
      expect.objectContaining({ code: 'KEY_EVENT_INVALID' }),
    )
  })
})

/** u-coordinates of small order: every agreement with them is all zero (RFC 7748 §6.1). */
const SMALL_ORDER = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
]

describe.each(SMALL_ORDER)('the point of small order %s', (hex) => {
  it('gets nothing sealed to it, and opens nothing', () => {
    for (const kem of [kems[1], javascriptKem]) {
      expect(() => sealBase(kem, bytesOf(hex), INFO, AAD, TEXT)).toThrow(
        expect.objectContaining({ code: 'KEY_EVENT_INVALID' }),
      )
      expect(kem.decapsulate(kem.generate().privateKey, bytesOf(hex))).toBeUndefined()
    }
  })
})

describe('kemFor()', () => {
  it('knows two suites', async () => {
    await expect(kemFor(3)).rejects.toThrow(expect.objectContaining({ code: 'SUITE_UNKNOWN' }))
    expect(loadedKem(1)).toBe(await kemFor(1))
    expect(loadedKem(3)).toBeUndefined()
  })

  it('sees that the array of a private key was overwritten', async () => {
    const [first, second] = [kems[1].generate(), kems[1].generate()]
    for (const kem of [kems[1], javascriptKem]) {
      const holder = first.privateKey.slice()
      const toSecond = sealBase(kem, second.publicKey, INFO, AAD, TEXT)
      expect(openBase(kem, holder, toSecond.enc, INFO, AAD, toSecond.ciphertext)).toBeUndefined()
      holder.set(second.privateKey)
      expect(openBase(kem, holder, toSecond.enc, INFO, AAD, toSecond.ciphertext)?.plaintext).toEqual(TEXT)
    }
  })
})

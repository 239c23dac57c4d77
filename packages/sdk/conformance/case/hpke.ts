/** HPKE: the published vector, and a library of others in both directions where it runs. */
import * as core from '@hpke/core'
import * as theirs from 'hpke'
import { bytesOf, type Cases, type Context, equal } from '../case.ts'

/** RFC 9180 §A.2.1: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305, Base, sequence number 0. */
const RFC9180 = {
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

const suiteOf = (kem: ConstructorParameters<typeof theirs.CipherSuite>[0]) =>
  new theirs.CipherSuite(kem, theirs.KDF_HKDF_SHA256, theirs.AEAD_ChaCha20Poly1305)

async function bothWays({ sdk }: Context, number: 1 | 2): Promise<string | undefined> {
  const suite = suiteOf(number === 1 ? theirs.KEM_DHKEM_X25519_HKDF_SHA256 : theirs.KEM_MLKEM768_X25519)
  const [info, aad, text, context] = ['info', 'aad', 'a content key', 'mystranet/v1/response'].map(sdk.utf8) as [
    Uint8Array<ArrayBuffer>,
    Uint8Array<ArrayBuffer>,
    Uint8Array<ArrayBuffer>,
    Uint8Array<ArrayBuffer>,
  ]
  const kem = await sdk.kemFor(number)
  const { privateKey, publicKey } = kem.generate()
  let pair: { privateKey: theirs.Key; publicKey: theirs.Key }
  try {
    const [theirPublic, theirPrivate] = [
      await suite.DeserializePublicKey(publicKey),
      await suite.DeserializePrivateKey(privateKey, true),
    ]
    pair = { publicKey: theirPublic, privateKey: theirPrivate }
    const { ctx } = await suite.SetupSender(theirPublic, { info })
    await ctx.Seal(text, aad)
  } catch (error) {
    return `the other library does not run here: ${error instanceof Error ? error.message : String(error)}`
  }
  const sealed = sdk.sealBase(kem, publicKey, info, aad, text)
  const reader = await suite.SetupRecipient(pair, sealed.enc, { info })
  equal(new Uint8Array(await reader.Open(sealed.ciphertext, aad)), text)
  equal(new Uint8Array(await reader.Export(context, 32)), sealed.exporter(context, 32))
  const { encapsulatedSecret, ctx } = await suite.SetupSender(pair.publicKey, { info })
  const opened = sdk.openBase(
    kem,
    privateKey,
    new Uint8Array(encapsulatedSecret),
    info,
    aad,
    new Uint8Array(await ctx.Seal(text, aad)),
  )
  equal(opened?.plaintext, text)
  equal(opened?.exporter(context, 32), new Uint8Array(await ctx.Export(context, 32)))
  return undefined
}

/** @hpke/core ships no ChaCha20-Poly1305 of its own; its KEM, its key schedule and its exporter are what is asked. */
const chachaFor = ({ aeadOpen, aeadSeal }: Context['sdk']['primitives']) => ({
  id: core.AeadId.Chacha20Poly1305,
  keySize: 32,
  nonceSize: 12,
  tagSize: 16,
  createEncryptionContext: (key: Source) => ({
    seal: async (nonce: Source, text: Source, aad: Source) =>
      aeadSeal(view(key), view(nonce), view(aad), view(text)).buffer,
    async open(nonce: Source, text: Source, aad: Source) {
      const opened = aeadOpen(view(key), view(nonce), view(aad), view(text))
      if (opened === undefined) throw new Error('it does not open')
      return opened.buffer
    },
  }),
})
type Source = ArrayBufferLike | ArrayBufferView
const view = (source: Source): Uint8Array =>
  ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source)

async function bothWaysWithCore({ sdk }: Context): Promise<string | undefined> {
  const suite = new core.CipherSuite({
    kem: new core.DhkemX25519HkdfSha256(),
    kdf: new core.HkdfSha256(),
    aead: chachaFor(sdk.primitives),
  })
  const [info, aad, text, context] = ['info', 'aad', 'a content key', 'mystranet/v1/response'].map((each) =>
    sdk.utf8(each),
  ) as [Bytes, Bytes, Bytes, Bytes]
  const kem = await sdk.kemFor(1)
  const { privateKey, publicKey } = kem.generate()
  let pair: { readonly publicKey: CryptoKey; readonly privateKey: CryptoKey }
  try {
    pair = {
      publicKey: await suite.kem.deserializePublicKey(publicKey.slice().buffer),
      privateKey: await suite.kem.deserializePrivateKey(privateKey.slice().buffer),
    }
    await suite.createSenderContext({ recipientPublicKey: pair.publicKey, info: info.buffer })
  } catch (error) {
    return `the other library does not run here: ${error instanceof Error ? error.message : String(error)}`
  }
  const sealed = sdk.sealBase(kem, publicKey, info, aad, text)
  const reader = await suite.createRecipientContext({
    recipientKey: pair.privateKey,
    enc: sealed.enc.slice().buffer,
    info: info.buffer,
  })
  equal(new Uint8Array(await reader.open(sealed.ciphertext.slice().buffer, aad.buffer)), text)
  equal(new Uint8Array(await reader.export(context.buffer, 32)), sealed.exporter(context, 32))
  const writer = await suite.createSenderContext({ recipientPublicKey: pair.publicKey, info: info.buffer })
  const ciphertext = new Uint8Array(await writer.seal(text.buffer, aad.buffer))
  const opened = sdk.openBase(kem, privateKey, new Uint8Array(writer.enc), info, aad, ciphertext)
  equal(opened?.plaintext, text)
  equal(opened?.exporter(context, 32), new Uint8Array(await writer.export(context.buffer, 32)))
  return undefined
}

type Bytes = Uint8Array<ArrayBuffer>

export const hpkeCases: Cases = {
  async 'HPKE suite 1: RFC 9180 A.2.1'({ sdk }) {
    const kem = await sdk.kemFor(1)
    const [info, aad, pt] = [bytesOf(RFC9180.info), bytesOf(RFC9180.aad), bytesOf(RFC9180.pt)]
    const none = new Uint8Array(0)
    const sealed = sdk.sealBase(kem, bytesOf(RFC9180.pkRm), info, aad, pt, { ephemeral: bytesOf(RFC9180.skEm) })
    equal([sealed.enc, sealed.ciphertext, sealed.exporter(none, 32)], [RFC9180.pkEm, RFC9180.ct, RFC9180.exported])
    const opened = sdk.openBase(kem, bytesOf(RFC9180.skRm), sealed.enc, info, aad, sealed.ciphertext)
    equal([opened?.plaintext, opened?.exporter(none, 32)], [RFC9180.pt, RFC9180.exported])
    equal(kem.publicKey(bytesOf(RFC9180.skRm)), bytesOf(RFC9180.pkRm))
  },
  'HPKE suite 1: another library reads ours, and we read its': (context) => bothWays(context, 1),
  'HPKE suite 1: @hpke/core, another library, reads ours, and we read its': bothWaysWithCore,
  'HPKE suite 2: another library reads ours, and we read its': (context) => bothWays(context, 2),
}

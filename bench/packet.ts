/**
 * What a whole packet costs beside the cryptography that it cannot do without.
 *
 * @module
 */
import crypto, { createPrivateKey, createPublicKey } from 'node:crypto'
import { AeadId, CipherSuite as CoreSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core'
import * as panva from 'hpke'
import * as javascript from '../packages/sdk/src/adapters/noble/aead.ts'
import { aeadOpen, aeadSeal, hmacSha256, randomBytes, sha256 } from '../packages/sdk/src/adapters/node/primitives.ts'
import type { Bytes } from '../packages/sdk/src/bytes.ts'
import { PAYLOAD_TYPES, pae } from '../packages/sdk/src/envelope/dsse.ts'
import { checkHashes, verifyOrigin } from '../packages/sdk/src/envelope/origin.ts'
import { parsePacket } from '../packages/sdk/src/envelope/parse.ts'
import { sealBase } from '../packages/sdk/src/keys/hpke.ts'
import { kemFor } from '../packages/sdk/src/keys/kem.ts'
import { buildRequest } from '../packages/sdk/src/packet/build.ts'
import { anAgent, aQuestion, aSender } from '../packages/sdk/src/packet/fixture.ts'
import { openRequest } from '../packages/sdk/src/packet/open.ts'
import { hpkeInfo, openingOf, seal } from '../packages/sdk/src/packet/seal.ts'
import { contest, NODE_CRYPTO, type Outcome, ratioOf, round, versionOf } from './contest.ts'
import type { Measured } from './table.ts'

const NONCE = new Uint8Array(12)
const NOTHING = new Uint8Array(0)
/** Different packets in turn, so that nothing is fast because it was seen just before. */
const PACKETS = 64

/** A question that fills the first bucket: 256 B with salt and length. */
const question = (i: number) => aQuestion(`${i} `.padEnd(200, 'Why is the sky blue? '))

/** Requests of one sender to one agent, as they come in. */
async function requests() {
  const [sender, agent] = [await aSender(), await anAgent()]
  const sealed = await Promise.all(
    Array.from({ length: PACKETS }, async (_, i) => {
      const place = sender.sequence.next()
      return seal(buildRequest(sender.draft([agent.candidate], { place, content: question(i) })), sender.signer)
    }),
  )
  return { sender, agent, sealed }
}

function keyObjects(senderKey: Uint8Array, prekey: Uint8Array) {
  const x = Buffer.from(senderKey).toString('base64url')
  const der = Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), prekey])
  return {
    publicKey: createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x } }),
    privateKey: createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }),
  }
}

/** The inputs of the cryptography in one packet, prepared and lying ready. */
function readyInputs(bytes: Uint8Array, kemKey: Uint8Array, instance: Uint8Array) {
  const { header, origin, coreBytes, core, recipients, recipientsBytes, ciphertext } = parsePacket(bytes)
  const first = recipients?.recipients[0]
  const key = randomBytes(32)
  return {
    signed: pae(PAYLOAD_TYPES.packet, header),
    signature: origin.signature as Uint8Array,
    enc: first?.enc as Bytes,
    coreBytes,
    // Another key's, as long as those of the packet.
    key,
    wrapped: aeadSeal(key, NONCE, coreBytes, randomBytes((first?.wrappedKey.length ?? 0) - 16)),
    body: aeadSeal(key, NONCE, coreBytes, randomBytes((ciphertext?.length ?? 0) - 16)),
    // As long as what is hashed, labels included; a hash does not mind what it reads.
    hashed: [header.length + 28, (recipientsBytes?.length ?? 0) + 28, (ciphertext?.length ?? 0) + 28, 280].map(
      randomBytes,
    ),
    info: randomBytes(hpkeInfo(core, instance, kemKey).length + 27),
  }
}

/**
 * From received bytes to the content: copy, parse, gates, signature, hashes, decapsulation, key schedule, wrapped key,
 * body, commitment, secrets of the reply and the session. The peer does the same cryptography on inputs that lie ready.
 */
export async function openVsPrimitive(pairs: number): Promise<Measured> {
  const { sender, agent, sealed } = await requests()
  const pair = agent.keys.kemKey(agent.candidate.kemKeyId)
  if (pair === undefined) throw new Error('the agent of the fixture lost its prekey')
  const { publicKey, privateKey } = keyObjects(sender.signer.publicKey, pair.privateKey)
  const inputs = sealed.map((each) => readyInputs(each.bytes, pair.publicKey, agent.instance))
  // As long as the labelled inputs of the key schedule: `secret`; `key`, `base_nonce`, `exp`, and `sec` for reply and session.
  const ofSecret = randomBytes(23)
  const expansions = [88, 95, 88, 45, 45].map(randomBytes)

  const ours = turns(PACKETS, async (i) => {
    const packet = parsePacket(sealed[i]!.bytes)
    await verifyOrigin(packet, packet.origin)
    checkHashes(packet)
    return openRequest(packet, agent.keys)
  })
  const theirs = (hashes: boolean) =>
    turns(PACKETS, (i) => {
      const { signed, signature, enc, coreBytes, key, wrapped, body, hashed, info } = inputs[i]!
      if (!crypto.verify(null, signed, publicKey, signature)) throw new Error('the measured signature does not verify')
      const shared = crypto.decapsulate(privateKey, enc)
      hmacSha256(NOTHING, info)
      const secret = hmacSha256(shared, ofSecret)
      for (const each of expansions) hmacSha256(secret, each)
      if (hashes) for (const each of hashed) sha256(each)
      const opened = aeadOpen(key, NONCE, coreBytes, wrapped) && aeadOpen(key, NONCE, coreBytes, body)
      if (opened === undefined) throw new Error('the measured body does not open')
    })
  const outcome = await contest({ ours, theirs: theirs(true), ourBatch: 16, theirBatch: 16, pairs })
  const bare = await contest({ ours, theirs: theirs(false), ourBatch: 16, theirBatch: 16, pairs })
  const what =
    'copy, parse, gates, origin, hashes and openRequest of a 256 B packet; peer: 1 verify, 1 decapsulate, 7 HMACs, 4 hashes, ' +
    `2 AEADs on ready inputs (without the hashes the ratio is ${round(bare.ratio.median)})`
  return ratioOf(outcome, NODE_CRYPTO, what)
}

/** Calls with 0, 1, 2, … and begins again. */
function turns(count: number, operation: (i: number) => unknown): () => unknown {
  let next = 0
  return () => operation(next++ % count)
}

const [INFO, AAD, TEXT] = [randomBytes(160), randomBytes(500), randomBytes(256)]

/** Ours: what a packet needs to hide 256 B, and the whole packet from draft to signed bytes. */
async function ourSeals() {
  const kem = await kemFor(1)
  const [sender, agent] = [await aSender(), await anAgent()]
  const { kemKey } = agent.candidate
  return {
    kemKey: kemKey as Bytes,
    encryption() {
      const contentKey = randomBytes(32)
      return [sealBase(kem, kemKey, INFO, AAD, contentKey), aeadSeal(contentKey, NONCE, AAD, TEXT)]
    },
    packet() {
      const place = sender.sequence.next()
      const plain = buildRequest(sender.draft([agent.candidate], { place, content: question(0) }))
      return seal(plain, sender.signer).then((sealed) => [sealed, openingOf(plain)])
    },
  }
}

async function sealVs(
  theirs: (kemKey: Bytes) => Promise<() => Promise<unknown>>,
  peer: readonly [string, string],
  pairs: number,
): Promise<Measured> {
  const { kemKey, encryption, packet } = await ourSeals()
  const peerSeals = await theirs(kemKey)
  const against = (ours: () => unknown): Promise<Outcome> =>
    contest({ ours, theirs: peerSeals, ourBatch: 36, theirBatch: 4, pairs })
  const outcome = await against(encryption)
  const whole = await against(packet)
  const what =
    '256 B to one key: ours wraps a fresh content key by HPKE and seals the body, peer seals the body by HPKE ' +
    `(whole packet of ours, built, committed, hashed, encoded and signed: ${round(whole.oursUs.median)} µs, ` +
    `ratio ${round(whole.ratio.median)})`
  return ratioOf(outcome, peer, what)
}

/** Against `hpke`, with its native ChaCha20-Poly1305. */
export async function sealVsPanva(pairs: number): Promise<Measured> {
  const suite = new panva.CipherSuite(
    panva.KEM_DHKEM_X25519_HKDF_SHA256,
    panva.KDF_HKDF_SHA256,
    panva.AEAD_ChaCha20Poly1305,
  )
  const theirs = async (kemKey: Bytes) => {
    const key = await suite.DeserializePublicKey(kemKey)
    return () => suite.Seal(key, TEXT, { info: INFO, aad: AAD })
  }
  return sealVs(theirs, ['hpke', versionOf('hpke')], pairs)
}

/** Against `@hpke/core`; it ships no ChaCha20-Poly1305, so it gets ours in JavaScript, which is the faster here. */
export async function sealVsHpkeCore(pairs: number): Promise<Measured> {
  const suite = new CoreSuite({
    kem: new DhkemX25519HkdfSha256(),
    kdf: new HkdfSha256(),
    aead: {
      id: AeadId.Chacha20Poly1305,
      keySize: 32,
      nonceSize: 12,
      tagSize: 16,
      createEncryptionContext: (key) => ({
        seal: async (nonce, text, aad) => javascript.aeadSeal(view(key), view(nonce), view(aad), view(text)).buffer,
        open: () => Promise.reject(new Error('only sealing is measured')),
      }),
    },
  })
  const theirs = async (kemKey: Bytes) => {
    const key = await suite.kem.deserializePublicKey(kemKey.buffer)
    return () => suite.seal({ recipientPublicKey: key, info: INFO.buffer }, TEXT.buffer, AAD.buffer)
  }
  return sealVs(theirs, ['@hpke/core', versionOf('@hpke/core')], pairs)
}

const view = (source: ArrayBufferLike | ArrayBufferView): Uint8Array =>
  ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source)

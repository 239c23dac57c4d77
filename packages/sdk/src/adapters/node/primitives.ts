/**
 * Primitives of Node, Deno and Bun: `node:crypto`, with keys imported once and kept, and JavaScript where measuring
 * showed it to be faster than the way into OpenSSL.
 *
 * @module
 */
import { Buffer } from 'node:buffer'
import crypto, { type KeyObject } from 'node:crypto'
import process from 'node:process'
import { type Bytes, equalBytes } from '../../bytes.ts'
import { boundedCache } from '../bounded-cache.ts'
import { passesEd25519Gate } from '../ed25519-gate.ts'
import { assertKeySize, expandWith, isZero } from '../hkdf.ts'
import * as javascript from '../noble/aead.ts'
import type { SyncEd25519Key, X25519 } from '../primitives.ts'

/** The same memory without `Buffer`'s own idea of `slice`. */
const plain = (buffer: Buffer): Bytes => new Uint8Array(buffer.buffer as ArrayBuffer, buffer.byteOffset, buffer.length)
const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)

// Hashes. `crypto.hash` (Node ≥ 20.12) skips the stream object that `createHash` makes for each call.

const oneShot = crypto.hash as typeof crypto.hash | undefined
const HASH_BYTES = 32
const BLOCK_BYTES = 64

/** As text of one character a byte: making a `Buffer` for 32 bytes costs more than hashing 100. */
const digestText =
  oneShot === undefined
    ? (data: Uint8Array): string => crypto.createHash('sha256').update(data).digest('binary')
    : (data: Uint8Array): string => oneShot('sha256', data, 'binary')

function digest(data: Uint8Array): Bytes {
  const text = digestText(data)
  const out = new Uint8Array(HASH_BYTES)
  for (let i = 0; i < HASH_BYTES; i++) out[i] = text.charCodeAt(i)
  return out
}

// Nothing here yields, so one pair of buffers serves all calls; what was in them is wiped before the call returns.
/** Up to its size, copying the parts together is cheaper than a stream object. */
const inner = new Uint8Array(8 * 1024)
const outer = Buffer.alloc(BLOCK_BYTES + HASH_BYTES)

export function sha256(...parts: readonly Uint8Array[]): Bytes {
  if (parts.length === 1) return digest(parts[0]!)
  let length = 0
  for (const part of parts) length += part.length
  if (length <= inner.length) {
    join(inner, 0, parts)
    const hash = digest(inner.subarray(0, length))
    inner.fill(0, 0, length)
    return hash
  }
  const state = crypto.createHash('sha256')
  for (const part of parts) state.update(part)
  return plain(state.digest())
}

function join(out: Bytes, from: number, parts: readonly Uint8Array[]): void {
  let at = from
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
}

/** Two one-shot hashes: about 1.2 µs where `createHmac` takes 10. */
export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Bytes {
  const short = key.length > BLOCK_BYTES ? digest(key) : key
  let length = BLOCK_BYTES
  for (const part of parts) length += part.length
  const block = length <= inner.length ? inner : new Uint8Array(length)
  for (let i = 0; i < short.length; i++) {
    block[i] = short[i]! ^ 0x36
    outer[i] = short[i]! ^ 0x5c
  }
  block.fill(0x36, short.length, BLOCK_BYTES)
  outer.fill(0x5c, short.length, BLOCK_BYTES)
  join(block, BLOCK_BYTES, parts)
  outer.write(digestText(block.subarray(0, length)), BLOCK_BYTES, 'latin1')
  const mac = digest(outer)
  block.fill(0, 0, length)
  outer.fill(0)
  return mac
}

export const hkdfExtract = (salt: Uint8Array, ikm: Uint8Array): Bytes => hmacSha256(salt, ikm)

export const hkdfExpand = (prk: Uint8Array, info: Uint8Array, length: number): Bytes =>
  expandWith(hmacSha256, prk, info, length)

export const randomBytes = (length: number): Bytes => crypto.getRandomValues(new Uint8Array(length))

// AEAD. Setting a cipher up costs more than sealing a small text in JavaScript, and far more since Node 22; Bun and Deno
// may lack it.

function firstNativeSize(): number {
  if ('bun' in process.versions || 'deno' in process.versions) return Number.POSITIVE_INFINITY
  return Number.parseInt(process.versions.node, 10) < 22 ? 0 : 4096
}
const NATIVE_FROM_BYTES = firstNativeSize()
const CIPHER = 'chacha20-poly1305'
const OPTIONS = { authTagLength: javascript.TAG_BYTES }

export const loadAead = async (): Promise<void> => {}

export function aeadSeal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Bytes {
  if (plaintext.length < NATIVE_FROM_BYTES) return javascript.aeadSeal(key, nonce, aad, plaintext)
  javascript.assertAeadSizes(key, nonce)
  const cipher = crypto.createCipheriv(CIPHER, key, nonce, OPTIONS)
  cipher.setAAD(aad, { plaintextLength: plaintext.length })
  const out = new Uint8Array(plaintext.length + javascript.TAG_BYTES)
  out.set(cipher.update(plaintext))
  cipher.final()
  out.set(cipher.getAuthTag(), plaintext.length)
  return out
}

export function aeadOpen(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  ciphertext: Uint8Array,
): Bytes | undefined {
  const length = ciphertext.length - javascript.TAG_BYTES
  if (length < NATIVE_FROM_BYTES) return javascript.aeadOpen(key, nonce, aad, ciphertext)
  javascript.assertAeadSizes(key, nonce)
  const decipher = crypto.createDecipheriv(CIPHER, key, nonce, OPTIONS)
  decipher.setAAD(aad, { plaintextLength: length })
  decipher.setAuthTag(ciphertext.subarray(length))
  const out = decipher.update(ciphertext.subarray(0, length))
  try {
    decipher.final()
  } catch {
    out.fill(0) // never hand out a text whose tag did not match
    return undefined
  }
  return plain(out)
}

// Keys. Importing one costs as much as using it, so imported keys are kept: public ones in a bounded cache, private ones
// for as long as the caller keeps the very array that holds them.

const latin1 = (bytes: Uint8Array): string => bufferOf(bytes).toString('latin1')
const importPublic = (curve: 'Ed25519' | 'X25519', publicKey: Uint8Array): KeyObject =>
  crypto.createPublicKey({
    format: 'jwk',
    key: { kty: 'OKP', crv: curve, x: bufferOf(publicKey).toString('base64url') },
  })

/** DER of a PKCS #8 key up to the 32 private bytes (RFC 8410 §7). */
const PKCS8_PREFIX = { Ed25519: '302e020100300506032b657004220420', X25519: '302e020100300506032b656e04220420' }

function importPrivate(curve: 'Ed25519' | 'X25519', secret: Uint8Array): KeyObject {
  const der = Buffer.concat([Buffer.from(PKCS8_PREFIX[curve], 'hex'), secret])
  const key = crypto.createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  der.fill(0)
  return key
}

function publicBytes(key: KeyObject): Bytes {
  // As JWK: 0.7 µs, where SPKI takes 20.
  return new Uint8Array(Buffer.from(key.export({ format: 'jwk' }).x!, 'base64url'))
}

const ed25519Keys = boundedCache<KeyObject>(4096, latin1)

export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (!passesEd25519Gate(publicKey, signature)) return false
  let key = ed25519Keys.get(publicKey)
  if (key === undefined) {
    try {
      key = importPublic('Ed25519', publicKey)
    } catch {
      return false // some runtimes decode the point when they import it
    }
    ed25519Keys.set(publicKey, key)
  }
  return crypto.verify(null, message, key, signature)
}

export function createEd25519Key(seed: Uint8Array): SyncEd25519Key {
  assertKeySize('an Ed25519 seed', seed)
  const key = importPrivate('Ed25519', seed)
  return {
    publicKey: publicBytes(crypto.createPublicKey(key)),
    sign: (message) => plain(crypto.sign(null, message, key)),
  }
}

const x25519Public = boundedCache<KeyObject>(1024, latin1)
const x25519Private = new WeakMap<Uint8Array, { readonly bytes: Bytes; readonly key: KeyObject }>()

function publicKeyObject(publicKey: Uint8Array): KeyObject {
  let key = x25519Public.get(publicKey)
  if (key === undefined) {
    key = importPublic('X25519', publicKey)
    x25519Public.set(publicKey, key)
  }
  return key
}

function privateKeyObject(privateKey: Uint8Array): KeyObject {
  const known = x25519Private.get(privateKey)
  // The array may have been overwritten since, to wipe the key or to hold another.
  if (known !== undefined && equalBytes(known.bytes, privateKey)) return known.key
  assertKeySize('an X25519 private key', privateKey)
  const key = importPrivate('X25519', privateKey)
  x25519Private.set(privateKey, { bytes: privateKey.slice() as Bytes, key })
  return key
}

function diffieHellman(privateKey: KeyObject, publicKey: Uint8Array): Bytes | undefined {
  if (publicKey.length !== 32) return undefined
  try {
    const shared = plain(crypto.diffieHellman({ privateKey, publicKey: publicKeyObject(publicKey) }))
    return isZero(shared) ? undefined : shared
  } catch {
    // OpenSSL refuses an all-zero result by throwing; not every runtime that offers this call is OpenSSL.
    return undefined
  }
}

const decapsulate = crypto.decapsulate as typeof crypto.decapsulate | undefined

function dhkemDecap(privateKey: Uint8Array, enc: Uint8Array): Bytes | undefined {
  if (enc.length !== 32) return undefined
  const key = privateKeyObject(privateKey)
  try {
    return plain(decapsulate!(key, enc) as Buffer)
  } catch {
    return undefined
  }
}

/** RFC 9180 §A.2.1: skR, enc and the shared secret. A `decapsulate` that means anything else is not used. */
function decapsulatesAsRfc9180(): boolean {
  const [skRm, enc, shared] = [
    '8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb',
    '1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a',
    '0bbe78490412b4bbea4812666f7916932b828bba79942424abb65244930d69a7',
  ].map((hex) => new Uint8Array(Buffer.from(hex, 'hex'))) as [Bytes, Bytes, Bytes]
  const opened = decapsulate && dhkemDecap(skRm, enc)
  return opened !== undefined && equalBytes(opened, shared)
}

function createX25519(): X25519 {
  const pair = () => crypto.generateKeyPairSync('x25519')
  return {
    keygen() {
      const { d, x } = pair().privateKey.export({ format: 'jwk' })
      return {
        privateKey: new Uint8Array(Buffer.from(d!, 'base64url')),
        publicKey: new Uint8Array(Buffer.from(x!, 'base64url')),
      }
    },
    publicKey: (privateKey) => publicBytes(crypto.createPublicKey(privateKeyObject(privateKey))),
    agree: (privateKey, publicKey) => diffieHellman(privateKeyObject(privateKey), publicKey),
    agreeOnce(peer) {
      const once = pair()
      const shared = diffieHellman(once.privateKey, peer)
      return shared && { publicKey: publicBytes(once.publicKey), shared }
    },
    dhkemDecap: decapsulatesAsRfc9180() ? dhkemDecap : undefined,
  }
}

let x25519: X25519 | undefined
export async function loadX25519(): Promise<X25519> {
  x25519 ??= createX25519()
  return x25519
}

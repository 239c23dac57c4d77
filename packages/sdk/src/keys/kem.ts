/**
 * The key encapsulation of each cipher suite (docs/protocol.md, encryption).
 *
 * @module
 */
import { loadAead, loadX25519 } from '#primitives'
import type { X25519 } from '../adapters/primitives.ts'
import { type Bytes, concat, equalBytes, u16be, utf8 } from '../bytes.ts'
import { PacketError } from '../errors.ts'
import { labeledKdf } from './labeled.ts'

/** 1: X25519. 2: X-Wing (X25519 and ML-KEM-768). Both with HKDF-SHA256 and ChaCha20-Poly1305. */
export type Suite = 1 | 2

export interface KemKeyPair {
  /** 32 bytes in both suites; in suite 2 it is the seed. */
  readonly privateKey: Bytes
  /** 32 bytes, or 1,216 in suite 2. */
  readonly publicKey: Bytes
}

export interface Encapsulation {
  readonly enc: Bytes
  /** 32 bytes. */
  readonly sharedSecret: Bytes
}

/** A KEM in the sense of RFC 9180 §4, synchronous. Bytes from outside that it cannot use give `undefined`. */
export interface Kem {
  readonly suite: Suite
  /** Number in the HPKE registry. */
  readonly id: number
  readonly encBytes: number
  readonly publicKeyBytes: number
  generate(): KemKeyPair
  /** @throws RangeError when the private key is not 32 bytes. */
  publicKey(privateKey: Uint8Array): Bytes
  /** @param randomness For test vectors only: the ephemeral private key (suite 1), 64 bytes (suite 2). */
  encapsulate(publicKey: Uint8Array, randomness?: Uint8Array): Encapsulation | undefined
  decapsulate(privateKey: Uint8Array, enc: Uint8Array): Bytes | undefined
}

const X25519_ID = 0x0020
const X_WING_ID = 0x647a

const EAE_PRK = utf8('eae_prk')
const SHARED_SECRET = utf8('shared_secret')
const NO_SALT = new Uint8Array(0)

/** DHKEM(X25519, HKDF-SHA256), RFC 9180 §4.1. */
export function dhkemX25519(x25519: X25519): Kem {
  const kdf = labeledKdf(concat(utf8('KEM'), u16be(X25519_ID)))
  const extractAndExpand = (shared: Uint8Array, enc: Uint8Array, publicKey: Uint8Array) =>
    kdf.expand(kdf.extract(NO_SALT, EAE_PRK, shared), SHARED_SECRET, concat(enc, publicKey), 32)
  const publicKeyOf = remembered((privateKey) => x25519.publicKey(privateKey))

  return {
    suite: 1,
    id: X25519_ID,
    encBytes: 32,
    publicKeyBytes: 32,
    generate: () => x25519.keygen(),
    publicKey: (privateKey) => publicKeyOf(privateKey),
    encapsulate(publicKey, ephemeral) {
      if (publicKey.length !== 32) return undefined
      const once = ephemeral ? agreeWith(x25519, ephemeral, publicKey) : x25519.agreeOnce(publicKey)
      if (once === undefined) return undefined
      return { enc: once.publicKey, sharedSecret: extractAndExpand(once.shared, once.publicKey, publicKey) }
    },
    decapsulate(privateKey, enc) {
      if (enc.length !== 32) return undefined
      if (x25519.dhkemDecap !== undefined) return x25519.dhkemDecap(privateKey, enc)
      const shared = x25519.agree(privateKey, enc)
      return shared && extractAndExpand(shared, enc, publicKeyOf(privateKey))
    },
  }
}

function agreeWith(x25519: X25519, ephemeral: Uint8Array, publicKey: Uint8Array) {
  const shared = x25519.agree(ephemeral, publicKey)
  return shared && { publicKey: x25519.publicKey(ephemeral), shared }
}

/** Keeps the public half for as long as the caller keeps the array of the private one, unless that is overwritten. */
function remembered(compute: (privateKey: Uint8Array) => Bytes): (privateKey: Uint8Array) => Bytes {
  const known = new WeakMap<Uint8Array, { readonly of: Uint8Array; readonly publicKey: Bytes }>()
  return (privateKey) => {
    const entry = known.get(privateKey)
    if (entry !== undefined && equalBytes(entry.of, privateKey)) return entry.publicKey.slice()
    const publicKey = compute(privateKey)
    known.set(privateKey, { of: privateKey.slice(), publicKey })
    return publicKey.slice()
  }
}

async function loadXWing(): Promise<Kem> {
  const { xWing } = await import('../adapters/noble/x-wing.ts')
  const [encBytes, publicKeyBytes] = [1120, 1216]
  return {
    suite: 2,
    id: X_WING_ID,
    encBytes,
    publicKeyBytes,
    generate: () => xWing.keygen(),
    publicKey(privateKey) {
      assertSeed(privateKey)
      return xWing.publicKey(privateKey)
    },
    encapsulate: (publicKey, randomness) =>
      publicKey.length === publicKeyBytes ? xWing.encapsulate(publicKey, randomness) : undefined,
    decapsulate(privateKey, enc) {
      assertSeed(privateKey)
      return xWing.decapsulate(privateKey, enc)
    },
  }
}

function assertSeed(seed: Uint8Array): void {
  if (seed.length !== 32) throw new RangeError(`Cannot use an X-Wing key: seed has ${seed.length} bytes, wanted 32`)
}

const LOADERS: Readonly<Record<Suite, () => Promise<Kem>>> = {
  1: async () => dhkemX25519(await loadX25519()),
  2: loadXWing,
}
const loaded = new Map<number, Kem>()

/**
 * The KEM of a suite; loads its code the first time, and the AEAD's, which each suite seals with.
 *
 * @throws {PacketError} `SUITE_UNKNOWN`
 */
export async function kemFor(suite: number): Promise<Kem> {
  const known = loaded.get(suite)
  if (known !== undefined) return known
  if (!isSuite(suite)) throw new PacketError('SUITE_UNKNOWN', `Cannot choose a KEM: suite is ${suite}, wanted 1 or 2`)
  const [kem] = await Promise.all([LOADERS[suite](), loadAead()])
  loaded.set(suite, kem)
  return kem
}

/** The KEM of a suite if {@link kemFor} has loaded it before. */
export const loadedKem = (suite: number): Kem | undefined => loaded.get(suite)

export const isSuite = (suite: number): suite is Suite => suite === 1 || suite === 2

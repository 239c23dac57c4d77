/**
 * HPKE in Base mode (RFC 9180 §5, §6.1), single-shot, with the exporter. Synchronous: a WebCrypto call costs more than
 * the whole key schedule does here, so the general libraries serve as oracles in the tests and not at run time.
 *
 * The other modes are left out on purpose: the packet's signature authenticates the sender.
 *
 * @module
 */
import { aeadOpen, aeadSeal } from '#primitives'
import { type Bytes, concat, u16be, utf8 } from '../bytes.ts'
import { PacketError } from '../errors.ts'
import type { Kem } from './kem.ts'
import { type LabeledKdf, labeledKdf } from './labeled.ts'

/** `Context.Export` (RFC 9180 §5.3): secrets bound to this one encapsulation, apart from its key. At most 8,160 bytes. */
export type Exporter = (context: Uint8Array, length: number) => Bytes

export interface SealedBase {
  /** The encapsulated key: 32 bytes, or 1,120 in suite 2. */
  readonly enc: Bytes
  /** Plaintext and 16 bytes. */
  readonly ciphertext: Bytes
  readonly exporter: Exporter
}

export interface OpenedBase {
  readonly plaintext: Bytes
  readonly exporter: Exporter
}

/**
 * Seals one text to one public key.
 *
 * About 85 µs in suite 1 on Node, most of it X25519.
 *
 * @example
 * ```ts
 * const kem = await kemFor(1)
 * const { privateKey, publicKey } = kem.generate()
 * const sealed = sealBase(kem, publicKey, info, aad, text)
 * const opened = openBase(kem, privateKey, sealed.enc, info, aad, sealed.ciphertext)
 * ```
 *
 * @param publicKey As a key event states it: not trusted to be a good point.
 * @param options.ephemeral For test vectors only; see {@link Kem.encapsulate}.
 * @throws {PacketError} `KEY_EVENT_INVALID` when the key has the wrong length or small order.
 */
export function sealBase(
  kem: Kem,
  publicKey: Uint8Array,
  info: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
  options?: { readonly ephemeral?: Uint8Array },
): SealedBase {
  const encapsulated = kem.encapsulate(publicKey, options?.ephemeral)
  if (encapsulated === undefined) {
    throw new PacketError(
      'KEY_EVENT_INVALID',
      `Cannot seal to a KEM key: ${publicKey.length} bytes give no shared secret, wanted a key of suite ${kem.suite}`,
    )
  }
  const { key, nonce, exporter } = schedule(kem, encapsulated.sharedSecret, info)
  return { enc: encapsulated.enc, ciphertext: aeadSeal(key, nonce, aad, plaintext), exporter }
}

/**
 * Inverse of {@link sealBase}. One `undefined` for every cause, so that it is no oracle.
 *
 * @param privateKey Keep handing over the same array: what is imported from it is kept as long as it lives.
 * @param enc Attacker-controlled, as are `aad` and `ciphertext`.
 */
export function openBase(
  kem: Kem,
  privateKey: Uint8Array,
  enc: Uint8Array,
  info: Uint8Array,
  aad: Uint8Array,
  ciphertext: Uint8Array,
): OpenedBase | undefined {
  const sharedSecret = kem.decapsulate(privateKey, enc)
  if (sharedSecret === undefined) return undefined
  const { key, nonce, exporter } = schedule(kem, sharedSecret, info)
  const plaintext = aeadOpen(key, nonce, aad, ciphertext)
  return plaintext && { plaintext, exporter }
}

const KDF_ID = 0x0001
const AEAD_ID = 0x0003
const MODE_BASE = Uint8Array.of(0)
const NOTHING = new Uint8Array(0)
const LABEL = {
  pskIdHash: utf8('psk_id_hash'),
  infoHash: utf8('info_hash'),
  secret: utf8('secret'),
  key: utf8('key'),
  baseNonce: utf8('base_nonce'),
  exp: utf8('exp'),
  sec: utf8('sec'),
}

interface SuiteState {
  readonly kdf: LabeledKdf
  /** Mode and the hash of the absent PSK id: constant for a suite. */
  readonly contextPrefix: Bytes
}
const suites = new Map<number, SuiteState>()

function stateOf(kem: Kem): SuiteState {
  let state = suites.get(kem.id)
  if (state === undefined) {
    const kdf = labeledKdf(concat(utf8('HPKE'), u16be(kem.id), u16be(KDF_ID), u16be(AEAD_ID)))
    state = { kdf, contextPrefix: concat(MODE_BASE, kdf.extract(NOTHING, LABEL.pskIdHash, NOTHING)) }
    suites.set(kem.id, state)
  }
  return state
}

/** KeySchedule (RFC 9180 §5.1). The one message has sequence number 0, so its nonce is `base_nonce` itself. */
function schedule(kem: Kem, sharedSecret: Uint8Array, info: Uint8Array) {
  const { kdf, contextPrefix } = stateOf(kem)
  const context = concat(contextPrefix, kdf.extract(NOTHING, LABEL.infoHash, info))
  const secret = kdf.extract(sharedSecret, LABEL.secret, NOTHING)
  let exporterSecret: Bytes | undefined
  const exporter: Exporter = (exporterContext, length) => {
    exporterSecret ??= kdf.expand(secret, LABEL.exp, context, 32)
    return kdf.expand(exporterSecret, LABEL.sec, exporterContext, length)
  }
  return {
    key: kdf.expand(secret, LABEL.key, context, 32),
    nonce: kdf.expand(secret, LABEL.baseNonce, context, 12),
    exporter,
  }
}

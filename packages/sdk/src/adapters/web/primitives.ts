/**
 * Primitives for browsers, workerd and whatever else speaks WebCrypto. Signatures are WebCrypto's where it has Ed25519,
 * and JavaScript, loaded then, where it has not. What must be synchronous is JavaScript: a WebCrypto call costs more
 * than hashing or sealing a frame does.
 *
 * @module
 */
import { type Bytes, concat, equalBytes, fromHex } from '../../bytes.ts'
import { boundedCache } from '../bounded-cache.ts'
import { passesEd25519Gate } from '../ed25519-gate.ts'
import { assertKeySize } from '../hkdf.ts'
import type { Ed25519Key, Primitives, X25519 } from '../primitives.ts'

export * from '../noble/symmetric.ts'

let aead: typeof import('../noble/aead.ts') | undefined

export async function loadAead(): Promise<void> {
  aead ??= await import('../noble/aead.ts')
}

function loadedAead(): NonNullable<typeof aead> {
  if (aead === undefined)
    throw new TypeError('Cannot use ChaCha20-Poly1305: it is not loaded, wanted loadAead() before')
  return aead
}

export const aeadSeal: Primitives['aeadSeal'] = (...args) => loadedAead().aeadSeal(...args)
export const aeadOpen: Primitives['aeadOpen'] = (...args) => loadedAead().aeadOpen(...args)

export const loadX25519 = async (): Promise<X25519> => (await import('../noble/x25519.ts')).x25519

const javascript = () => import('../noble/ed25519.ts')

/** DER of a PKCS #8 key, up to the 32-byte seed (RFC 8410 §7). */
const PKCS8_PREFIX = /* @__PURE__ */ fromHex('302e020100300506032b657004220420')!

// RFC 8032 §7.1, TEST 1: the empty message.
const TEST_SEED = /* @__PURE__ */ fromHex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60')!
const TEST_PUBLIC = fromHex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a')!
const TEST_SIGNATURE = fromHex(
  'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
)!

/** Asked once a process: does this runtime have Ed25519, and does it give the published result? Also warms it up. */
function once(probe: () => Promise<boolean>): () => Promise<boolean> {
  let answer: Promise<boolean> | undefined
  return () => {
    answer ??= probe().catch(() => false)
    return answer
  }
}

const verifiesNatively = once(async () => {
  const key = await importPublic(TEST_PUBLIC)
  const message = new Uint8Array(0)
  const wrong = TEST_SIGNATURE.slice()
  wrong[0]! ^= 1
  return (
    (await crypto.subtle.verify('Ed25519', key, TEST_SIGNATURE, message)) &&
    !(await crypto.subtle.verify('Ed25519', key, wrong, message))
  )
})

const signsNatively = /* @__PURE__ */ once(async () => {
  const key = await importSeed(TEST_SEED)
  return equalBytes(key.publicKey, TEST_PUBLIC) && equalBytes(await key.sign(new Uint8Array(0)), TEST_SIGNATURE)
})

const importPublic = (publicKey: Uint8Array): Promise<CryptoKey> =>
  crypto.subtle.importKey('raw', publicKey as Bytes, 'Ed25519', false, ['verify'])

async function importSeed(seed: Uint8Array): Promise<Ed25519Key> {
  const der = concat(PKCS8_PREFIX, seed)
  // Only an extractable import tells the public half; the key that stays is not extractable.
  const { x } = await crypto.subtle.exportKey(
    'jwk',
    await crypto.subtle.importKey('pkcs8', der, 'Ed25519', true, ['sign']),
  )
  const key = await crypto.subtle.importKey('pkcs8', der, 'Ed25519', false, ['sign'])
  der.fill(0)
  return {
    publicKey: Uint8Array.from(atob(x!.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0)),
    sign: async (message) => new Uint8Array(await crypto.subtle.sign('Ed25519', key, message as Bytes)),
  }
}

const publicKeys = boundedCache<CryptoKey>(256)

export function verifyEd25519(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean | Promise<boolean> {
  if (!passesEd25519Gate(publicKey, signature)) return false
  return verifyWith(publicKey.slice(), message.slice(), signature.slice())
}

async function verifyWith(publicKey: Bytes, message: Bytes, signature: Bytes): Promise<boolean> {
  if (!(await verifiesNatively())) return (await javascript()).verifyEd25519(publicKey, message, signature)
  let key = publicKeys.get(publicKey)
  if (key === undefined) {
    try {
      key = await importPublic(publicKey)
    } catch {
      return false // the runtime knows Ed25519, so these bytes are no point of the curve
    }
    publicKeys.set(publicKey, key)
  }
  return crypto.subtle.verify('Ed25519', key, signature, message)
}

export async function createEd25519Key(seed: Uint8Array): Promise<Ed25519Key> {
  assertKeySize('an Ed25519 seed', seed)
  const copy = seed.slice()
  return (await signsNatively()) ? importSeed(copy) : (await javascript()).createEd25519Key(copy)
}

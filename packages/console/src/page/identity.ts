/**
 * Who this browser is: keys that WebCrypto made and does not give out. They live as long as the page, or, when the user
 * asks for that, in this browser's IndexedDB, still without leaving WebCrypto.
 *
 * @module
 */
import { type Identity, newSeeds, openIdentity } from '@mystranet/sdk'
import type { Bytes } from '@mystranet/sdk/bytes'
import { instanceId } from '@mystranet/sdk/keys/instance-id'
import type { Signer } from '@mystranet/sdk/keys/signer'

/** What may be kept. The packet key is not among it: each page makes its own, so that two of them never share one. */
export interface BrowserKeys {
  readonly root: CryptoKeyPair
  readonly operational: CryptoKeyPair
}

export interface BrowserIdentity {
  readonly identity: Identity
  /** Absent where WebCrypto has no Ed25519, or the page is not a secure context: then nothing can be kept. */
  readonly keys: BrowserKeys | undefined
}

const newPair = async () => (await crypto.subtle.generateKey('Ed25519', false, ['sign', 'verify'])) as CryptoKeyPair

/** Opens kept keys, or makes new ones. */
export async function browserIdentity(kept?: BrowserKeys): Promise<BrowserIdentity> {
  try {
    const keys = kept ?? { root: await newPair(), operational: await newPair() }
    const root = await signerOf(keys.root)
    const operational = await signerOf(keys.operational)
    const packet = await signerOf(await newPair())
    return { identity: { instance: instanceId(root.publicKey), root, operational, packet }, keys }
  } catch (error) {
    if (kept) throw error
    return { identity: await openIdentity(newSeeds()), keys: undefined }
  }
}

async function signerOf({ publicKey, privateKey }: CryptoKeyPair): Promise<Signer> {
  return {
    publicKey: new Uint8Array(await crypto.subtle.exportKey('raw', publicKey)),
    sign: async (message) => new Uint8Array(await crypto.subtle.sign('Ed25519', privateKey, message as Bytes)),
  }
}

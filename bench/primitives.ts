/**
 * What the SDK adds to one signature and to one verification.
 *
 * @module
 */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { randomBytes } from '../packages/sdk/src/adapters/node/primitives.ts'
import { PAYLOAD_TYPES, pae } from '../packages/sdk/src/envelope/dsse.ts'
import { verifyEd25519 } from '../packages/sdk/src/keys/ed25519.ts'
import { localSigner } from '../packages/sdk/src/keys/signer.ts'
import { contest, NODE_CRYPTO, ratioOf } from './contest.ts'
import type { Measured } from './table.ts'

/** As long as a header of a request is. */
const HEADER = randomBytes(600)
const TYPE = PAYLOAD_TYPES.packet

/** PAE and signature against `crypto.sign` of ready bytes under a ready key. */
export async function signVsPrimitive(pairs: number): Promise<Measured> {
  const seed = randomBytes(32)
  const signer = await localSigner(seed)
  const key = privateKeyOf(seed)
  const ready = pae(TYPE, HEADER)
  const outcome = await contest({
    ours: () => signer.sign(pae(TYPE, HEADER)),
    theirs: () => sign(null, ready, key),
    ourBatch: 50,
    theirBatch: 50,
    pairs,
  })
  return ratioOf(outcome, NODE_CRYPTO, 'PAE and signature of a 600 B header')
}

/** PAE, gate, look-up of the key and verification against `crypto.verify` of ready bytes under a ready key. */
export async function verifyVsPrimitive(pairs: number): Promise<Measured> {
  const seed = randomBytes(32)
  const { publicKey } = await localSigner(seed)
  const ready = pae(TYPE, HEADER)
  const signature = new Uint8Array(sign(null, ready, privateKeyOf(seed)))
  const key = createPublicKey(privateKeyOf(seed))
  if (!(await verifyEd25519(publicKey, ready, signature))) throw new Error('the measured signature does not verify')
  const outcome = await contest({
    ours: () => verifyEd25519(publicKey, pae(TYPE, HEADER), signature),
    theirs: () => verify(null, ready, key, signature),
    ourBatch: 25,
    theirBatch: 25,
    pairs,
  })
  return ratioOf(outcome, NODE_CRYPTO, 'PAE, gate and verification of a 600 B header')
}

function privateKeyOf(seed: Uint8Array): KeyObject {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed])
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
}

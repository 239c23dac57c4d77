/** Ed25519 keys for tests, from one byte each, by node:crypto: not by the code that is tested. */
import { createPrivateKey, createPublicKey, sign } from 'node:crypto'
import { encodeCheckpoint } from '../src/proof/checkpoint.ts'
import { signCosignature } from '../src/proof/cosignature.ts'
import {
  COSIGNATURE_TYPE,
  createNoteKey,
  ED25519_TYPE,
  encodeNote,
  type NoteKey,
  type NoteSigner,
  parseNote,
  signNote,
} from '../src/proof/note.ts'

const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')

export interface TestSigner extends NoteSigner {
  readonly logKey: NoteKey
  readonly witnessKey: NoteKey
}

/** A signer whose seed is 32 times `seed`. */
export function testSigner(keyName: string, seed: number): TestSigner {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8, Buffer.alloc(32, seed)]), format: 'der', type: 'pkcs8' })
  const publicKey = new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(12))
  return {
    keyName,
    publicKey,
    sign: (message) => new Uint8Array(sign(null, message, key)),
    logKey: createNoteKey(keyName, ED25519_TYPE, publicKey),
    witnessKey: createNoteKey(keyName, COSIGNATURE_TYPE, publicKey),
  }
}

/** A checkpoint's note, signed by a log and cosigned at a time by some witnesses. */
export async function cosignedNote(
  head: { treeSize: bigint; rootHash: Uint8Array },
  log: TestSigner,
  witnesses: readonly TestSigner[],
  timeSeconds = 1_700_000_000n,
): Promise<Uint8Array> {
  const { text, signatures } = parseNote(await signNote(encodeCheckpoint({ origin: log.keyName, ...head }), log))
  const more = await Promise.all(witnesses.map((witness) => signCosignature(text, witness, timeSeconds)))
  return encodeNote({ text, signatures: [...signatures, ...more] })
}

/**
 * What a battery of prompts found about a model, signed by who ran it (docs/protocol.md §13.1).
 *
 * @module
 */
import { encode, ModelEvaluation } from '@mystranet/schemas/messages'
import { type Bytes, equalBytes } from '../bytes.ts'
import { type DocumentSigner, signDocument, verifyDocument } from '../envelope/origin.ts'
import { read } from '../envelope/parse.ts'
import { PacketError } from '../errors.ts'

export type { FamilyResult, ModelEvaluation } from '@mystranet/schemas/messages'

/** An evaluation whose signature holds and whose numbers fit each other. Only {@link verifyModelEvaluation} makes one. */
export interface VerifiedModelEvaluation {
  readonly value: ModelEvaluation
  /** The key that signed. Whose it is, the document does not prove. */
  readonly signedBy: Uint8Array
  readonly __brand: 'VerifiedModelEvaluation'
}

/** The exact bytes of the signed document. */
export const signModelEvaluation = (evaluation: ModelEvaluation, signer: DocumentSigner): Promise<Bytes> =>
  signDocument('model-evaluation', encode(ModelEvaluation, evaluation), signer)

/**
 * Verifies an evaluation: that `key` signed it, and that its counts and intervals can be true.
 *
 * @param document The exact bytes, as received.
 * @param expected What it has to be about, where that is known.
 * @throws {PacketError} `DOCUMENT_MALFORMED`, `SIGNATURE_INVALID` or `NETWORK_MISMATCH`.
 */
export async function verifyModelEvaluation(
  document: Uint8Array,
  expected: { readonly fileDigest?: Uint8Array | undefined; readonly network?: Uint8Array | undefined } = {},
): Promise<VerifiedModelEvaluation> {
  const { body, key } = await verifyDocument('model-evaluation', document.slice())
  const value = read(ModelEvaluation, body)
  if (expected.network && value.network && !equalBytes(expected.network, value.network)) {
    throw new PacketError('NETWORK_MISMATCH', 'Cannot take the model-evaluation: it is of another network')
  }
  if (expected.fileDigest && !equalBytes(expected.fileDigest, value.fileDigest)) {
    throw refused('it is about another file')
  }
  const names = new Set<string>()
  for (const { family, source, prompts, judged = 0, hits = 0, lowPpm = 0, highPpm = 0 } of value.families) {
    const name = `${family} of ${source}`
    if (names.has(name)) throw refused(`${name} stands twice`)
    names.add(name)
    if (hits > judged || judged > prompts) throw refused(`${name} has ${hits} hits in ${judged} of ${prompts} answers`)
    const share = judged === 0 ? lowPpm : (hits / judged) * 1e6
    if (highPpm > 1e6 || lowPpm > share || highPpm < share) {
      throw refused(`the interval of ${name} is ${lowPpm} to ${highPpm} millionths, which its rate is not in`)
    }
  }
  return { value, signedBy: key, __brand: 'VerifiedModelEvaluation' }
}

const refused = (why: string) => new PacketError('DOCUMENT_MALFORMED', `Cannot take the model-evaluation: ${why}`)

/**
 * What somebody dropped on the page: told apart by its first bytes, never by its name.
 *
 * @module
 */

import { fromUtf8 } from '@mystranet/sdk/bytes'
import { savedAnswerFromJson } from '@mystranet/sdk/proof/saved-answer-json'
import { examine, type TrustFile, type Verdict } from '@mystranet/sdk/verify'
import { examineReceipt, type ReceiptVerdict } from './receipt.ts'

export type Kind = 'trust' | 'receipt' | 'json' | 'weave'

const BEGINNINGS: readonly (readonly [string, Kind])[] = [
  ['mystranet.org/trust@', 'trust'],
  ['c2sp.org/tlog-proof@', 'receipt'],
]

/** A guess for what to do with the bytes; nothing is verified. What is nothing else is taken for a `.weave`. */
export function kindOf(bytes: Uint8Array): Kind {
  const start = String.fromCharCode(...bytes.subarray(0, 64))
  const known = BEGINNINGS.find(([beginning]) => start.startsWith(beginning))
  // A saved answer begins with the tag of its first field, which is no brace.
  return known?.[1] ?? (/^(\u00ef\u00bb\u00bf)?\s*\{/.test(start) ? 'json' : 'weave')
}

export type Judged =
  | { readonly kind: 'answer'; readonly verdict: Verdict }
  | { readonly kind: 'receipt'; readonly verdict: ReceiptVerdict }

/** @throws {PacketError} `ANSWER_INVALID` for JSON that is no saved answer. */
export async function judge(bytes: Uint8Array, trust: TrustFile): Promise<Judged> {
  const kind = kindOf(bytes)
  if (kind === 'receipt') return { kind, verdict: await examineReceipt(bytes, trust) }
  return { kind: 'answer', verdict: await examine(kind === 'json' ? savedAnswerFromJson(textOf(bytes)) : bytes, trust) }
}

/** Bytes that are not UTF-8 are no JSON either; the parser says so. */
function textOf(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes)
  } catch {
    return '�'
  }
}

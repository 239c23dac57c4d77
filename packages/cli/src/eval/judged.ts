/**
 * A signed evaluation, judged under a trust file.
 *
 * @module
 */
import { formatInstanceId } from '@mystranet/sdk'
import { equalBytes, toHex } from '@mystranet/sdk/bytes'
import { isPacketError } from '@mystranet/sdk/errors'
import { type ModelEvaluation, verifyModelEvaluation } from '@mystranet/sdk/proof/model-evaluation'
import type { TrustFile } from '@mystranet/sdk/proof/trust-file'
import { columns, printable } from '../terminal.ts'
import { familyTable } from './statement.ts'

/** VERIFIED when a publisher of the trust file signed it; PARTIAL when somebody did. */
export async function judgedEvaluation(bytes: Uint8Array, { name, publishers, network }: TrustFile) {
  const row = (check: string, result: 'pass' | 'fail' | 'skipped', reason: string) => ({
    ...{ name: check, result, reason, required: true },
  })
  const under = `under ${JSON.stringify(name)}`
  try {
    const { value, signedBy } = await verifyModelEvaluation(bytes, { network })
    const isKnown = publishers.some((key) => equalBytes(key, signedBy))
    const status = isKnown ? ('VERIFIED' as const) : ('PARTIAL' as const)
    const signer = isKnown
      ? row('signer', 'pass', 'a publisher of the trust file')
      : row('signer', 'skipped', `the key ${toHex(signedBy)} is no publisher of the trust file: its word is its own`)
    const checks = [row('evaluation', 'pass', 'its signature holds, and its numbers fit each other'), signer]
    return { status, line: `${status} ${under}`, checks, evaluation: value }
  } catch (error) {
    if (!isPacketError(error)) throw error
    const checks = [row('evaluation', 'fail', `${error.code}: ${error.message}`)]
    return { status: 'FAILED' as const, line: `FAILED ${under}`, checks, evaluation: undefined }
  }
}

export const evaluationText = (evaluation: ModelEvaluation): string => {
  const {
    model,
    fileDigest,
    runtime,
    sandbox,
    battery,
    seed = 0,
    maxTokens,
    createdMs,
    evaluator,
    families,
  } = evaluation
  return [
    columns([
      ['model', printable(model)],
      ['sha256', toHex(fileDigest)],
      ['runtime', printable(runtime)],
      ['sandbox', printable(sandbox)],
      ['battery', `${toHex(battery)}, seed ${seed}, answers of up to ${maxTokens} tokens`],
      ['by', `${formatInstanceId(evaluator)}, ${new Date(createdMs).toISOString()}`],
    ]),
    '\n',
    printable(familyTable(families)),
  ].join('')
}

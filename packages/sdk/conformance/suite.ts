/**
 * What the library must do on every runtime: one suite, with the library and the vectors as parameters. It needs nothing
 * but the web platform.
 *
 * @module
 */

import { dsseCases } from './case/dsse.ts'
import { hpkeCases } from './case/hpke.ts'
import { identityFileCases } from './case/identity-file.ts'
import { packetCases } from './case/packet.ts'
import { primitiveCases } from './case/primitive.ts'
import { proofCases } from './case/proof.ts'
import { streamCases } from './case/stream.ts'
import type { Cases, Context, Sdk } from './case.ts'
import type { Data } from './data.ts'

export const CASES: Cases = {
  ...primitiveCases,
  ...hpkeCases,
  ...dsseCases,
  ...identityFileCases,
  ...packetCases,
  ...streamCases,
  ...proofCases,
}

/**
 * Runs every case and prints TAP, with the strings of verdicts as comments.
 *
 * @returns How many failed.
 */
export async function run(sdk: Sdk, data: Data, print: (line: string) => void): Promise<number> {
  const verdicts: Context['verdicts'] = (name, list) => print(`# verdicts ${name} ${list.map(Number).join('')}`)
  const names = Object.keys(CASES)
  let failed = 0
  await sdk.primitives.loadAead()
  print('TAP version 14')
  print(`1..${names.length}`)
  for (const [i, name] of names.entries()) {
    try {
      const reason = await CASES[name]?.({ sdk, data, verdicts })
      print(`ok ${i + 1} - ${name}${typeof reason === 'string' ? ` # SKIP ${reason}` : ''}`)
    } catch (error) {
      failed++
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
      print(`not ok ${i + 1} - ${name}`)
      for (const line of text.split('\n').slice(0, 8)) print(`# ${line}`)
    }
  }
  return failed
}

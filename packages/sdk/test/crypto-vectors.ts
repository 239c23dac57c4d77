/** Wycheproof, speccheck and RFC 8032, which lie beside the repository and are no part of it. */
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const folder = new URL('../../../../shared/vectors/', import.meta.url)

/**
 * Runs `body` with the parsed file. Without the folder the tests are skipped by name, but in CI they fail.
 *
 * @param path Below the folder of vectors.
 */
export function describeVectorFile<File>(path: string, body: (file: File) => void): void {
  const url = new URL(path, folder)
  if (existsSync(url)) describe(path, () => body(JSON.parse(readFileSync(url, 'utf8')) as File))
  else if (process.env['CI'] === undefined) {
    describe.skip(`${path}: NOT RUN, it is not beside the repository`, () => {
      it('needs the vectors', () => expect.fail('absent'))
    })
  } else it(`${path} is there`, () => expect.fail(`${path} is missing`))
}

export interface Wycheproof<Group> {
  readonly numberOfTests: number
  readonly testGroups: readonly Group[]
}

export interface Case {
  readonly tcId: number
  readonly result: 'valid' | 'invalid' | 'acceptable'
}

export interface SignatureGroup {
  readonly publicKey: { readonly pk: string }
  readonly tests: readonly (Case & { readonly msg: string; readonly sig: string })[]
}

export interface SignatureCase {
  readonly publicKey: Uint8Array
  readonly message: Uint8Array
  readonly signature: Uint8Array
}

export const ofHex = (hex: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(hex, 'hex'))

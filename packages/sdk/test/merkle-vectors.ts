/** The Merkle vectors of transparency-dev, which lie beside the repository and are no part of it. */
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const folder = new URL('../../../../shared/vectors/merkle/', import.meta.url)

type Vector = Record<string, unknown>

/** Runs every vector. Without the folder it is skipped by name, but in CI it fails. */
export function describeVectors(name: string, count: number, verify: (vector: Vector) => void): void {
  const file = new URL(`${name}.json`, folder)
  const missing = !existsSync(file)
  if (missing && process.env['CI'] === undefined) {
    describe.skip(`transparency-dev vectors: NOT RUN, ${name}.json is not beside the repository`, () => {
      it('needs the vectors', () => expect.fail('absent'))
    })
    return
  }
  describe(`transparency-dev vectors: ${name}`, () => {
    // Integers beyond 2^53 would be rounded by JSON.parse.
    const vectors = missing
      ? []
      : (JSON.parse(readFileSync(file, 'utf8').replace(/: (\d+)(,?)$/gm, ': "$1"$2')) as Vector[])

    it(`are ${count}`, () => expect(vectors).toHaveLength(count))

    it.each(vectors)('$file', (vector) => {
      const outcome = () => verify(vector)
      if (vector['wantErr'] === true) expect(outcome).toThrow(expect.objectContaining({ code: 'PROOF_INVALID' }))
      else expect(outcome).not.toThrow()
    })
  })
}

export const hashOfVector = (base64: unknown): Uint8Array => new Uint8Array(Buffer.from(base64 as string, 'base64'))

export const integerOfVector = (digits: unknown): bigint => BigInt(digits as string)

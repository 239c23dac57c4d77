/**
 * The suite's data, read from the file system: the published vectors, those made by others, and the torsion cases.
 *
 * @module
 */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { torsionCases } from '../test/torsion-cases.ts'
import type { Data, MerkleVector, SharedData } from './data.ts'
import { VECTOR_FILES, VECTOR_FOLDER, type Vectors } from './make-vectors.ts'

/** `../shared/vectors` beside the repository. */
export const SHARED_FOLDER = fileURLToPath(new URL('../../../../shared/vectors/', import.meta.url))

const read = <T>(path: string): T => JSON.parse(readFileSync(path, 'utf8')) as T

/** Integers beyond 2^53 would be rounded by JSON.parse: they become text. */
const readMerkle = (name: string): readonly MerkleVector[] =>
  JSON.parse(
    readFileSync(`${SHARED_FOLDER}merkle/${name}.json`, 'utf8').replace(/: (\d+)(,?)$/gm, ': "$1"$2'),
  ) as MerkleVector[]

function readShared(): SharedData | undefined {
  if (!existsSync(SHARED_FOLDER)) return undefined
  const wycheproof = <T>(name: string): T => read<T>(`${SHARED_FOLDER}wycheproof/${name}_test.json`)
  return {
    ed25519: wycheproof('ed25519'),
    x25519: wycheproof('x25519'),
    chacha20Poly1305: wycheproof('chacha20_poly1305'),
    hkdfSha256: wycheproof('hkdf_sha256'),
    speccheck: read(`${SHARED_FOLDER}ed25519/speccheck.json`),
    rfc8032: read(`${SHARED_FOLDER}ed25519/rfc8032.json`),
    inclusion: readMerkle('inclusion'),
    consistency: readMerkle('consistency'),
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** Texts for each pair of torsion components; 128 pairs and 128 cases more. */
const TORSION_MESSAGES = 18

export function readData(): Data {
  const vectors = Object.fromEntries(
    VECTOR_FILES.map((file) => [file.replace(/\.json$/, ''), read<unknown>(`${VECTOR_FOLDER}${file}`)]),
  ) as unknown as Vectors
  const torsion = torsionCases(TORSION_MESSAGES).map(
    ({ publicKey, message, signature, expected }) =>
      [hex(publicKey), hex(message), hex(signature), expected ? 1 : 0] as const,
  )
  return { vectors, torsion, shared: readShared() }
}

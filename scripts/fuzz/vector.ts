/**
 * The published vectors, as seeds.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Vectors } from '../../packages/sdk/conformance/make-vectors.ts'

const FOLDER = join(import.meta.dirname, '..', '..', 'packages', 'schemas', 'vectors')

export const vector = <Name extends keyof Vectors>(name: Name): Vectors[Name] =>
  JSON.parse(readFileSync(join(FOLDER, `${name}.json`), 'utf8')) as Vectors[Name]

export const fromHex = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(text, 'hex'))
export const fromBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'))
export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

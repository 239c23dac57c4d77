/**
 * A JSON document of exactly one shape: each reader takes what it was given and where it stood, and gives what it must be.
 *
 * @module
 */
import { DetectorError } from '../errors.ts'

/** @throws {DetectorError} `DOCUMENT_MALFORMED` */
export type Reader<T> = (value: unknown, where: string) => T

export function malformed(where: string, wanted: string, options?: ErrorOptions): never {
  throw new DetectorError(
    'DOCUMENT_MALFORMED',
    `Cannot read the manifest: ${where} is something else, wanted ${wanted}`,
    options,
  )
}

/** An object with these members, all of them and no other. */
export const record =
  <T extends object>(members: { readonly [K in keyof T]: Reader<T[K]> }): Reader<T> =>
  (value, where) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) malformed(where, 'an object')
    const given = value as Record<string, unknown>
    const names = Object.keys(members)
    const strange = Object.keys(given).find((name) => !Object.hasOwn(members, name))
    if (strange !== undefined) malformed(where, `no member but ${names.join(', ')}`)
    const lost = names.find((name) => !Object.hasOwn(given, name))
    if (lost !== undefined) malformed(where, `a member ${lost}`)
    return Object.fromEntries(
      Object.entries<Reader<unknown>>(members).map(([name, read]) => [name, read(given[name], `${where}.${name}`)]),
    ) as T
  }

/** From `least` to `most` values of one shape. */
export const list =
  <T>(item: Reader<T>, least: number, most: number): Reader<readonly T[]> =>
  (value, where) => {
    if (!Array.isArray(value) || value.length < least || value.length > most)
      malformed(where, `a list of ${least} to ${most}`)
    return value.map((one, at) => item(one, `${where}[${at}]`))
  }

export const text =
  (pattern: RegExp, wanted: string): Reader<string> =>
  (value, where) =>
    typeof value === 'string' && pattern.test(value) ? value : malformed(where, wanted)

/** A finite number from `least` to `most`. */
export const number =
  (least = -Number.MAX_VALUE, most = Number.MAX_VALUE): Reader<number> =>
  (value, where) =>
    typeof value === 'number' && value >= least && value <= most
      ? value
      : malformed(where, `a number from ${least} to ${most}`)

export const count =
  (least: number, most: number): Reader<number> =>
  (value, where) =>
    Number.isSafeInteger(value) ? number(least, most)(value, where) : malformed(where, 'a whole number')

export const oneOf =
  <T extends string>(...words: readonly T[]): Reader<T> =>
  (value, where) =>
    words.find((word) => word === value) ?? malformed(where, words.join(' or '))

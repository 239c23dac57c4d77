/**
 * Bytes as keys of maps: a string of one character a byte, which is made and hashed faster than hex.
 *
 * @module
 */
import { toHex } from '@mystranet/sdk/bytes'

/** @param bytes Up to 64: ids, hashes and keys. */
export const keyOf = (bytes: Uint8Array): string => Reflect.apply(String.fromCharCode, undefined, bytes)

/** For people: the hex of what {@link keyOf} made. */
export const hexOf = (key: string): string => toHex(Uint8Array.from(key, (letter) => letter.charCodeAt(0)))

/** The beginning of it, for messages. */
export const short = (key: string): string => hexOf(key.slice(0, 6))

/**
 * Bytes: the few conversions that every part of the SDK needs. No `Buffer`, no dependency.
 *
 * @module
 */

export type Bytes = Uint8Array<ArrayBuffer>

const utf8Encoder = new TextEncoder()
const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** UTF-8 bytes of a string. Lone surrogates become U+FFFD, as `TextEncoder` does. */
export const utf8 = (text: string): Bytes => utf8Encoder.encode(text) as Bytes

/** The string that the bytes spell; keeps a BOM. @throws TypeError when they are not UTF-8. */
export const fromUtf8 = (bytes: Uint8Array): string => utf8Decoder.decode(bytes)

/** Joins byte strings into a fresh one. */
export function concat(...parts: readonly Uint8Array[]): Bytes {
  let length = 0
  for (const part of parts) length += part.length
  const out = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** Equality of two public byte strings; not constant-time. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

export function u16be(value: number): Bytes {
  return Uint8Array.of(value >>> 8, value)
}

export function u32be(value: number): Bytes {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value)
}

export function u64be(value: bigint | number): Bytes {
  const out = new Uint8Array(8)
  new DataView(out.buffer).setBigUint64(0, BigInt(value))
  return out
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Lowercase hex. */
export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += HEX[byte]
  return text
}

/** Bytes of a lowercase hex string, or undefined when it is anything else. */
export function fromHex(text: string): Bytes | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) return undefined
  const out = new Uint8Array(text.length / 2)
  for (let i = 0; i < out.length; i++) out[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16)
  return out
}

/** One character a byte, U+0000 to U+00FF: other bytes are another text, so it serves as a key in a map. */
export function latin1(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192))
  return text
}

/** Inverse of {@link latin1}; characters above U+00FF lose their upper bits. */
export function fromLatin1(text: string): Bytes {
  const out = new Uint8Array(text.length)
  for (let i = 0; i < out.length; i++) out[i] = text.charCodeAt(i)
  return out
}

/** Standard base64 with padding (RFC 4648 §4). */
export const toBase64 = (bytes: Uint8Array): string => btoa(latin1(bytes))

/** Bytes of canonical standard base64, or undefined: what does not re-encode to itself is refused. */
export function fromBase64(text: string): Bytes | undefined {
  try {
    const binary = atob(text)
    return btoa(binary) === text ? fromLatin1(binary) : undefined
  } catch {
    return undefined
  }
}

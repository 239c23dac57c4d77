/**
 * IP addresses as text: one text an address.
 *
 * @module
 */
import { isIPv4, isIPv6 } from 'node:net'

/** @param bytes 4 or 16. @returns `192.0.2.1`, or eight groups of IPv6 without the compression of zeros. */
export function addressOf(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return Array.from({ length: bytes.length / 2 }, (_, i) => view.getUint16(i * 2).toString(16)).join(':')
}

/** What somebody typed, as {@link addressOf} spells it; undefined when it is no address. */
export function readAddress(text: string): string | undefined {
  if (isIPv4(text)) return text
  if (!isIPv6(text) || text.includes('%')) return undefined
  // A URL's host has hexadecimal groups only, without leading zeros.
  const [head = '', tail] = new URL(`http://[${text}]`).hostname.slice(1, -1).split('::')
  const groups = (part: string | undefined) => (part ? part.split(':') : [])
  const [before, after] = [groups(head), groups(tail)]
  return [...before, ...Array<string>(8 - before.length - after.length).fill('0'), ...after].join(':')
}

/**
 * Addresses as text.
 *
 * @module
 */

/** The address that four words spell, `::ffff:0:0/96` as IPv4. IPv6 without the compression of zeros: 8 groups. */
export function formatAddress(a: number, b: number, c: number, d: number): string {
  if (a === 0 && b === 0 && c === 0xffff) {
    return `${d >>> 24}.${(d >>> 16) & 255}.${(d >>> 8) & 255}.${d & 255}`
  }
  return [a, b, c, d].map((word) => `${(word >>> 16).toString(16)}:${(word & 0xffff).toString(16)}`).join(':')
}

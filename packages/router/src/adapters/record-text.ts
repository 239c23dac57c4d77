/**
 * Records as text: JSON in which bytes and 64-bit numbers survive.
 *
 * @module
 */
/** @param value Plain objects, arrays, strings, numbers, booleans, bytes, bigints; nothing undefined survives. */
export function encodeRecord(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) => {
    if (each instanceof Uint8Array)
      return { '~': Buffer.from(each.buffer, each.byteOffset, each.length).toString('base64') }
    return typeof each === 'bigint' ? { '#': String(each) } : each
  })
}

/** Inverse of {@link encodeRecord}. For what this program wrote: nothing is checked but its form. */
export function parseRecord<T>(text: string): T {
  return JSON.parse(text, (_, each: unknown) => {
    if (typeof each !== 'object' || each === null) return each
    if ('~' in each) return new Uint8Array(Buffer.from(String(each['~']), 'base64'))
    return '#' in each ? BigInt(String(each['#'])) : each
  }) as T
}

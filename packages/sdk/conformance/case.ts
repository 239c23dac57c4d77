/**
 * What a case of the suite is, and the little that it needs to say what it wants. No test framework, no Node.
 *
 * @module
 */
import type { Data } from './data.ts'
import type * as Library from './sdk.ts'

export type Sdk = typeof Library

export interface Context {
  readonly sdk: Sdk
  readonly data: Data
  /** Hands out a string of 0 and 1, one for each verdict in a row, which must be the same on every runtime. */
  verdicts(name: string, verdicts: readonly boolean[]): void
}

/** Passes by returning, or resolving; fails by throwing. A returned text is the reason why it could not run here. */
export type Case = (context: Context) => unknown
export type Cases = Readonly<Record<string, Case>>

export function equal(actual: unknown, wanted: unknown, what = 'value'): void {
  const [a, w] = [show(actual), show(wanted)]
  if (a !== w) throw new Error(`${what} is ${a.slice(0, 300)}, wanted ${w.slice(0, 300)}`)
}

const show = (value: unknown): string => {
  if (value instanceof Uint8Array) return hexOf(value)
  if (typeof value === 'string') return value
  return (
    JSON.stringify(value, (_, each) => {
      if (typeof each === 'bigint') return `${each}`
      return each instanceof Uint8Array ? hexOf(each) : each
    }) ?? 'undefined'
  )
}

/** `ok`, or the code that it was refused with. Whatever is no declared error is a failure. */
export async function resultOf(sdk: Sdk, run: () => unknown): Promise<string> {
  try {
    await run()
    return 'ok'
  } catch (error) {
    if (sdk.isPacketError(error)) return error.code
    throw error
  }
}

/** Runs every row, and names those that failed. An empty list is a failure: nothing would have been tested. */
export async function each<Row>(
  rows: readonly Row[],
  nameOf: (row: Row) => string,
  run: (row: Row) => void | Promise<void>,
): Promise<void> {
  if (rows.length === 0) throw new Error('there are no rows')
  const failed: string[] = []
  for (const row of rows) {
    try {
      await run(row)
    } catch (error) {
      failed.push(`${nameOf(row)}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  if (failed.length > 0) throw new Error(`${failed.length} of ${rows.length} rows: ${failed.slice(0, 3).join(' | ')}`)
}

const hexOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

/** Bytes of the vectors' hex. */
export function bytesOf(hex: string): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(hex.length / 2)
  for (let i = 0; i < out.length; i++) out[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16)
  return out
}

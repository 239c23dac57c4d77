/**
 * What one run of benign traffic is, and its pace.
 *
 * @module
 */
import type { Parameters } from './families.ts'
import type { Random } from './random.ts'

export interface Scene {
  readonly parameters: Parameters
  play(): Promise<void>
}

export type Make = (random: Random) => Scene

const TICK_MS = 4

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** An address of the loopback that is not the server's. */
export const clientAddress = (random: Random): string =>
  `127.${random.between(1, 254)}.${random.between(0, 255)}.${random.between(1, 254)}`

/** Calls `step` every few milliseconds with how many of `perSecond` are due, until `total` of them are. */
export async function paced(perSecond: number, total: number, step: (count: number) => void): Promise<void> {
  const startMs = performance.now()
  for (let done = 0; done < total; ) {
    await pause(TICK_MS)
    const due = Math.min(total, Math.floor(((performance.now() - startMs) / 1e3) * perSecond))
    if (due > done) step(due - done)
    done = due
  }
}

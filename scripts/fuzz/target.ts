/**
 * What a target of the fuzzer is: one parser, or one admission, that meets bytes from outside.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import type { Manner } from './mutate/manner.ts'
import type { Random } from './random.ts'

/** One thing changed on purpose, so that a refusal is reached which no blind mutation would reach. */
export interface Twist {
  /** Share beside the others'; 1 by default. Large or slow ones take less. */
  readonly weight?: number
  make(random: Random): Uint8Array | Promise<Uint8Array>
}

export interface Subject {
  /** Valid inputs. */
  readonly seeds: readonly Uint8Array[]
  /** How their bytes are best broken. */
  readonly manner: Manner
  readonly twists?: readonly Twist[]
  /**
   * Reads one input, and holds what comes out to what must be true of it.
   *
   * @returns `ok`, or the code of the declared refusal.
   * @throws anything else: that is what the fuzzer looks for.
   */
  run(input: Uint8Array): string | Promise<string>
  /** Called before each input: what must not pile up is made anew here. Not counted as the input's time. */
  renew?(index: number): void | Promise<void>
  close?(): void | Promise<void>
}

export interface Target {
  readonly name: string
  /** Inputs of a full run. */
  readonly inputs: number
  /** Every refusal that the parser declares. Each must be reached, and no other may be. */
  readonly codes: readonly string[]
  /** `file function`, of `packages/`: what is read with the bytes of the input. */
  readonly covers: readonly string[]
  open(): Promise<Subject>
}

/** What was accepted breaks a promise. */
export class BrokenPromise extends Error {
  override readonly name = 'BrokenPromise'
}

export function promise(holds: boolean, what: string): asserts holds {
  if (!holds) throw new BrokenPromise(what)
}

export const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

const DECLARED = new Set(['PacketError', 'RouterError', 'ModelError', 'EngineError'])

/** The code of a declared refusal; anything else is thrown on. A `SchemaError` carries none, and counts as `SCHEMA`. */
export function refusalOf(error: unknown): string {
  if (!(error instanceof Error)) throw error
  if (error.name === 'SchemaError') return 'SCHEMA'
  if (DECLARED.has(error.name) && 'code' in error && typeof error.code === 'string') return error.code
  throw error
}

/** Runs a parser that throws its refusals. */
export async function judged(read: () => unknown): Promise<string> {
  try {
    await read()
    return 'ok'
  } catch (error) {
    return refusalOf(error)
  }
}

/** The same for what is not asynchronous: a promise costs more than most parsers. */
export function judgedNow(read: () => unknown): string {
  try {
    read()
    return 'ok'
  } catch (error) {
    return refusalOf(error)
  }
}

/** What the fixture's keys have signed: nothing else may ever be accepted as signed by them. */
export interface Ledger {
  note(said: Uint8Array): void
  /** @throws {BrokenPromise} when nobody signed it. */
  hold(said: Uint8Array): void
}

export function createLedger(): Ledger {
  const known = new Set<string>()
  const digest = (said: Uint8Array) => createHash('sha256').update(said).digest('base64')
  return {
    note: (said) => void known.add(digest(said)),
    hold: (said) => promise(known.has(digest(said)), 'it was accepted as signed, and nobody signed it'),
  }
}

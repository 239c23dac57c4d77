/**
 * The statement that `weave eval` signs, and how results read in a terminal.
 *
 * @module
 */
import { FAMILIES, type FamilyId } from '@mystranet/detector/prompt/item'
import type { BatteryResult } from '@mystranet/detector/prompt/run'
import { fromHex } from '@mystranet/sdk/bytes'
import type { FamilyResult, ModelEvaluation } from '@mystranet/sdk/proof/model-evaluation'
import { columns } from '../terminal.ts'
import type { EngineFacts } from './wire.ts'

export interface Evaluated {
  readonly facts: EngineFacts
  /** `bubblewrap 0.8.0` or `none`. */
  readonly sandbox: string
  readonly battery: Uint8Array
  readonly seed: number
  readonly maxTokens: number
  readonly result: BatteryResult
  readonly createdMs: number
  readonly network: Uint8Array | undefined
}

/** Everything of the statement but who makes it. */
export function evaluationOf(evaluated: Evaluated): Omit<ModelEvaluation, 'evaluator'> {
  const { facts, result, sandbox, battery, seed, maxTokens, createdMs, network } = evaluated
  const digest = (hex: string | undefined) => (hex === undefined ? undefined : fromHex(hex))
  return {
    network,
    model: fitted(facts.model, 256),
    fileDigest: digest(facts.fileDigest) ?? new Uint8Array(0),
    chatTemplateDigest: digest(facts.chatTemplateDigest),
    engine: fitted(facts.engine, 128),
    runtime: fitted(facts.runtime, 256),
    runtimeDigest: digest(facts.runtimeDigest),
    sandbox,
    battery,
    // The codec has one form of 0: it is absent.
    seed: seed || undefined,
    maxTokens,
    families: result.families.map(({ family, source, prompts, n, hits, low, high }) => ({
      family,
      source,
      prompts,
      judged: n || undefined,
      hits: hits || undefined,
      lowPpm: Math.floor(low * 1e6) || undefined,
      highPpm: Math.ceil(high * 1e6),
    })),
    createdMs,
  }
}

/** At most so many bytes of UTF-8. Names of models are attacker-controlled. */
const fitted = (text: string, maxBytes: number): string => {
  const bytes = new TextEncoder().encode(text.toWellFormed()).subarray(0, maxBytes)
  return new TextDecoder().decode(bytes, { stream: true }) || 'unknown'
}

const percent = (millionths: number) => `${(millionths / 1e4).toFixed(1)} %`

/** One row a family: how often, the interval, and what a hit is. */
export const familyTable = (families: readonly FamilyResult[]): string =>
  columns([
    ['family', 'prompts of', 'judged', 'hits', 'rate', '95 % interval', 'a hit is'],
    ...families.map(({ family, source, prompts, judged = 0, hits = 0, lowPpm = 0, highPpm = 0 }) => [
      family,
      source,
      judged === prompts ? String(judged) : `${judged} of ${prompts}`,
      String(hits),
      judged === 0 ? '–' : percent((hits / judged) * 1e6),
      `${percent(lowPpm)} to ${percent(highPpm)}`,
      FAMILIES[family as FamilyId]?.hit ?? '',
    ]),
  ])

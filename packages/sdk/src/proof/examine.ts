/**
 * Examines a saved answer under a trust file: every check, also those that were skipped, and why (docs/protocol.md §13).
 *
 * @module
 */
import type { SavedAnswer } from '@mystranet/schemas/messages'
import { PacketError } from '../errors.ts'
import type { Facts } from './checks/check.ts'
import { CHECK_NAMES, type CheckName } from './checks/name.ts'
import { CHECKS } from './checks/table.ts'
import { rememberCheckpoints } from './receipt.ts'
import { parseSavedAnswer } from './saved-answer.ts'
import { type ShownAnswer, type ShownRequest, showAnswer, showRequest } from './show.ts'
import type { TrustFile } from './trust-file.ts'

export type { ShownAnswer, ShownRequest } from './show.ts'

export type Status = 'VERIFIED' | 'PARTIAL' | 'FAILED'

export interface CheckRow {
  readonly name: CheckName
  readonly result: 'pass' | 'fail' | 'skipped'
  /** Why it failed or was skipped; what a pass is to be read with, or ''. */
  readonly reason: string
  /** The trust file asks for it. */
  readonly required: boolean
}

export interface Verdict {
  readonly status: Status
  /** For people: `VERIFIED under "local"`. */
  readonly line: string
  readonly trustName: string
  /** The trust file came from the router that it judges. */
  readonly firstUse: boolean
  /** All of §13, in its order. */
  readonly checks: readonly CheckRow[]
  /** What is proven of the request. Absent when its signature is not. */
  readonly request: ShownRequest | undefined
  /** What is proven of the answer. Absent when its signatures, binding or commitments are not; read `status` first. */
  readonly answer: ShownAnswer | undefined
}

/** Documents that a verifier has from elsewhere; used where the saved answer holds none. */
export interface ExamineOptions {
  /** The exact bytes of a SignedDocument. */
  readonly registryEntry?: Uint8Array | undefined
  readonly authorization?: Uint8Array | undefined
}

/**
 * Examines a saved answer. Needs no key, no network and no clock. Everything that the verdict shows comes from bytes
 * that were verified.
 *
 * Cost: about 35 signatures for an answer under four witnesses.
 *
 * @param saved As received, at most 16 MiB: whatever it is, this gives a verdict and does not throw. Or a message that
 *   `parseSavedAnswer` gave or a program put together; do not change it meanwhile.
 * @param trust From `parseTrustFile`.
 */
export async function examine(
  saved: Uint8Array | SavedAnswer,
  trust: TrustFile,
  options: ExamineOptions = {},
): Promise<Verdict> {
  const rows = new Map<CheckName, Outcome>()
  let facts: Facts | undefined
  try {
    const { registryEntry, authorization, ...rest } = saved instanceof Uint8Array ? parseSavedAnswer(saved) : saved
    facts = {
      saved: {
        ...rest,
        registryEntry: registryEntry ?? options.registryEntry,
        authorization: authorization ?? options.authorization,
      },
      trust,
      checkpoints: rememberCheckpoints(trust),
      logged: {},
    }
  } catch (error) {
    rows.set('envelope', { result: 'fail', reason: reasonOf(error) })
  }
  for (const name of CHECK_NAMES) await judge(name, facts, rows)
  return conclude(trust, facts, rows)
}

type Outcome = Pick<CheckRow, 'result' | 'reason'>

const BY_NAME = new Map(CHECKS.map((check) => [check.name, check]))

/** Runs a check once, after those that it builds on. */
async function judge(name: CheckName, facts: Facts | undefined, rows: Map<CheckName, Outcome>): Promise<void> {
  if (rows.has(name)) return
  if (facts === undefined) {
    rows.set(name, { result: 'skipped', reason: 'the saved answer cannot be read' })
    return
  }
  const { needs = [], after = [], note = '', run } = BY_NAME.get(name)!
  for (const other of [...needs, ...after]) await judge(other, facts, rows)
  const gap = needs.find((other) => rows.get(other)?.result !== 'pass')
  if (gap !== undefined) {
    rows.set(name, { result: 'skipped', reason: `builds on ${gap}, which did not pass` })
    return
  }
  try {
    const reason = await run(facts)
    rows.set(name, reason === undefined ? { result: 'pass', reason: note } : { result: 'skipped', reason })
  } catch (error) {
    rows.set(name, { result: 'fail', reason: reasonOf(error) })
  }
}

/** Whatever a check met that it did not expect, it did not pass. */
const reasonOf = (error: unknown): string =>
  error instanceof PacketError ? `${error.code}: ${error.message}` : `INTERNAL: ${String(error)}`

function conclude(trust: TrustFile, facts: Facts | undefined, rows: ReadonlyMap<CheckName, Outcome>): Verdict {
  const { name: trustName, firstUse, required } = trust
  const checks = CHECK_NAMES.map((name) => ({ name, ...rows.get(name)!, required: required.has(name) }))
  const status = checks.some(({ result }) => result === 'fail')
    ? 'FAILED'
    : checks.some((row) => row.result === 'skipped' && row.required)
      ? 'PARTIAL'
      : 'VERIFIED'
  const line = `${status} under ${JSON.stringify(trustName)}${firstUse ? ' (first use: the router gave the trust file)' : ''}`
  const passed = (name: CheckName) => rows.get(name)?.result === 'pass'
  const request = facts && passed('request-signature') ? showRequest(facts, passed('request-commitment')) : undefined
  const isAnswered = passed('answer-signature') && passed('answer-commitment') && facts?.isBound
  return {
    status,
    line,
    trustName,
    firstUse,
    checks,
    request,
    answer: facts && isAnswered ? showAnswer(facts) : undefined,
  }
}

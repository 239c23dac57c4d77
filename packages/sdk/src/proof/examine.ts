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
  let facts: Facts | undefined
  let fault = ''
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
    fault = reasonOf(error)
  }
  const rows = facts ? await judgeAll(facts) : CHECK_NAMES.map((name) => unread(name, fault))
  return conclude(trust, facts, rows)
}

type Outcome = Pick<CheckRow, 'name' | 'result' | 'reason'>

const unread = (name: CheckName, fault: string): Outcome =>
  name === 'envelope'
    ? { name, result: 'fail', reason: fault }
    : { name, result: 'skipped', reason: 'the saved answer cannot be read' }

const BY_NAME = new Map(CHECKS.map((check) => [check.name, check]))

/**
 * Runs every check once. All begin at once, and each waits for those that it builds on: while one waits for signatures,
 * the others go on. What a check leaves in the facts is read only by checks that name it in `needs` or `after`, so the
 * outcome does not depend on which is done first.
 */
function judgeAll(facts: Facts): Promise<Outcome[]> {
  const begun = new Map<CheckName, Promise<Outcome>>()
  const judge = (name: CheckName): Promise<Outcome> => {
    const known = begun.get(name) ?? outcomeOf(name)
    begun.set(name, known)
    return known
  }
  const outcomeOf = async (name: CheckName): Promise<Outcome> => {
    const { needs = [], after = [], note = '', run } = BY_NAME.get(name)!
    const [before] = await Promise.all([Promise.all(needs.map(judge)), Promise.all(after.map(judge))])
    const gap = before.find(({ result }) => result !== 'pass')
    if (gap) return { name, result: 'skipped', reason: `builds on ${gap.name}, which did not pass` }
    try {
      const reason = await run(facts)
      return reason === undefined ? { name, result: 'pass', reason: note } : { name, result: 'skipped', reason }
    } catch (error) {
      return { name, result: 'fail', reason: reasonOf(error) }
    }
  }
  return Promise.all(CHECK_NAMES.map(judge))
}

/** Whatever a check met that it did not expect, it did not pass. */
const reasonOf = (error: unknown): string =>
  error instanceof PacketError ? `${error.code}: ${error.message}` : `INTERNAL: ${String(error)}`

function conclude(trust: TrustFile, facts: Facts | undefined, rows: readonly Outcome[]): Verdict {
  const { name: trustName, firstUse, required } = trust
  const checks = rows.map((row) => ({ ...row, required: required.has(row.name) }))
  const status = checks.some(({ result }) => result === 'fail')
    ? 'FAILED'
    : checks.some((row) => row.result === 'skipped' && row.required)
      ? 'PARTIAL'
      : 'VERIFIED'
  const line = `${status} under ${JSON.stringify(trustName)}${firstUse ? ' (first use: the router gave the trust file)' : ''}`
  const passed = (wanted: CheckName) => rows.some(({ name, result }) => name === wanted && result === 'pass')
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

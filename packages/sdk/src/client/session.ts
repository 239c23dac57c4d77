/**
 * A conversation under one encapsulation: packets after the first are wrapped by a secret of it (docs/protocol.md §7.3).
 *
 * @module
 */
import { equalBytes } from '../bytes.ts'
import type { Candidate } from '../packet/build.ts'
import type { SealedRequest } from '../packet/seal.ts'
import type { Session } from '../packet/session.ts'
import type { InSession } from './drafts.ts'

/** The sender's end of a session. Until an agent opened a packet of it, each packet is sealed by itself. */
export interface SessionState {
  readonly seal: InSession
  /** An agent opened it: if it was sealed by itself, the next ones go under its secret. */
  opened(request: SealedRequest): void
  /** What ended without an answer may have lost its session: the next packet begins another. */
  lost(request: SealedRequest): void
}

export function createSessionState(): SessionState {
  let begun: { readonly session: Session; readonly suite: 1 | 2; readonly candidates: readonly Candidate[] } | undefined

  return {
    seal(resolved, expiresMs) {
      if (begun === undefined || expiresMs > begun.session.deleteAfterMs) return resolved
      const { candidates } = begun
      const isSame =
        candidates.length === resolved.candidates.length &&
        candidates.every(({ instance }, i) =>
          equalBytes(instance, resolved.candidates[i]?.instance ?? new Uint8Array(0)),
        )
      return isSame && begun.suite === resolved.suite ? begun : resolved
    },
    opened({ id, core, candidates, sessionSecrets }) {
      if (core.session !== undefined || begun !== undefined) return
      const deleteAfterMs = Math.min(...candidates.map((each) => each.deleteAfterMs))
      const session = { packetId: id, secrets: sessionSecrets, deleteAfterMs }
      begun = { session, suite: core.suite as 1 | 2, candidates }
    },
    lost({ core }) {
      if (core.session !== undefined) begun = undefined
    },
  }
}

/**
 * Make, send and verify MystraNet Weave packets.
 *
 * @module
 */
import type * as verifier from './proof/verify.ts'

export {
  type Answer,
  type Client,
  type ClientOptions,
  type ClientSession,
  collect,
  createClient,
} from './client.ts'
export { type Code, type Fate, isPacketError, PacketError, type Remedy } from './errors.ts'
export { type Identity, newSeeds, openIdentity } from './keys/identity.ts'
export { formatInstanceId, parseInstanceId } from './keys/name.ts'
export { parseSavedAnswer } from './proof/saved-answer.ts'
export { parseTrustFile, type TrustFile } from './proof/trust-file.ts'
export type { Verdict, VerifiedAnswer } from './proof/verify.ts'
export type { Message, Question, Sampling } from './question.ts'
export type { AnswerEvent } from './stream/answer.ts'
export type { LogStanding } from './transport/log-view.ts'
export type { Fork, Memory } from './transport/memory.ts'

/** `examine` of `@mystranet/sdk/verify`, whose code is loaded when it is first called. */
export const examine: typeof verifier.examine = async (...args) => (await import('./later.ts')).examine(...args)

/** `verify` of `@mystranet/sdk/verify`, whose code is loaded when it is first called. */
export const verify: typeof verifier.verify = async (...args) => (await import('./later.ts')).verify(...args)

/**
 * Make, send and verify MystraNet Weave packets.
 *
 * @module
 */
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
export { examine, type Verdict, type VerifiedAnswer, verify } from './proof/verify.ts'
export type { Message, Question, Sampling } from './question.ts'
export type { AnswerEvent } from './stream/answer.ts'
export type { LogStanding } from './transport/log-view.ts'
export type { Fork, Memory } from './transport/memory.ts'

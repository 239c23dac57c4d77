/**
 * `@mystranet/sdk/verify`: check a saved answer, and nothing else. Small enough for one page.
 *
 * @module
 */
export { isPacketError, PacketError } from './errors.ts'
export { CHECK_NAMES, type CheckName } from './proof/checks/name.ts'
export { parseTrustFile, type TrustFile } from './proof/trust-file.ts'
export {
  type CheckRow,
  type ExamineOptions,
  examine,
  type ShownAnswer,
  type ShownRequest,
  type Status,
  type Verdict,
  VerdictError,
  type VerifiedAnswer,
  verify,
} from './proof/verify.ts'

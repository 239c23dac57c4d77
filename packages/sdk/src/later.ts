/**
 * What the index and the client load when an answer is there: the verifier, and the walk over the log's tiles. One module
 * for both, for what two later files share with the first load a bundler cuts into files of their own, and every page
 * pays for each of them at once.
 *
 * @module
 */
export { examine, VerdictError, verify } from './proof/verify.ts'
export { findForks } from './transport/tile-walk.ts'

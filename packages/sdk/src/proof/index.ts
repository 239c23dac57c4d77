/**
 * `@mystranet/sdk/proof`: receipts, routing tables, statements, saved answers and what they are checked with.
 *
 * @module
 */
export { CHECK_NAMES, type CheckName } from './checks/name.ts'
export * from './model-statement.ts'
export * from './receipt.ts'
export * from './routing-table.ts'
export * from './saved-answer.ts'
export * from './saved-answer-json.ts'
export * from './trust-file.ts'
export * from './verify.ts'

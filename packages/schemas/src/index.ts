/**
 * Everything but the topics, which load protobuf-es: import those from `@mystranet/schemas/topics`.
 *
 * @module
 */
export * from './codes.ts'
export * from './kinds.ts'
export * from './limits.ts'
export * from './messages.ts'
export * from './projection.ts'

/** The agent: opens packets, runs models, signs answers. */
export { memoryAttempts, memoryKeys } from './adapters/memory-stores.ts'
export { parentLink } from './adapters/parent-link.ts'
export { sqliteAttempts } from './adapters/sqlite-attempts.ts'
export { sqliteKeys } from './adapters/sqlite-keys.ts'
export * from './agent.ts'
export * from './config.ts'
export * from './engine.ts'
export * from './ports.ts'

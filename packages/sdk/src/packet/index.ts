/** Packets: build, seal, open. */
export * from './batch.ts'
export * from './build.ts'
export * from './open.ts'
export * from './reply-keys.ts'
export * from './seal.ts'
export * from './sequence.ts'
export * from './session.ts'

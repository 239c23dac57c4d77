/** Streams: frames, checkpoints, the signed end, and the records that carry them. */
export * from './checkpoint.ts'
export * from './close.ts'
export * from './coalesce.ts'
export * from './frame.ts'

/** The envelope: parse, gates, hashes, signatures. All that a router needs of the packet; nothing here seals or opens. */
export * from './dsse.ts'
export * from './hash.ts'
export * from './origin.ts'
export * from './parse.ts'
export * from './record.ts'
export * from './replay.ts'

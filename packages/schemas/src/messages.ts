/**
 * The messages that are signed or hashed, as tables of the strict codec and as TypeScript shapes.
 *
 * @module
 */
export * from './gen/strict.ts'
export { type Bytes, decode, encode, SchemaError, type Table } from './strict.ts'

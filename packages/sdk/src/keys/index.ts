/**
 * `@mystranet/sdk/keys`: instance ids, key events and key chains.
 *
 * @module
 */
export * from './chain.ts'
export * from './event.ts'
export * from './instance-id.ts'
export { formatInstanceId, parseInstanceId } from './name.ts'
export { checkedSigner, localSigner, type Signer } from './signer.ts'

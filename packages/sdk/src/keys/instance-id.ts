/**
 * Instance ids: an instance is named by its root key (docs/protocol.md §4). Their text form is in `name.ts`.
 *
 * @module
 */
import { sha256 } from '#primitives'
import { type Bytes, utf8 } from '../bytes.ts'

const LABEL = utf8('mystranet/v1/instance-id\0')

/**
 * Id of the instance that a root key makes. 32 bytes; whoever holds the root key is the instance.
 *
 * @throws RangeError when the key is not 32 bytes.
 */
export function instanceId(rootKey: Uint8Array): Bytes {
  if (rootKey.length !== 32)
    throw new RangeError(`Cannot name an instance: a key of ${rootKey.length} bytes, wanted 32`)
  return sha256(LABEL, rootKey)
}

/**
 * An instance's own keys, ready to sign (docs/protocol.md §9).
 *
 * @module
 */
import { randomBytes } from '#primitives'
import type { Bytes } from '../bytes.ts'
import { PacketError } from '../errors.ts'
import { instanceId } from './instance-id.ts'
import type { Seed, SeedKind } from './name.ts'
import { localSigner, type Signer } from './signer.ts'

export interface Identity {
  readonly instance: Bytes
  /** Signs delegations. May be absent: the root key belongs offline once the instance is enrolled. */
  readonly root: Signer | undefined
  /** Signs packet keys and prekeys. */
  readonly operational: Signer | undefined
  /** Signs packets; of several the newest, which stands last in the file. */
  readonly packet: Signer
}

/** Fresh seeds of a new instance: root, operational and packet key. Secret. */
export const newSeeds = (): Seed[] =>
  (['root', 'operational', 'packet'] as const).map((kind) => ({ kind, bytes: randomBytes(32) }))

/**
 * Makes the signers of an identity file's seeds.
 *
 * @param instance Needed when the root seed is not in the file.
 * @throws {PacketError} `IDENTITY_FILE_INVALID` when there is no packet key, or neither root seed nor instance.
 */
export async function openIdentity(seeds: readonly Seed[], instance?: Uint8Array): Promise<Identity> {
  const signerOf = async (kind: SeedKind) => {
    const seed = seeds.findLast((each) => each.kind === kind)
    return seed && (await localSigner(seed.bytes))
  }
  const root = await signerOf('root')
  const packet = await signerOf('packet')
  if (packet === undefined) throw invalid('it has no packet key')
  if (root === undefined && instance === undefined) throw invalid('it has no root key, and no instance was named')
  const id = root ? instanceId(root.publicKey) : (instance as Uint8Array).slice()
  return { instance: id as Bytes, root, operational: await signerOf('operational'), packet }
}

const invalid = (why: string) => new PacketError('IDENTITY_FILE_INVALID', `Cannot use the identity: ${why}`)

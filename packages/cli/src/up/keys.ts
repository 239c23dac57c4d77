/**
 * The keys of an all-in-one router, made at its first start, and the trust file that follows from them.
 *
 * The operator's key lies apart: it signs routing tables, and the router never gets it.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { RouterKeys } from '@mystranet/router'
import { type Bytes, equalBytes, fromHex, toHex } from '@mystranet/sdk/bytes'
import { PacketError } from '@mystranet/sdk/errors'
import { localSigner, type Signer } from '@mystranet/sdk/keys/signer'
import { COSIGNATURE_TYPE, createNoteKey, ED25519_TYPE, type NoteSigner } from '@mystranet/sdk/proof/note'
import { encodeTrustFile, parseTrustFile, type TrustFile } from '@mystranet/sdk/proof/trust-file'
import { makeFolder, readFileIfThere, type StateFolder, secretFile, writeFileWhole } from '../state.ts'

export interface Keys {
  readonly router: RouterKeys & { readonly witness: NoteSigner }
  readonly operator: Signer
}

/** Reads the keys, and makes those that are missing. */
export async function readKeys(state: StateFolder): Promise<Keys> {
  await makeFolder(state.router)
  await makeFolder(state.routerKeys)
  await makeFolder(state.operator)
  const [log, witness, nexus, operator] = await Promise.all([
    signerIn(join(state.routerKeys, 'log.seed')),
    signerIn(join(state.routerKeys, 'witness.seed')),
    signerIn(join(state.routerKeys, 'nexus.seed')),
    signerIn(join(state.operator, 'operator.seed')),
  ])
  // The names hold part of the key, so that two logs made on two machines never share one.
  const named = (name: string, signer: Signer): NoteSigner => ({
    keyName: `${name}.weave.local/${toHex(signer.publicKey).slice(0, 16)}`,
    publicKey: signer.publicKey,
    sign: (message) => signer.sign(message),
  })
  return { router: { log: named('log', log), witness: named('witness', witness), nexus }, operator }
}

async function signerIn(path: string): Promise<Signer> {
  const seed = fromHex(await secretFile(path, () => randomBytes(32).toString('hex')))
  if (seed?.length !== 32) {
    throw new PacketError('STORE_FAILED', `Cannot use the key in ${path}: it is not 32 bytes, wanted 64 hex digits`)
  }
  return localSigner(seed)
}

/**
 * The trust file `local`, made at the first start. Nothing else is believed under it than this folder's own keys.
 *
 * @throws {PacketError} `TRUST_FILE_INVALID` when the one that is there names other keys: then log and keys of two
 *   folders were mixed.
 */
export async function readLocalTrust(state: StateFolder, keys: Keys): Promise<{ bytes: Uint8Array; trust: TrustFile }> {
  const path = join(state.trust, 'local.trust')
  const wanted = localTrust(keys)
  const there = await readFileIfThere(path)
  if (there !== undefined) {
    const trust = parseTrustFile(there)
    if (!equalBytes(trust.network, parseTrustFile(wanted).network)) {
      throw new PacketError(
        'TRUST_FILE_INVALID',
        `Cannot use ${path}: it is of another network than the keys beside it`,
      )
    }
    return { bytes: there, trust }
  }
  await makeFolder(state.trust)
  await writeFileWhole(path, wanted, { replace: false })
  return { bytes: wanted, trust: parseTrustFile(wanted) }
}

/** The bytes of the trust file `local` for these keys. */
export function localTrust({ router, operator }: Keys): Uint8Array {
  const { log, witness, nexus } = router
  return encodeTrustFile({
    name: 'local',
    policy: {
      logs: [{ key: createNoteKey(log.keyName, ED25519_TYPE, log.publicKey) }],
      witnesses: [{ name: 'own', key: createNoteKey(witness.keyName, COSIGNATURE_TYPE, witness.publicKey) }],
      groups: [],
      quorum: 'own',
    },
    // One house runs both log and witness; who wants more than that adds witnesses of others and requires them.
    operators: new Map([['own', 'this-machine']]),
    tableSigners: [operator.publicKey],
    publishers: [],
    authorizers: [],
    nexusKeys: [nexus.publicKey as Bytes],
    required: new Set(),
  })
}

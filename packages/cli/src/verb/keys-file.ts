/**
 * What the actions of `weave keys` share: the identity file, and the chain that the log has of it.
 *
 * @module
 */
import type { Identity } from '@mystranet/sdk'
import { isPacketError } from '@mystranet/sdk/errors'
import { type VerifiedChain, verifyChain } from '@mystranet/sdk/keys/chain'
import { isLockedIdentityFile, lockIdentityFile, plainIdentityFile } from '@mystranet/sdk/keys/identity-file'
import { readIdentityFile, writeIdentityFile } from '@mystranet/sdk/keys/identity-file/node'
import type { Seed } from '@mystranet/sdk/keys/name'
import { createRouter } from '@mystranet/sdk/transport/router'
import type { Config } from '../config.ts'
import { identityPath, type Place, readPassphrase } from '../session.ts'

/** Writes the identity file, locked when there is a passphrase. */
export async function writeSeeds(config: Config, seeds: readonly Seed[], replace: boolean): Promise<void> {
  const path = identityPath(config)
  const isLocked = replace ? isLockedIdentityFile(await readIdentityFile(path)) : config.passphraseFile !== undefined
  const file = isLocked
    ? await lockIdentityFile(seeds, { passphrase: await readPassphrase(config) })
    : plainIdentityFile(seeds)
  await writeIdentityFile(path, file, { replace })
}

/** The identity's chain as the router shows it and the trust file proves it; undefined when it is not known there. */
export async function chainOf({ router, trust }: Place, identity: Identity): Promise<VerifiedChain | undefined> {
  try {
    return await verifyChain(await createRouter({ router }).keys(identity.instance), identity.instance, trust)
  } catch (error) {
    if (isPacketError(error) && (error.code === 'NOT_FOUND' || error.code === 'KEY_UNKNOWN')) return undefined
    throw error
  }
}

/**
 * `weave keys rotate --operational`: the next operational key takes over, under a delegation that the root key signs.
 *
 * @module
 */
import { openIdentity } from '@mystranet/sdk'
import { equalBytes, toHex } from '@mystranet/sdk/bytes'
import { PacketError } from '@mystranet/sdk/errors'
import type { VerifiedChain } from '@mystranet/sdk/keys/chain'
import { lastDelegation, packetKeyEvent } from '@mystranet/sdk/keys/enrolment'
import { keyEventDigest, signDelegation } from '@mystranet/sdk/keys/event'
import type { Seed } from '@mystranet/sdk/keys/name'
import { createRouter } from '@mystranet/sdk/transport/router'
import { type Call, textFlag, toJson } from '../command.ts'
import { EXIT_CODES } from '../exit.ts'
import { keyAfterNext, type NextKey, nextKeyPath, promoteNextKey, readNextKey } from '../next-key.ts'
import { openPlace, type Place, readSeeds } from '../session.ts'
import { chainOf, writeSeeds } from './keys-file.ts'

const DELEGATION_MS = 365 * 86_400_000

/**
 * Every step may be the last: the key after the next is durable before the log names it, the identity file gets the next key
 * once the log has it, and the next key's file goes last. The same command, given again, finds where it was.
 */
export async function rotateOperational({ config, flags, terminal, json }: Call): Promise<number> {
  const path = nextKeyPath(config, textFlag(flags, 'next-key'))
  const seeds = await readSeeds(config)
  const place = await openPlace(config)
  const next = await readNextKey(path, config)
  const after = await keyAfterNext(path, config)
  const rotated = [...seeds.filter(({ kind }) => kind !== 'operational'), next.seed]
  await logDelegation(place, rotated, next, after)
  await writeSeeds(config, rotated, true)
  await promoteNextKey(path)
  const key = toHex(next.signer.publicKey)
  if (json) terminal.out(toJson({ operational: key, nextKey: path }))
  else {
    terminal.out(`operational key ${key}\n`)
    terminal.err(`The key that comes next is in ${path}: keep it offline. No other can follow.\n`)
  }
  return EXIT_CODES.ok.code
}

async function logDelegation(place: Place, seeds: readonly Seed[], next: NextKey, after: NextKey): Promise<void> {
  const identity = await openIdentity(seeds)
  const chain = await chainOf(place, identity)
  if (chain === undefined || identity.root === undefined) {
    const state = chain === undefined ? 'the identity is not known to the router' : 'the file has no root key'
    throw new PacketError('IDENTITY_FILE_INVALID', `Cannot rotate the operational key: ${state}`)
  }
  if (isThere(chain, next, after)) return
  const nowMs = Date.now()
  const { network } = place.trust
  const delegation = await signDelegation({
    root: identity.root,
    operational: next.signer,
    prev: chain.rootHead,
    nextKeyHash: after.hash,
    network,
    createdMs: nowMs,
    notAfterMs: nowMs + DELEGATION_MS,
    name: lastDelegation(chain).event.name,
    tags: lastDelegation(chain).event.tags,
  })
  // The packet key in use ended with the delegation that it hung from.
  const packetKey = await packetKeyEvent(identity, keyEventDigest(delegation.body), { network, nowMs })
  await createRouter({ router: place.router }).enrol([delegation, packetKey])
}

/** An earlier try, interrupted, has logged it. */
function isThere(chain: VerifiedChain, { signer }: NextKey, after: NextKey): boolean {
  const { event } = lastDelegation(chain)
  if (!equalBytes(event.key as Uint8Array, signer.publicKey)) return false
  if (event.nextKeyHash !== undefined && equalBytes(event.nextKeyHash, after.hash)) return true
  throw new PacketError(
    'IDENTITY_FILE_INVALID',
    'Cannot rotate the operational key: the one given is in force already, wanted the one that it announced',
  )
}

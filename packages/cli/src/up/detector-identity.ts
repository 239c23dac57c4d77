/**
 * The instance that signs a `weave up`'s findings, made at the first start.
 *
 * @module
 */
import type { StartedRouter } from '@mystranet/router'
import { encode, SignedKeyEvent } from '@mystranet/schemas/messages'
import { type Identity, newSeeds, openIdentity } from '@mystranet/sdk'
import { PacketError } from '@mystranet/sdk/errors'
import { delegationInForce, enrolmentEvents, needsPacketKey, packetKeyEvent } from '@mystranet/sdk/keys/enrolment'
import { openIdentityFile, plainIdentityFile } from '@mystranet/sdk/keys/identity-file'
import { readIdentityFile, writeIdentityFile } from '@mystranet/sdk/keys/identity-file/node'
import { readFileIfThere, type StateFolder } from '../state.ts'

/** Reads it, and makes it when it is not there. @throws {PacketError} */
export async function detectorIdentity(state: StateFolder): Promise<Identity> {
  const path = state.detectorIdentity
  if ((await readFileIfThere(path)) === undefined) await writeIdentityFile(path, plainIdentityFile(newSeeds()))
  return openIdentity(await openIdentityFile(await readIdentityFile(path, { plain: true })))
}

/** Logs what the router does not know of the identity: all of it, or its packet key, which lasts a day. */
export async function keepEnrolled({ nexus }: StartedRouter, identity: Identity, network: Uint8Array): Promise<void> {
  const place = { network, nowMs: Date.now() }
  const known = await nexus.keyring.find(identity.instance)
  const enrol = (events: readonly SignedKeyEvent[]) =>
    nexus.enrol(
      events.map((event) => encode(SignedKeyEvent, event)),
      async () => true,
    )
  if (known === undefined) {
    await enrol(await enrolmentEvents(identity, { ...place, name: 'detector' }))
    return
  }
  if (!needsPacketKey(known.chain, identity, place.nowMs)) return
  const delegation = delegationInForce(known.chain, identity)
  if (delegation === undefined)
    throw new PacketError('KEY_EXPIRED', 'Cannot renew the detector’s key: its delegation ended')
  await enrol([await packetKeyEvent(identity, delegation, place)])
}

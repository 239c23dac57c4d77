/**
 * The user of an all-in-one: an identity that needs no invitation.
 *
 * @module
 */
import type { StartedRouter } from '@mystranet/router'
import { encode, SignedKeyEvent } from '@mystranet/schemas/messages'
import { newSeeds, openIdentity } from '@mystranet/sdk'
import { enrolmentEvents } from '@mystranet/sdk/keys/enrolment'
import { plainIdentityFile } from '@mystranet/sdk/keys/identity-file'
import { writeIdentityFile } from '@mystranet/sdk/keys/identity-file/node'
import { makeNextKey, nextKeyPath, readNextKey } from '../next-key.ts'
import { readSeeds } from '../session.ts'
import { readFileIfThere, type StateFolder } from '../state.ts'

/** The local user, made and enrolled at the first start. */
export async function localUser(router: StartedRouter, state: StateFolder, network: Uint8Array) {
  const config = { state: state.root, identity: undefined, passphraseFile: undefined }
  if ((await readFileIfThere(state.userIdentity)) === undefined) {
    await writeIdentityFile(state.userIdentity, plainIdentityFile(newSeeds()))
  }
  const seeds = await readSeeds(config)
  const identity = await openIdentity(seeds)
  if ((await router.nexus.keyring.find(identity.instance)) === undefined) {
    // Two starts that were cut short in between find the same one.
    const path = nextKeyPath(config)
    const isThere = (await readFileIfThere(path)) !== undefined
    const { hash } = await (isThere ? readNextKey : makeNextKey)(path, config)
    const place = { network, nowMs: Date.now(), name: 'local user', nextKeyHash: hash }
    const events = await enrolmentEvents(identity, place)
    await router.nexus.enrol(
      events.map((event) => encode(SignedKeyEvent, event)),
      async () => true,
    )
  }
  return seeds
}

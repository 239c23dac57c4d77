/**
 * `weave keys lend`: what an agent needs to run while the root key stays here: its operational key, and the delegation.
 *
 * @module
 */
import { join } from 'node:path'
import { encode, SignedKeyEvent } from '@mystranet/schemas/messages'
import { openIdentity } from '@mystranet/sdk'
import { PacketError } from '@mystranet/sdk/errors'
import { delegationInForce, enrolmentEvents, lastDelegation } from '@mystranet/sdk/keys/enrolment'
import { plainIdentityFile } from '@mystranet/sdk/keys/identity-file'
import { writeIdentityFile } from '@mystranet/sdk/keys/identity-file/node'
import { type Call, textFlag, toJson } from '../command.ts'
import { EXIT_CODES, UsageError } from '../exit.ts'
import { nextKeyPath, readNextKey } from '../next-key.ts'
import { openPlace, readSeeds, readTrust } from '../session.ts'
import { makeFolder, writeFileWhole } from '../state.ts'
import { chainOf } from './keys-file.ts'

/** Asks the router where one is named, for the delegation in force; without one it makes the first. */
export async function lend({ config, flags, terminal, json }: Call): Promise<number> {
  const folder = textFlag(flags, 'out')
  if (folder === undefined) throw new UsageError(['weave keys lend wants a folder for the agent: --out DIR'])
  const seeds = await readSeeds(config)
  const operational = seeds.find(({ kind }) => kind === 'operational')
  const delegation = await delegationOf({ config, flags })
  if (operational === undefined) throw unfit('the file has no operational key')
  await makeFolder(folder)
  const identity = join(folder, 'operational.identity')
  const path = join(folder, 'delegation')
  await writeIdentityFile(identity, plainIdentityFile([operational]), { replace: true })
  await writeFileWhole(path, encode(SignedKeyEvent, delegation))
  if (json) terminal.out(toJson({ identity, delegation: path }))
  else terminal.out(`WEAVE_AGENT_IDENTITY=${identity}\nWEAVE_AGENT_DELEGATION=${path}\n`)
  return EXIT_CODES.ok.code
}

async function delegationOf({ config, flags }: Pick<Call, 'config' | 'flags'>): Promise<SignedKeyEvent> {
  const identity = await openIdentity(await readSeeds(config))
  if (config.router !== undefined) {
    const chain = await chainOf(await openPlace(config), identity)
    if (chain !== undefined && delegationInForce(chain, identity) === undefined)
      throw unfit('its operational key is not the delegated one')
    if (chain !== undefined) return lastDelegation(chain).signed
  }
  const { network } = await readTrust(config)
  const next = await readNextKey(nextKeyPath(config, textFlag(flags, 'next-key')), config)
  const place = { network, nowMs: Date.now(), name: textFlag(flags, 'name'), nextKeyHash: next.hash }
  const [delegation] = await enrolmentEvents(identity, place)
  return delegation as SignedKeyEvent
}

const unfit = (why: string) => new PacketError('IDENTITY_FILE_INVALID', `Cannot lend the operational key: ${why}`)

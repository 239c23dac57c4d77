/**
 * What a command saw, told to the `weave up` of the state folder, which makes findings of it.
 *
 * @module
 */
import type { Observation } from '@mystranet/detector/loop'
import { askAdmin } from './admin/client.ts'
import type { Call, Flag } from './command.ts'
import { stateFolder } from './state.ts'

/** The flag of the commands that can. */
export const TELL: Flag = {
  type: 'boolean',
  about: 'What is found becomes a finding of the weave up in the state folder: signed, and a leaf of its log.',
}

/**
 * Does nothing without {@link TELL}, or when there is nothing to tell.
 *
 * @throws {PacketError} `ROUTER_UNREACHABLE` when no `weave up` runs there.
 */
export async function tell({ flags, config }: Call, seen: readonly (Observation | undefined)[]): Promise<void> {
  const observations = seen.filter((each) => each !== undefined)
  if (flags['tell'] !== true || observations.length === 0) return
  await askAdmin(stateFolder(config.state), 'POST', '/observations', observations)
}

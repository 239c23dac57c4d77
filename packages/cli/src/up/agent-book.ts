/**
 * The agents of other machines that this router's operator invited: whom the routing table names besides the agent here.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { fromHex } from '@mystranet/sdk/bytes'
import { PacketError } from '@mystranet/sdk/errors'
import { readFileIfThere, type StateFolder, writeFileWhole } from '../state.ts'

export interface AgentBook {
  /** Whoever enrols with this token is to be an agent. Durable when it resolves. */
  expect(token: string): Promise<void>
  /** An invitation was used. @returns whether it was an agent's, who is in the book from then on, durably. */
  admit(tokenHash: string, instance: string): Promise<boolean>
  /** Instance ids, in the order in which they came. */
  agents(): readonly Uint8Array[]
}

interface Pages {
  /** Hashes of the tokens that agents may use. */
  readonly invites: readonly string[]
  readonly agents: readonly string[]
}

const HEX = /^[0-9a-f]{64}$/

/** @throws {PacketError} `STORE_FAILED` when the book cannot be read. */
export async function openAgentBook(state: StateFolder): Promise<AgentBook> {
  const bytes = await readFileIfThere(state.agentBook)
  let pages = bytes === undefined ? { invites: [], agents: [] } : parse(bytes, state.agentBook)
  // One write after the other, whatever became of the one before.
  let last: Promise<unknown> = Promise.resolve()
  const write = (change: (pages: Pages) => Pages): Promise<void> => {
    const run = async () => {
      const next = change(pages)
      await writeFileWhole(state.agentBook, new TextEncoder().encode(`${JSON.stringify(next, undefined, 2)}\n`))
      pages = next
    }
    const done = last.catch(() => {}).then(run)
    last = done
    return done
  }
  return {
    expect(token) {
      const hash = createHash('sha256').update(token).digest('hex')
      return write(({ invites, agents }) => ({ agents, invites: [...invites, hash] }))
    },
    async admit(tokenHash, instance) {
      if (!pages.invites.includes(tokenHash)) return false
      if (!pages.agents.includes(instance)) {
        await write(({ invites, agents }) => ({ invites, agents: [...new Set([...agents, instance])] }))
      }
      return true
    },
    agents: () => pages.agents.map((each) => fromHex(each) as Uint8Array),
  }
}

function parse(bytes: Uint8Array, path: string): Pages {
  try {
    const { invites, agents } = JSON.parse(new TextDecoder().decode(bytes)) as Pages
    if ([...invites, ...agents].every((each) => HEX.test(each))) return { invites, agents }
  } catch {
    // Said below.
  }
  throw new PacketError('STORE_FAILED', `Cannot read ${path}: it is no list of invitations and agents`)
}

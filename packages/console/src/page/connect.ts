/**
 * The page's own client: under whose trust file, with which keys, known to the router by which invite.
 *
 * @module
 */
import {
  type Client,
  createClient,
  type Identity,
  isPacketError,
  type Memory,
  parseTrustFile,
  type TrustFile,
} from '@mystranet/sdk'
import { toHex } from '@mystranet/sdk/bytes'
import { type BrowserKeys, browserIdentity } from './identity.ts'
import { forget, putUp, takeDown } from './shelf.ts'

/** Where `weave up` shows its trust file. What comes from there is "first use". */
const TRUST_PATH = '/trust'

export interface Connection {
  readonly client: Client
  readonly trust: TrustFile
  /** The trust file's bytes, for the user to keep. */
  readonly trustBytes: Uint8Array<ArrayBuffer>
  readonly identity: Identity
  /** Whether these keys come from the shelf. */
  readonly isKept: boolean
  readonly canKeep: boolean
  /** Puts keys and memory into this browser, or takes them out of it. */
  keep(wanted: boolean): Promise<void>
  /** Tags that the verified routing table answers to now. */
  tags(): Promise<readonly string[]>
  /** Makes these keys known, once. @throws {PacketError} `NOT_PERMITTED` or `KEY_UNKNOWN` without a good invite. */
  enrol(invite: string | undefined): Promise<void>
}

/** @param own A trust file of the user's; without one the router's, as first use. */
export async function connect(own?: Uint8Array<ArrayBuffer>): Promise<Connection> {
  const trustBytes = own ?? (await fetchTrust())
  const trust = parseTrustFile(trustBytes, { firstUse: own === undefined })
  const network = toHex(trust.network)
  const kept = await takeDown(network)
  const { identity, keys } = await browserIdentity(kept?.keys)
  const memory: Memory = kept?.memory ?? {}
  const client = createClient({ router: location.origin, identity, trust, memory })
  let isKept = kept !== undefined
  let enrolled: Promise<void> | undefined

  const remember = async (of: BrowserKeys | undefined) => {
    if (isKept && of) await putUp(network, { keys: of, memory })
  }

  return {
    client,
    trust,
    trustBytes,
    identity,
    get isKept() {
      return isKept
    },
    canKeep: keys !== undefined,
    async keep(wanted) {
      isKept = wanted
      await (wanted ? remember(keys) : forget(network))
    },
    async tags() {
      const { table } = await client.routes()
      await remember(keys)
      return [...new Set(table.table.rules.flatMap(({ tag, deny }) => (tag && !deny ? [tag] : [])))]
    },
    enrol(invite) {
      enrolled ??= client.enrol({ name: 'browser', ...(invite ? { invite } : {}) })
      // Refused: the next question may bring a better invite.
      enrolled.catch(() => (enrolled = undefined))
      return enrolled
    },
  }
}

async function fetchTrust(): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(TRUST_PATH)
  if (!response.ok) throw new Error(`Cannot read the router's trust file: status ${response.status}`)
  return new Uint8Array(await response.arrayBuffer())
}

/** Whether a refusal means that the router does not know these keys, and would take an invite. */
export const wantsInvite = (error: unknown): boolean =>
  isPacketError(error) && (error.code === 'NOT_PERMITTED' || error.code === 'KEY_UNKNOWN')

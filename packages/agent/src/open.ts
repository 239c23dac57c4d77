/**
 * Stage 2, open: from a proven request to what its sender asked (docs/protocol.md §7).
 *
 * @module
 */
import { equalBytes, toHex } from '@mystranet/sdk/bytes'
import { type OpenedRequest, openRequest } from '@mystranet/sdk/packet'
import type { KeyRing } from './keys/ring.ts'
import type { Clock } from './ports.ts'
import type { ProvenRequest } from './receive.ts'

/** Secrets of sessions that are open here. In memory: they end with the process, and their senders begin new ones. */
export interface Sessions {
  keep(packetId: Uint8Array, session: Session): void
  find(packetId: Uint8Array, senderKey: Uint8Array): Uint8Array | undefined
}

interface Session {
  readonly senderKey: Uint8Array
  readonly secret: Uint8Array
  /** With the prekey that it was opened by. */
  readonly endsMs: number
}

const MAX_SESSIONS = 4_096

/** Keeps the newest 4,096. */
export function createSessions(clock: Clock): Sessions {
  const sessions = new Map<string, Session>()
  return {
    keep(packetId, session) {
      sessions.set(toHex(packetId), session)
      const [oldest] = sessions.keys()
      if (sessions.size > MAX_SESSIONS && oldest !== undefined) sessions.delete(oldest)
    },
    find(packetId, senderKey) {
      const session = sessions.get(toHex(packetId))
      if (session === undefined || clock.now() >= session.endsMs) return undefined
      return equalBytes(session.senderKey, senderKey) ? session.secret : undefined
    },
  }
}

/**
 * Opens a request. About 60 µs in suite 1.
 *
 * @throws {PacketError} `OPEN_FAILED`, `SESSION_UNKNOWN`, `CONTENT_INVALID`, `COMMITMENT_MISMATCH`.
 */
export async function open({ packet }: ProvenRequest, ring: KeyRing, sessions: Sessions): Promise<OpenedRequest> {
  const { core, id } = packet
  const opened = await openRequest(packet, {
    instance: ring.instance,
    kemKey: (kemKeyId) => ring.prekey(kemKeyId),
    session: (began) => sessions.find(began, core.senderKey),
  })
  const mine = packet.recipients?.recipients.find((each) => equalBytes(each.instanceId, ring.instance))
  const prekey = mine && ring.prekey(mine.kemKeyId)
  if (opened.sessionSecret !== undefined && prekey !== undefined) {
    const { deleteAfterMs: endsMs } = prekey
    sessions.keep(id, { senderKey: core.senderKey, secret: opened.sessionSecret, endsMs })
  }
  return opened
}

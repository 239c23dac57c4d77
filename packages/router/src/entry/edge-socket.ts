/**
 * What edges on runtimes with sockets and files have in common.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import process from 'node:process'
import { connectNats } from '../adapters/nats-connection.ts'
import { natsNexus } from '../adapters/nats-nexus.ts'
import { connectWebSocket } from '../adapters/nats-websocket.ts'
import { createEdge, type PeerOf } from '../edge/edge.ts'
import { readEdgeSettings } from '../edge/settings.ts'
import { packetJson } from '../http/packet-json.ts'

/** Settings by name; `WEAVE_TRUST_FILE` may name the trust file instead of `WEAVE_TRUST`. */
export type Env = Readonly<Record<string, string | undefined>>

export interface StartedEdge {
  /** Such as `http://127.0.0.1:8470`. */
  readonly url: string
  /** Takes nothing new, and cuts the answers that are being read: their readers resume elsewhere. */
  close(): Promise<void>
}

/**
 * Opens an edge, which dials its broker when it is first asked.
 *
 * @throws {ConfigError} what is wrong with its settings. @throws {PacketError} `TRUST_FILE_INVALID`, or `SCHEMA_UNTRUSTED` when its packet
 *   schema is not the signed one.
 */
export async function openEdge(env: Env, peerOf: PeerOf, withSockets?: Parameters<typeof createEdge>[3]) {
  const { WEAVE_TRUST_FILE: file } = env
  const settings = readEdgeSettings(file === undefined ? env : { ...env, WEAVE_TRUST: await readFile(file, 'utf8') })
  // Refuses to start on a schema that was not signed.
  await packetJson()
  const { natsUrl, nexusDeadlineMs: deadlineMs, host, port } = settings
  const connect = natsUrl.startsWith('ws') ? connectWebSocket : connectNats
  const door = natsNexus({ connect: () => connect(natsUrl, 'weave edge'), deadlineMs })
  return { app: createEdge(settings, door, peerOf, withSockets), host, port, close: door.close }
}

/** Starts an edge as a program: says its address in a line of JSON, ends on SIGTERM. */
export async function runEdge(start: () => Promise<StartedEdge>): Promise<void> {
  const { url, close } = await start()
  console.log(JSON.stringify({ url }))
  process.once('SIGTERM', () => void close().finally(() => process.exit(0)))
}

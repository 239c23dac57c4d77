/**
 * The door to a nexus in this process.
 *
 * @module
 */
import { encode, KeyChain, KeyEvents, Receipts, Routes, SignedKeyEvent } from '@mystranet/schemas/messages'
import { fromHex, toHex, utf8 } from '@mystranet/sdk/bytes'
import { read } from '@mystranet/sdk/envelope'
import { sha256 } from '@mystranet/sdk/proof/merkle'
import { parseReceipt } from '@mystranet/sdk/proof/receipt'
import { parseTilePath } from '@mystranet/sdk/proof/tile'
import { answerStream } from './answer-stream.ts'
import type { NexusDoor } from './door.ts'
import { RouterError } from './errors.ts'
import { storedPacketJson } from './http/packet-json.ts'
import type { ConfirmedRound, TileStore } from './log/ports.ts'
import type { Nexus } from './nexus.ts'
import { missingOf, type StateDeps } from './nexus-state.ts'
import type { Invites } from './ports.ts'

export interface NexusDoorDeps extends Omit<StateDeps, 'agents' | 'dead'> {
  readonly nexus: Pick<Nexus, 'submit' | 'readAnswer' | 'readPackets' | 'tables' | 'keyring' | 'enrol' | 'agents'>
  readonly invites: Invites
  readonly log: PublishedLog
  /** Milliseconds between heartbeats of an answer, at most 10,000. */
  readonly heartbeatMs: number
}

export interface PublishedLog {
  /** The newest cosigned checkpoint; `Log.published`. */
  published(): ConfirmedRound | undefined
  readonly tiles: TileStore
}

/** Hash of an invitation as it is kept. */
export const inviteHash = (token: string): string => toHex(sha256(utf8(token)))

export function nexusDoor(deps: NexusDoorDeps): NexusDoor {
  const { nexus, invites, log, nowMs, heartbeatMs } = deps
  return {
    submit: (packet) => nexus.submit(packet),
    readAnswer: async (packet, fetch) => answerStream(await nexus.readAnswer(packet, fetch), heartbeatMs),
    async readPackets(packet, fetch) {
      const document = await storedPacketJson(await nexus.readPackets(packet, fetch))
      return new Blob([document.slice()]).stream()
    },
    routes: () => routesOf(nexus, log.published()?.note),
    async keys(instance) {
      const chain = await nexus.keyring.show(instance)
      if (chain === undefined) throw new RouterError('NOT_FOUND', 'Cannot show the keys: the instance is not enrolled')
      return encode(KeyChain, chain)
    },
    async enrol(bytes) {
      const { events, invite } = read(KeyEvents, bytes)
      const permit = async (instance: string) =>
        invite !== undefined && invites.use(inviteHash(invite), instance, nowMs())
      const receipts = await nexus.enrol(
        events.map((event) => encode(SignedKeyEvent, event)),
        permit,
      )
      return encode(Receipts, { receipts: receipts.map(parseReceipt) })
    },
    logFile: (path) => publishedFile(log, path),
    missing: () => missingOf({ ...deps, agents: nexus.agents }),
  }
}

/** @param under The checkpoint for all of it: a newer one may come while it is put together. */
async function routesOf(
  { tables, keyring }: NexusDoorDeps['nexus'],
  under: Uint8Array | undefined,
): Promise<Uint8Array> {
  const shown = await tables.shown(under)
  if (shown === undefined) throw new RouterError('NO_ROUTE', 'Cannot show the routes: no routing table is in force')
  const { document, receipt, known } = shown
  const names = new Set(
    known.table.rules.flatMap(({ candidates }) => candidates.map(({ instance }) => toHex(instance))),
  )
  const chains = await Promise.all([...names].map((name) => keyring.offer(fromHex(name) as Uint8Array, under)))
  return encode(Routes, {
    routingTable: document,
    receipt,
    candidates: chains.filter((chain) => chain !== undefined),
  })
}

/** `checkpoint`, or a tile as far as the published checkpoint commits to it. */
export async function publishedFile({ published, tiles }: PublishedLog, path: string): Promise<Uint8Array | undefined> {
  const round = published()
  if (path === 'checkpoint') return round?.note
  const id = parseTilePath(path)
  if (id === undefined) return undefined
  const held = BigInt(round?.treeSize ?? 0) >> BigInt(id.level === 'entries' ? 0 : 8 * id.level)
  if (id.index * 256n + BigInt(id.width) > held) return undefined
  return tiles.read(path)
}

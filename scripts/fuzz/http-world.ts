/**
 * A router in this process, with every standing of a sender in it: live, revoked, expired, denied, slow. The same one each
 * time: clock, keys, table and log stand still.
 *
 * @module
 */

import { memoryStores } from '../../packages/router/src/adapters/memory/stores.ts'
import {
  network,
  openWorld,
  type Party,
  partyOf,
  ruleFor,
  senderOf,
  type World,
  type WorldState,
  worldState,
} from '../../packages/router/test/router-world.ts'
import {
  decode,
  encode,
  Header,
  HeaderCore,
  Packet,
  type Rule,
  SignedKeyEvent,
} from '../../packages/schemas/src/messages.ts'
import { PAYLOAD_TYPES, pae } from '../../packages/sdk/src/envelope/dsse.ts'
import { signRevocation } from '../../packages/sdk/src/keys/event.ts'
import type { Signer } from '../../packages/sdk/src/keys/signer.ts'
import type { RequestDraft } from '../../packages/sdk/src/packet/build.ts'
import type { Ledger } from './target.ts'

export const NOW_MS = 1_790_000_000_000
const DAY_MS = 86_400_000
/** Every packet costs so long where no quorum comes. */
const STUCK_MS = 50
/** Places of the packets that every world begins with; what the fuzzer makes comes after them. */
const FIRST = { epoch: BigInt(NOW_MS), seq: 1n }

export interface Cast {
  readonly agent: Party
  /** Its queue is always full. */
  readonly full: Party
  readonly user: Party
  readonly revoked: Party
  readonly expired: Party
  readonly denied: Party
  /** Never enrolled. */
  readonly stranger: Party
}

export async function castOf(): Promise<Cast> {
  const [agent, full, user, revoked, denied, stranger] = await Promise.all(
    [10, 20, 40, 50, 60, 70].map((seed) => partyOf(seed, NOW_MS)),
  )
  const expired = await partyOf(80, NOW_MS - 2 * DAY_MS)
  return { agent, full, user, revoked, denied, stranger, expired } as Cast
}

export interface HttpWorld {
  readonly world: World
  /** A new request, sealed and signed. */
  request(from: Party, over?: Partial<RequestDraft>): Promise<Uint8Array>
  close(): Promise<void>
}

const rulesOf = ({ agent, full, denied }: Cast): readonly Rule[] => [
  ruleFor('denied', [], { deny: true, tag: '', senders: [denied.instance as Uint8Array<ArrayBuffer>] }),
  ruleFor('misty.weave', [agent]),
  ruleFor('full.weave', [full]),
  ruleFor('slow.weave', [agent], { limits: { packetsPerMinute: 1 } as NonNullable<Rule['limits']> }),
  ruleFor('nobody.weave', []),
]

const MOST = {
  senderPerMinute: 1_000_000,
  senderBurst: 1_000_000,
  addressPerMinute: 10_000_000,
  addressBurst: 10_000_000,
  heartbeatMs: 10_000,
}

function stateOf(cast: Cast): WorldState {
  const stores = memoryStores({ queueLimit: 1_000_000 })
  const { queue } = stores
  const depth: typeof queue.depth = async (nowMs, agent) =>
    agent === cast.full.name ? { ...(await queue.depth(nowMs, agent)), waiting: 1_000_000 } : queue.depth(nowMs, agent)
  // Not by spread: a store may keep its methods elsewhere.
  const state = worldState({ ...stores, queue: Object.assign(Object.create(queue) as typeof queue, { depth }) })
  state.clock.nowMs = NOW_MS
  return state
}

const requestBy =
  (world: World, { agent, full }: Cast): HttpWorld['request'] =>
  async (from, over = {}) =>
    (await senderOf(world, from).request([agent, full], over)).bytes

export async function openHttpWorld(cast: Cast, state = stateOf(cast)): Promise<HttpWorld> {
  const world = await openWorld(state, { ...MOST, commitDeadlineMs: 60_000 })
  const { agent, full, user, revoked, denied, expired } = cast
  for (const party of [agent, full, user, revoked, denied, expired]) await world.enrol(party)
  await world.publish(rulesOf(cast))
  await revoke(world, revoked)
  const request = requestBy(world, cast)
  const { place = FIRST } = {}
  for (const later of [0n, 5n, 9n]) {
    const { status } = await senderOf(world, user).post(
      await request(user, { place: { ...place, epoch: place.epoch + later } }),
    )
    if (status !== 202) throw new Error(`the world does not begin: ${status}`)
  }
  return { world, request, close: () => world.close() }
}

export interface StuckWorld extends HttpWorld {
  /** A packet that is in the round on which no quorum comes. All that follow wait for another round. */
  readonly held: Uint8Array
}

/** The same world, whose witnesses have fallen silent. */
export async function openStuckWorld(cast: Cast): Promise<StuckWorld> {
  const state = stateOf(cast)
  await (await openHttpWorld(cast, state)).close()
  state.witnessAnswers = false
  const world = await openWorld(state, { ...MOST, commitDeadlineMs: STUCK_MS })
  const request = requestBy(world, cast)
  const held = await request(cast.user, { place: { epoch: FIRST.epoch + 9n, seq: 2n } })
  await senderOf(world, cast.user).post(held as Uint8Array<ArrayBuffer>)
  return { world, request, held, close: () => world.close() }
}

async function revoke(world: World, { identity, instance }: Party): Promise<void> {
  const found = await world.nexus.keyring.find(instance)
  const revocation = await signRevocation({
    network,
    instance,
    by: identity.root as Signer,
    prev: found?.chain.head as Uint8Array,
    key: identity.packet.publicKey,
    createdMs: NOW_MS,
  })
  await world.nexus.enrol([encode(SignedKeyEvent, revocation)], async () => false)
}

/** The same packet with another core, signed again by a key of the sender's. */
export async function withCore(
  bytes: Uint8Array,
  by: Signer,
  signed: Ledger,
  change: (core: HeaderCore) => HeaderCore | Uint8Array,
): Promise<Uint8Array> {
  const packet = decode(Packet, bytes)
  const { core, ...rest } = decode(Header, packet.header)
  const changed = change(decode(HeaderCore, core))
  const header = encode(Header, {
    ...rest,
    core: changed instanceof Uint8Array ? (changed as Uint8Array<ArrayBuffer>) : encode(HeaderCore, changed),
  })
  signed.note(header)
  return encode(Packet, {
    ...packet,
    header,
    signature: (await by.sign(pae(PAYLOAD_TYPES.packet, header))) as Uint8Array<ArrayBuffer>,
  })
}

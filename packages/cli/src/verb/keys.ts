/**
 * `weave keys`: the identity that this machine signs with.
 *
 * @module
 */

import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { formatInstanceId, type Identity, newSeeds, openIdentity } from '@mystranet/sdk'
import { equalBytes, fromHex, toHex } from '@mystranet/sdk/bytes'
import { kemKeyId } from '@mystranet/sdk/envelope'
import { PacketError } from '@mystranet/sdk/errors'
import type { VerifiedChain } from '@mystranet/sdk/keys/chain'
import { delegationInForce, enrolmentEvents } from '@mystranet/sdk/keys/enrolment'
import { KEY_EVENT_TYPES, keyEventDigest, type SignedKeyEvent, signRevocation } from '@mystranet/sdk/keys/event'
import type { Seed } from '@mystranet/sdk/keys/name'
import { createRouter } from '@mystranet/sdk/transport/router'
import { type Call, type Command, textFlag, toJson } from '../command.ts'
import { EXIT_CODES, UsageError } from '../exit.ts'
import { makeNextKey, NEXT_KEY_FLAG, nextKeyPath } from '../next-key.ts'
import { readRunning } from '../running.ts'
import { slotKeys } from '../sender-slot.ts'
import { identityPath, openPlace, openSession, readIdentity, readSeeds } from '../session.ts'
import { makeFolder, stateFolder } from '../state.ts'
import { columns } from '../terminal.ts'
import { chainOf, writeSeeds } from './keys-file.ts'
import { lend } from './keys-lend.ts'
import { rotateOperational } from './keys-operational.ts'

export const keys: Command = {
  name: 'keys',
  summary: 'Make, show, rotate and revoke the keys of an identity.',
  usage: [
    'new --identity FILE [--passphrase-file FILE] [--next-key FILE] [--enrol [--invite TOKEN]]',
    'show',
    'rotate [--operational [--next-key FILE]]',
    'revoke KEY',
    'lend --out DIR',
  ],
  settings: ['identity', 'passphraseFile', 'router', 'trust', 'state'],
  flags: {
    enrol: { type: 'boolean', about: 'With new: make the identity known to the router.' },
    invite: { type: 'string', placeholder: 'TOKEN', about: 'Invite of the router’s operator, for --enrol.' },
    operational: {
      type: 'boolean',
      about: 'With rotate: the operational key, by the one that was announced to come next.',
    },
    'next-key': NEXT_KEY_FLAG,
    out: { type: 'string', placeholder: 'DIR', about: 'With lend: where the files for the agent go.' },
    name: { type: 'string', about: 'With --enrol: a name that goes into the log; a claim, never identity.' },
  },
  examples: [
    ['weave keys new --identity me.age --passphrase-file p.txt', 'a new identity in a locked file'],
    ['weave keys show', 'instance id and keys, and what the log knows of them'],
    ['weave keys rotate', 'a new packet key; the old one stays valid for its day'],
    [
      'weave keys rotate --operational --next-key /media/usb/me.next',
      'when the operational key may be known to others',
    ],
    ['weave keys lend --identity agent-root.age --out lent', 'for an agent whose root key stays here'],
    ['weave keys revoke 5f0c…', 'end a key, for good'],
  ],
  async run(call) {
    const [action, ...rest] = call.args
    if (action === 'new' && rest.length === 0) return make(call)
    if (action === 'show' && rest.length === 0) return show(call)
    if (action === 'rotate' && rest.length === 0)
      return call.flags['operational'] === true ? rotateOperational(call) : rotate(call)
    if (action === 'lend' && rest.length === 0) return lend(call)
    if (action === 'revoke' && rest.length === 1) return revoke(call, rest[0] as string)
    throw new UsageError(['weave keys takes new, show, rotate, lend or revoke KEY. See weave keys --help.'])
  },
}

async function make(call: Call): Promise<number> {
  const { config, flags, terminal, json } = call
  const path = identityPath(config)
  if (existsSync(path)) throw new UsageError([`Cannot make an identity: ${path} exists, wanted a new file`])
  const seeds = newSeeds()
  await makeFolder(dirname(path))
  await writeSeeds(config, seeds, false)
  const identity = await openIdentity(seeds)
  const nextPath = nextKeyPath(config, textFlag(flags, 'next-key'))
  const next = await makeNextKey(nextPath, config)
  if (flags['enrol'] === true) {
    const { router, trust } = await openPlace(config)
    const place = { network: trust.network, nowMs: Date.now(), name: textFlag(flags, 'name'), nextKeyHash: next.hash }
    await createRouter({ router }).enrol(await enrolmentEvents(identity, place), textFlag(flags, 'invite'))
  }
  const instance = formatInstanceId(identity.instance)
  if (json) terminal.out(toJson({ instance, identity: path, nextKey: nextPath, enrolled: flags['enrol'] === true }))
  else {
    terminal.out(`${instance}\n${path}\n`)
    terminal.err(`The operational key that comes next is in ${nextPath}: keep it offline, apart from the identity.\n`)
  }
  return EXIT_CODES.ok.code
}

async function show(call: Call): Promise<number> {
  const { config, terminal, json } = call
  const identity = await readIdentity(config)
  const hasRouter = config.router !== undefined || (await readRunning(stateFolder(config.state))) !== undefined
  const chain = hasRouter ? await chainOf(await openPlace(config), identity) : undefined
  const events = chain?.events.map((each) => eventOf(each, chain)) ?? []
  const own = {
    instance: formatInstanceId(identity.instance),
    identity: identityPath(config),
    root: identity.root && toHex(identity.root.publicKey),
    operational: identity.operational && toHex(identity.operational.publicKey),
    packet: toHex(identity.packet.publicKey),
    known: hasRouter ? chain !== undefined : undefined,
  }
  if (json) {
    terminal.out(toJson({ ...own, events }))
    return EXIT_CODES.ok.code
  }
  const log = !hasRouter ? 'not asked: no router runs here' : chain ? `${events.length} events` : 'not known there'
  terminal.out(
    columns([
      ['instance', own.instance],
      ['file', own.identity],
      ['root key', own.root ?? 'not in the file'],
      ['operational key', own.operational ?? 'not in the file'],
      ['packet key', own.packet],
      ['in the log', log],
    ]),
  )
  const rows = events.map(({ type, key, index, until, state }) => [
    String(index),
    type,
    key,
    state,
    until === undefined ? '' : `until ${until}`,
  ])
  terminal.out(columns(rows, '  '))
  return EXIT_CODES.ok.code
}

const TYPE_NAMES = new Map(Object.entries(KEY_EVENT_TYPES).map(([name, wire]) => [wire as number, name.toLowerCase()]))

function eventOf({ event, index, ...each }: VerifiedChain['events'][number], chain: VerifiedChain) {
  const key = nameOf(event)
  const untilMs = event.notAfterMs ?? event.deleteAfterMs
  const isRevoked = chain.events.some(
    (other) => other.event.type === KEY_EVENT_TYPES.REVOCATION && !other.void && equalBytes(other.event.key!, key),
  )
  return {
    index,
    type: TYPE_NAMES.get(event.type) ?? String(event.type),
    key: toHex(key),
    until: untilMs === undefined ? undefined : new Date(untilMs).toISOString(),
    state: each.void ? 'void' : isRevoked && event.type !== KEY_EVENT_TYPES.REVOCATION ? 'revoked' : '',
  }
}

/** What a revocation of the event's key names: the key itself, of a prekey its id (docs/protocol.md §9). */
const nameOf = ({ key, suite, kemKey }: VerifiedChain['events'][number]['event']): Uint8Array =>
  key ?? kemKeyId(suite as number, kemKey as Uint8Array)

/** Older packet keys that stay in the file; more are of no use, since each lives for a day. */
const KEPT_PACKET_KEYS = 3

async function rotate({ config, terminal, json }: Call): Promise<number> {
  const seeds = await readSeeds(config)
  const fresh = newSeeds().find(({ kind }) => kind === 'packet') as Seed
  const old = seeds.filter(({ kind }) => kind === 'packet').slice(-KEPT_PACKET_KEYS)
  const next = [...seeds.filter(({ kind }) => kind !== 'packet'), ...old, fresh]
  // First the file: a key that the log knows and nobody holds would be of no use. If what follows fails, the next
  // command that needs the router makes the key known.
  await writeSeeds(config, next, true)
  const { client, identity } = await openSession(config)
  await client.enrol()
  const key = toHex(identity.packet.publicKey)
  if (json) terminal.out(toJson({ packet: key }))
  else terminal.out(`packet key ${key}\n`)
  return EXIT_CODES.ok.code
}

async function revoke({ config, terminal, json }: Call, hex: string): Promise<number> {
  const key = fromHex(hex)
  if (key?.length !== 32)
    throw new UsageError([`${JSON.stringify(hex)} is no key, wanted 64 hex digits as weave keys show prints them`])
  const seeds = await readSeeds(config)
  const identity = await openIdentity(seeds)
  const place = await openPlace(config)
  const chain = await chainOf(place, identity)
  if (chain === undefined)
    throw new PacketError('KEY_UNKNOWN', 'Cannot revoke the key: the identity is not known to the router')
  // A revocation stands for ever: one that names nobody's key would let its author believe that the right one has ended.
  if (!chain.events.some(({ event }) => equalBytes(nameOf(event), key)))
    throw new PacketError(
      'NOT_FOUND',
      'Cannot revoke the key: it is none of this identity, wanted one of weave keys show',
    )
  const isOwn = equalBytes(key, identity.packet.publicKey)
  // Whoever has the seed of this key has those that are derived from it.
  const derived = isOwn ? (await slotKeys(identity, seeds)).slice(1).map(({ publicKey }) => publicKey) : []
  const ends = [key, ...derived.filter((each) => isKnown(chain, each))]
  await createRouter({ router: place.router }).enrol(await revocations(ends, identity, chain, place.trust.network))
  if (json) terminal.out(toJson({ revoked: hex }))
  else {
    terminal.out(`revoked ${hex}\n`)
    if (isOwn) terminal.err('It was the packet key in use: weave keys rotate makes the next one.\n')
  }
  return EXIT_CODES.ok.code
}

const isKnown = ({ events }: VerifiedChain, key: Uint8Array) =>
  events.some(({ event }) => event.type === KEY_EVENT_TYPES.PACKET_KEY && equalBytes(event.key as Uint8Array, key))

/** The root key ends anything, and chains its events; without it the operational key ends what hangs from its delegation. */
async function revocations(
  ends: readonly Uint8Array[],
  identity: Identity,
  chain: VerifiedChain,
  network: Uint8Array,
): Promise<SignedKeyEvent[]> {
  const { instance, root, operational } = identity
  const delegation = delegationInForce(chain, identity)
  const events: SignedKeyEvent[] = []
  let prev = chain.rootHead
  for (const key of ends) {
    const place = { network, createdMs: Date.now(), instance, key }
    if (root) events.push(await signRevocation({ ...place, by: root, prev }))
    else if (operational && delegation) events.push(await signRevocation({ ...place, by: operational, delegation }))
    else {
      throw new PacketError(
        'IDENTITY_FILE_INVALID',
        'Cannot revoke the key: the file has neither the root key nor the operational key in force',
      )
    }
    prev = keyEventDigest((events.at(-1) as SignedKeyEvent).body)
  }
  return events
}

/**
 * The agent's keys over time: root → delegation → packet key and prekeys (docs/protocol.md §9), made when they are due,
 * logged before they are used, deleted when they are over.
 *
 * @module
 */
import { MAX_LIFETIME_MS, PACKET_KEY_MS, PREKEY_ROTATE_MS } from '@mystranet/schemas/limits'
import { decode, encode, SignedKeyEvent } from '@mystranet/schemas/messages'
import { type Bytes, equalBytes, toHex } from '@mystranet/sdk/bytes'
import { kemKeyId, read } from '@mystranet/sdk/envelope'
import { PacketError } from '@mystranet/sdk/errors'
import {
  KEY_EVENT_TYPES,
  keyEventDigest,
  parseKeyEvent,
  signDelegation,
  signPacketKey,
  signPrekey,
  verifyKeyEvent,
} from '@mystranet/sdk/keys/event'
import { instanceId } from '@mystranet/sdk/keys/instance-id'
import { kemFor, type Suite } from '@mystranet/sdk/keys/kem'
import { localSigner, type Signer } from '@mystranet/sdk/keys/signer'
import { createSequence, type Sequence } from '@mystranet/sdk/packet'
import type { CheckpointTrust } from '@mystranet/sdk/proof/checkpoint'
import { controlPartition } from '@mystranet/sdk/proof/leaf'
import { checkLeaf, verifyReceipt } from '@mystranet/sdk/proof/receipt'
import type { Clock, KeyStore, StoredKey } from '../ports.ts'

const DAY_MS = 86_400_000
/** How long a delegation holds, and how long before its end the next one is made. */
const DELEGATION_MS = 365 * DAY_MS
const DELEGATION_MARGIN_MS = 30 * DAY_MS
/** A packet key is replaced this long before its end: no answer takes longer. */
const PACKET_KEY_MARGIN_MS = 2 * 3_600_000
/** Two prekeys are live at once: a packet may be sealed to the older one until the younger is replaced. */
const PREKEY_MS = 2 * PREKEY_ROTATE_MS + MAX_LIFETIME_MS

export interface KeyRingOptions {
  readonly store: KeyStore
  readonly clock: Clock
  /** The network whose id every event carries, and the log whose receipts are believed. */
  readonly trust: CheckpointTrust & { readonly network: Uint8Array }
  /** Claims in the delegation, never identity. */
  readonly name?: string | undefined
  readonly tags?: readonly string[] | undefined
  /** Cipher suites to offer prekeys of. Default 1. */
  readonly suites?: readonly Suite[] | undefined
  /** Seed of the root key to begin with, where the store is empty; else one is made. 32 bytes. */
  readonly rootSeed?: Uint8Array | undefined
  /** The root key is elsewhere: it signed this. Then the store holds none, and one that is there is deleted. */
  readonly delegated?: Delegated | undefined
}

/** An operational key with the delegation that the root key signed. */
export interface Delegated {
  /** 32 bytes. Secret. */
  readonly seed: Uint8Array
  /** Exact bytes of a SignedKeyEvent. */
  readonly event: Uint8Array
}

/** Sends SignedKeyEvents to be logged; gives a Receipt for each, in order. */
export type LogEvents = (events: readonly Uint8Array[]) => Promise<readonly Uint8Array[]>

/** A packet key that the log knows, with the numbering of its packets in this process. */
export interface PacketKey {
  readonly signer: Signer
  readonly sequence: Sequence
}

export interface PrekeyPair {
  readonly privateKey: Uint8Array
  readonly publicKey: Uint8Array
  readonly deleteAfterMs: number
}

export interface KeyRing {
  readonly instance: Bytes
  /** Where the root key is elsewhere: the end of the delegation, which only its owner can renew. */
  readonly endsMs: number | undefined
  /**
   * Makes the keys that are due, logs those that are not logged yet, deletes those that are over. Harmless to repeat,
   * and after a failure or a crash at any point the next call goes on: a key is stored before its event is sent.
   *
   * @throws what `log` throws, or a PacketError: `STORE_FAILED`, why a receipt is not believed, or `KEY_EXPIRED` when the
   *   delegation is over and the root key elsewhere.
   */
  maintain(log: LogEvents): Promise<void>
  /** The newest packet key that is logged. @throws RangeError before the first `maintain` resolved. */
  packetKey(): PacketKey
  /** The prekey with this id, until its time is over. The same arrays each time. */
  prekey(kemKeyId: Uint8Array): PrekeyPair | undefined
}

/**
 * Opens the keys of a store; makes a root key in an empty one, unless it is told that the root key is elsewhere. Nothing is
 * sent.
 *
 * @throws {PacketError} `STORE_FAILED`, or `IDENTITY_FILE_INVALID` when a delegation is not one for this key and store.
 */
export async function openKeyRing(options: KeyRingOptions): Promise<KeyRing> {
  const { store, clock, trust, suites = [1] } = options
  if (options.delegated) await takeDelegated(options, options.delegated)
  let keys = await store.list()
  if (!keys.some(({ kind }) => kind === 'root' || kind === 'operational')) {
    const seed = options.rootSeed ?? randomSeed()
    const root = await localSigner(seed)
    const endsMs = Number.MAX_SAFE_INTEGER
    await store.add([{ kind: 'root', id: toHex(root.publicKey), seed, suite: 0, createdMs: clock.now(), endsMs }])
    keys = await store.list()
  }
  const rootKey = keys.find(({ kind }) => kind === 'root')
  const rootSigner = rootKey && (await localSigner(rootKey.seed))
  const instance = (rootSigner ? instanceId(rootSigner.publicKey) : eventOf(lastOperational(keys)).instance) as Bytes
  const prekeys = new Map<string, PrekeyPair>()
  let inForce: (PacketKey & { readonly id: string }) | undefined

  const { name, tags } = options
  const parts: Parts = { network: trust.network, instance, root: rootSigner, suites, name, tags }

  async function refresh(): Promise<void> {
    keys = await store.list()
    for (const key of keys) {
      if (key.kind !== 'prekey' || prekeys.has(key.id)) continue
      const publicKey = (await kemFor(key.suite)).publicKey(key.seed)
      prekeys.set(key.id, { privateKey: key.seed, publicKey, deleteAfterMs: key.endsMs })
    }
    const newest = keys.findLast(({ kind, receipt }) => kind === 'packet' && receipt !== undefined)
    if (newest !== undefined && newest.id !== inForce?.id) {
      const epoch = await store.nextEpoch(newest.id, clock.now())
      inForce = { id: newest.id, signer: await localSigner(newest.seed), sequence: createSequence(epoch) }
    }
  }

  async function logUnlogged(log: LogEvents): Promise<void> {
    const unlogged = keys.filter(({ event, receipt }) => event !== undefined && receipt === undefined)
    if (unlogged.length === 0) return
    const receipts = await log(unlogged.map(({ event }) => event as Uint8Array))
    for (const [i, { id, event }] of unlogged.entries()) {
      const receipt = receipts[i] ?? new Uint8Array(0)
      const { leaf } = await verifyReceipt(receipt, trust)
      const subject = keyEventDigest(decode(SignedKeyEvent, event as Uint8Array).body)
      checkLeaf(leaf, { kind: 'key-event', subject, partition: controlPartition('key-event') })
      await store.confirm(id, receipt)
    }
  }

  async function deleteEnded(): Promise<void> {
    const now = clock.now()
    for (const { id } of keys.filter((key) => key.kind !== 'root' && key.endsMs <= now)) {
      await store.remove(id)
      prekeys.get(id)?.privateKey.fill(0)
      prekeys.delete(id)
    }
  }

  let last: Promise<void> = Promise.resolve()
  return {
    instance,
    get endsMs() {
      return rootSigner ? undefined : lastOperational(keys).endsMs
    },
    maintain(log) {
      const run = async () => {
        // Read anew: an `add` that was reported as failed may have happened, and a second root event would be void.
        keys = await store.list()
        const due = await makeDue(keys, clock.now(), parts)
        if (due.length > 0) await store.add(due)
        await refresh()
        await logUnlogged(log)
        await deleteEnded()
        await refresh()
      }
      // One after the other, whatever became of the one before.
      last = last.catch(() => {}).then(run)
      return last
    },
    packetKey() {
      if (inForce === undefined) throw new RangeError('Cannot sign a packet: no packet key is logged yet')
      return inForce
    },
    prekey(id) {
      const pair = prekeys.get(toHex(id))
      return pair !== undefined && clock.now() < pair.deleteAfterMs ? pair : undefined
    },
  }
}

interface Parts {
  readonly network: Uint8Array
  readonly instance: Uint8Array
  /** Undefined: it is elsewhere. */
  readonly root: Signer | undefined
  readonly suites: readonly Suite[]
  readonly name?: string | undefined
  readonly tags?: readonly string[] | undefined
}

/** The keys that are due now, with their signed events, in the order in which they must be logged. */
async function makeDue(keys: readonly StoredKey[], now: number, parts: Parts): Promise<StoredKey[]> {
  const { network, instance, suites } = parts
  const due: StoredKey[] = []
  let operational = keys.findLast(({ kind }) => kind === 'operational')
  if (parts.root === undefined) {
    if (operational === undefined || operational.endsMs <= now) throw over()
  } else if (operational === undefined || operational.endsMs - now < DELEGATION_MARGIN_MS) {
    operational = await makeDelegation(operational, now, { ...parts, root: parts.root })
    due.push(operational)
  }
  const delegation = digestOf(operational)
  const hangs = (key: StoredKey) => equalBytes(eventOf(key).delegation ?? new Uint8Array(0), delegation)
  const signer = await localSigner(operational.seed)
  const place = { network, instance, createdMs: now, operational: signer, delegation }

  const isDue = (key: StoredKey) => key.kind === 'packet' && key.endsMs - now >= PACKET_KEY_MARGIN_MS && hangs(key)
  if (!keys.some(isDue)) {
    const seed = randomSeed()
    const packetKey = await localSigner(seed)
    const notAfterMs = now + PACKET_KEY_MS
    const event = encode(SignedKeyEvent, await signPacketKey({ ...place, packetKey, notAfterMs }))
    due.push({
      kind: 'packet',
      id: toHex(packetKey.publicKey),
      seed,
      suite: 0,
      createdMs: now,
      endsMs: notAfterMs,
      event,
    })
  }
  for (const suite of suites) {
    const isFresh = (key: StoredKey) =>
      key.kind === 'prekey' && key.suite === suite && now - key.createdMs < PREKEY_ROTATE_MS && hangs(key)
    if (keys.some(isFresh)) continue
    const { privateKey, publicKey } = (await kemFor(suite)).generate()
    const deleteAfterMs = now + PREKEY_MS
    const event = encode(SignedKeyEvent, await signPrekey({ ...place, suite, kemKey: publicKey, deleteAfterMs }))
    const id = toHex(kemKeyId(suite, publicKey))
    due.push({ kind: 'prekey', id, seed: privateKey, suite, createdMs: now, endsMs: deleteAfterMs, event })
  }
  return due
}

const over = () =>
  new PacketError(
    'KEY_EXPIRED',
    'Cannot renew the keys: the delegation is over, wanted another of the root key (weave keys rotate --operational, then lend)',
  )

/** Takes in what was delegated elsewhere; of several the last to be taken in counts. */
async function takeDelegated(
  { store, clock, trust }: KeyRingOptions,
  { seed, event: bytes }: Delegated,
): Promise<void> {
  const signed = read(SignedKeyEvent, bytes, 'IDENTITY_FILE_INVALID')
  const event = parseKeyEvent(signed)
  const { publicKey } = await localSigner(seed)
  const keys = await store.list()
  const root = keys.find(({ kind }) => kind === 'root')
  const known = root ? instanceId((await localSigner(root.seed)).publicKey) : undefined
  const fault =
    event.type !== KEY_EVENT_TYPES.DELEGATION || !equalBytes(event.key as Uint8Array, publicKey)
      ? 'it delegates to another key'
      : !equalBytes(event.network, trust.network)
        ? 'it is of another network'
        : !equalBytes(instanceId(event.rootKey as Uint8Array), event.instance)
          ? 'its root key is not the one of its instance'
          : known !== undefined && !equalBytes(known, event.instance)
            ? 'the state folder is of another instance'
            : undefined
  if (fault !== undefined) throw new PacketError('IDENTITY_FILE_INVALID', `Cannot use the delegation: ${fault}`)
  await verifyKeyEvent(signed, event, event.rootKey as Uint8Array)
  const [id, endsMs] = [toHex(publicKey), event.notAfterMs as number]
  await store.add([{ kind: 'operational', id, seed, suite: 0, createdMs: clock.now(), endsMs, event: bytes }])
  if (root !== undefined) await store.remove(root.id)
}

const lastOperational = (keys: readonly StoredKey[]) => keys.findLast(({ kind }) => kind === 'operational') as StoredKey

async function makeDelegation(
  before: StoredKey | undefined,
  now: number,
  parts: Parts & { readonly root: Signer },
): Promise<StoredKey> {
  const { network, root, name, tags } = parts
  const seed = randomSeed()
  const operational = await localSigner(seed)
  const endsMs = now + DELEGATION_MS
  const prev = before && digestOf(before)
  const fields = { network, root, operational, prev, createdMs: now, notAfterMs: endsMs, name, tags }
  const event = encode(SignedKeyEvent, await signDelegation(fields))
  return { kind: 'operational', id: toHex(operational.publicKey), seed, suite: 0, createdMs: now, endsMs, event }
}

const signedOf = (key: StoredKey) => decode(SignedKeyEvent, key.event as Uint8Array)
const eventOf = (key: StoredKey) => parseKeyEvent(signedOf(key))
const digestOf = (key: StoredKey) => keyEventDigest(signedOf(key).body)

const randomSeed = (): Bytes => crypto.getRandomValues(new Uint8Array(32))

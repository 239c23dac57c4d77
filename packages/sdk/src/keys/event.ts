/**
 * Key events: what an instance says about its keys, each signed and each a leaf of the log (docs/protocol.md §9).
 *
 * The root key signs delegations to an operational key; that signs packet keys and prekeys. What the root key signs is
 * chained by hash; what an operational key signs hangs from its delegation. Whether an event may stand where it stands is
 * `chain.ts`'s question; here is what can be said of one event alone.
 *
 * @module
 */
import { misfit } from '@mystranet/schemas/kinds'
import { encode, KeyEvent, type SignedKeyEvent } from '@mystranet/schemas/messages'
import { sha256, verifyEd25519 } from '#primitives'
import { type Bytes, utf8 } from '../bytes.ts'
import { PAYLOAD_TYPES, pae } from '../envelope/dsse.ts'
import { documentDigest } from '../envelope/hash.ts'
import { read } from '../envelope/parse.ts'
import { PacketError } from '../errors.ts'
import { instanceId } from './instance-id.ts'
import { checkedSigner, type Signer } from './signer.ts'

export type { KeyEvent, SignedKeyEvent } from '@mystranet/schemas/messages'

/** The kinds of event; the value is the number on the wire. */
export const KEY_EVENT_TYPES = { DELEGATION: 1, REVOCATION: 2, PACKET_KEY: 3, PREKEY: 4 } as const
export type KeyEventType = keyof typeof KEY_EVENT_TYPES

const { DELEGATION, REVOCATION, PACKET_KEY, PREKEY } = KEY_EVENT_TYPES

/** docs/protocol.md §9: one row a field, a `Presence` for each of {@link KEY_EVENT_TYPES}, in their order. */
const PRESENCE = {
  prev: 'OO--',
  delegation: '-OMM',
  rootKey: 'M---',
  key: 'MMM-',
  nextKeyHash: 'O---',
  suite: '---M',
  kemKey: '---M',
  deleteAfterMs: '---M',
  notAfterMs: 'M-M-',
  name: 'O---',
  tags: 'O---',
} as const satisfies Partial<Record<keyof KeyEvent, string>>

/** Bytes of a KEM public key, by suite (§7.2). */
const KEM_KEY_BYTES: Readonly<Record<number, number>> = { 1: 32, 2: 1216 }

const NEXT_KEY = utf8('mystranet/v1/next-key\0')

/** What a delegation says of the operational key that must come after its own: 32 bytes, and nothing about the key. */
export const nextKeyHash = (operationalKey: Uint8Array): Bytes => sha256(NEXT_KEY, operationalKey)

/** Digest of an event, by which others refer to it; the subject of its leaf. */
export const keyEventDigest = (body: Uint8Array): Bytes => documentDigest('key-event', body)

/** Delegations and revocations: what every shown chain holds, and what a chain head names. */
export const isHead = ({ type }: KeyEvent): boolean => type === DELEGATION || type === REVOCATION

/** Whether the root key signs it, so that it is chained by hash; else an operational key does, and it hangs from that. */
export const isRootSigned = (event: KeyEvent): boolean => event.delegation === undefined

/**
 * Reads an event and holds it to the fields of its type. Nothing in it is verified.
 *
 * @throws {PacketError} `KEY_EVENT_INVALID`
 */
export function parseKeyEvent({ body, possession }: SignedKeyEvent): KeyEvent {
  const event = read(KeyEvent, body, 'KEY_EVENT_INVALID')
  if (event.type > PREKEY) throw invalid(`type ${event.type}, wanted 1 to ${PREKEY}`)
  const misplaced = misfit(PRESENCE, event.type - 1, event)
  if (misplaced) throw invalid(misplaced)
  if (event.type === REVOCATION && (event.prev === undefined) === (event.delegation === undefined)) {
    throw invalid('a revocation with both or neither of prev and delegation')
  }
  if (provesPossession(event) !== (possession !== undefined)) {
    throw invalid(`the proof of possession is ${possession ? 'present' : 'absent'}`)
  }
  const kemBytes = event.suite === undefined ? undefined : KEM_KEY_BYTES[event.suite]
  if (event.suite !== undefined && kemBytes === undefined) throw invalid(`suite ${event.suite}, wanted 1 or 2`)
  if (event.kemKey?.length !== kemBytes) throw invalid(`a KEM key of ${event.kemKey?.length} bytes, wanted ${kemBytes}`)
  return event
}

/** Delegations and packet keys: an Ed25519 key is made, and signs for itself. */
const provesPossession = ({ type }: KeyEvent) => type === DELEGATION || type === PACKET_KEY

/**
 * Verifies an event's signature by the key that must sign it, and its proof of possession. One or two signatures.
 *
 * @throws {PacketError} `SIGNATURE_INVALID`
 */
export async function verifyKeyEvent(
  { body, signature, possession }: SignedKeyEvent,
  event: KeyEvent,
  signer: Uint8Array,
): Promise<void> {
  const message = pae(PAYLOAD_TYPES['key-event'], body)
  const [isSigned, isPossessed] = await Promise.all([
    verifyEd25519(signer, message, signature),
    possession === undefined || verifyEd25519(event.key as Uint8Array, message, possession),
  ])
  if (!isSigned) {
    throw new PacketError('SIGNATURE_INVALID', 'Cannot take a key event: it is not signed by the key that must sign it')
  }
  if (!isPossessed) {
    throw new PacketError('SIGNATURE_INVALID', 'Cannot take a key event: its new key did not prove possession')
  }
}

interface Place {
  readonly network: Uint8Array
  readonly createdMs: number
}

export interface Delegation extends Place {
  readonly root: Signer
  /** The key that is delegated to; it proves possession. */
  readonly operational: Signer
  /** Digest of the last event that the root key signed (`rootHead` of the chain); absent in an instance's first. */
  readonly prev?: Uint8Array | undefined
  /** {@link nextKeyHash} of the operational key that must come next: what a stolen root key cannot get around. */
  readonly nextKeyHash?: Uint8Array | undefined
  readonly notAfterMs: number
  /** Claims, never identity. */
  readonly name?: string | undefined
  readonly tags?: readonly string[] | undefined
}

/** Makes an instance, or gives it another operational key. */
export function signDelegation({ root, operational, prev, tags = [], ...rest }: Delegation): Promise<SignedKeyEvent> {
  const { publicKey } = root
  const event = { ...rest, type: DELEGATION, instance: instanceId(publicKey), rootKey: publicKey, prev, tags }
  return signEvent({ ...event, key: operational.publicKey }, root, operational)
}

export interface Revocation extends Place {
  readonly instance: Uint8Array
  /** The root key, or the operational key of `delegation`. */
  readonly by: Signer
  /** By the root key: digest of the last event that it signed. */
  readonly prev?: Uint8Array | undefined
  /** By an operational key: digest of its delegation. Only what hangs from that can end so. */
  readonly delegation?: Uint8Array | undefined
  /** The Ed25519 key that ends, or the KEM key id of a prekey. It stays ended for good. */
  readonly key: Uint8Array
}

/** Ends a key, from the event's place in the log on. @throws RangeError without exactly one of `prev`, `delegation`. */
export function signRevocation({ by, ...rest }: Revocation): Promise<SignedKeyEvent> {
  return signEvent({ ...rest, type: REVOCATION, tags: [] }, by)
}

interface Hanging extends Place {
  readonly instance: Uint8Array
  /** The operational key of the delegation. */
  readonly operational: Signer
  /** Digest of the delegation. */
  readonly delegation: Uint8Array
}

export interface PacketKey extends Hanging {
  /** The new key; it proves possession. */
  readonly packetKey: Signer
  readonly notAfterMs: number
}

/** Makes a key that signs packets. */
export function signPacketKey({ operational, packetKey, ...rest }: PacketKey): Promise<SignedKeyEvent> {
  return signEvent({ ...rest, type: PACKET_KEY, key: packetKey.publicKey, tags: [] }, operational, packetKey)
}

export interface Prekey extends Hanging {
  readonly suite: number
  /** 32 bytes in suite 1, 1,216 in suite 2. The operational key vouches for it. */
  readonly kemKey: Uint8Array
  /** From then on its private half is gone. */
  readonly deleteAfterMs: number
}

/** Makes a key that others seal to. */
export function signPrekey({ operational, ...rest }: Prekey): Promise<SignedKeyEvent> {
  return signEvent({ ...rest, type: PREKEY, tags: [] }, operational)
}

/** Key events are few, so what a signer returns is always verified: `SIGNER_FAILED` when it does not. */
async function signEvent(event: KeyEvent, signer: Signer, possessor?: Signer): Promise<SignedKeyEvent> {
  const body = encode(KeyEvent, event)
  const message = pae(PAYLOAD_TYPES['key-event'], body)
  const signature = await checkedSigner(signer).sign(message)
  const possession = possessor && (await checkedSigner(possessor).sign(message))
  const signed = { body, signature, possession }
  try {
    parseKeyEvent(signed)
  } catch (cause) {
    throw new RangeError('Cannot sign the key event: nobody would take it', { cause })
  }
  return signed
}

const invalid = (why: string) => new PacketError('KEY_EVENT_INVALID', `Cannot take a key event: ${why}`)

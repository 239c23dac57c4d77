/**
 * The log's leaf: one fixed binary form for everything that happens (docs/protocol.md §10).
 *
 * @module
 */

import { sha256 } from '#primitives'
import { type Bytes, concat, equalBytes, toHex, u32be, u64be, utf8 } from '../bytes.ts'
import { PacketError } from '../errors.ts'

/** What a leaf records. The place in this list, from 1, is its byte on the wire. */
const KINDS = [
  'request',
  'attempt',
  'stream-open',
  'stream-close',
  'ack',
  'nack',
  'dead-letter',
  'replay',
  'cancel',
  'void',
  'key-event',
  'model-statement',
  'authorization',
  'rollback',
  'routing-table',
  'anomaly',
  'evidence',
  'policy',
  'approval',
  'admin',
  'freeze',
] as const

export type LeafKind = (typeof KINDS)[number]

/** The byte of each kind. */
export const LEAF_KINDS = /* @__PURE__ */ Object.fromEntries(
  /* @__PURE__ */ KINDS.map((kind, at) => [kind, at + 1]),
) as Readonly<Record<LeafKind, number>>

export interface Leaf {
  readonly kind: LeafKind
  readonly timeMs: number
  /** 32 bytes: {@link packetPartition} or {@link controlPartition}. */
  readonly partition: Uint8Array
  /** Place in the partition, from 1. */
  readonly seq: bigint
  /** Leaf hash of the partition's leaf before; 32 zeros in its first. */
  readonly previous: Uint8Array
  /** 32 bytes: packet id or document digest. */
  readonly subject: Uint8Array
  /** The attempt, or 0. */
  readonly attempt: number
  /** 32 bytes: content commitment; of an attempt, the routing table's digest. Absent: undefined. */
  readonly commitment?: Uint8Array | undefined
  /** SHA-256 of the addendum. Absent: undefined. */
  readonly addendumDigest?: Uint8Array | undefined
}

const LABEL = utf8('mystranet/v1/leaf\0')
const ADDENDUM_OFFSET = 167
const CONTENT_BYTES = 199
const ZEROS = new Uint8Array(32)

/** The exact bytes of a leaf: 200, or 204 with an addendum. */
export function encodeLeaf(leaf: Leaf): Bytes {
  for (const name of ['partition', 'previous', 'subject'] as const) {
    if (leaf[name].length !== 32)
      throw new RangeError(`Cannot encode a leaf: ${name} has ${leaf[name].length} bytes, wanted 32`)
  }
  return concat(
    LABEL,
    Uint8Array.of(LEAF_KINDS[leaf.kind]),
    u64be(leaf.timeMs),
    leaf.partition,
    u64be(leaf.seq),
    leaf.previous,
    leaf.subject,
    u32be(leaf.attempt),
    leaf.commitment ?? ZEROS,
    leaf.addendumDigest ?? ZEROS,
    leaf.addendumDigest === undefined ? Uint8Array.of(0) : concat(u32be(ADDENDUM_OFFSET), Uint8Array.of(1)),
  )
}

/**
 * Reads a leaf; accepts exactly what {@link encodeLeaf} writes.
 *
 * @throws {PacketError} `LEAF_MISMATCH` for anything else.
 */
export function parseLeaf(bytes: Uint8Array): Leaf {
  if (bytes.length !== CONTENT_BYTES + 1 && bytes.length !== CONTENT_BYTES + 5) {
    throw unreadable(`${bytes.length} bytes, wanted ${CONTENT_BYTES + 1} or ${CONTENT_BYTES + 5}`)
  }
  if (!equalBytes(bytes.subarray(0, LABEL.length), LABEL)) throw unreadable('its label is not "mystranet/v1/leaf"')
  const kind = KINDS[(bytes[18] as number) - 1]
  if (kind === undefined) throw unreadable(`unknown kind ${bytes[18]}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const time = view.getBigUint64(19)
  if (time > BigInt(Number.MAX_SAFE_INTEGER)) throw unreadable('its time exceeds 2^53 − 1 ms')
  const part = (at: number) => bytes.subarray(at, at + 32)
  const digest = part(ADDENDUM_OFFSET)
  const hasAddendum = bytes.length === CONTENT_BYTES + 5
  if (!hasAddendum && bytes[CONTENT_BYTES] !== 0) throw unreadable('its suffix is not 00')
  if (!hasAddendum && !equalBytes(digest, ZEROS)) throw unreadable('a digest that its suffix does not name')
  if (hasAddendum && (view.getUint32(CONTENT_BYTES) !== ADDENDUM_OFFSET || bytes[CONTENT_BYTES + 4] !== 1)) {
    throw unreadable('its suffix does not name the addendum digest')
  }
  if (hasAddendum && equalBytes(digest, ZEROS)) throw unreadable('its suffix names an absent digest')
  const commitment = part(135)
  return {
    kind,
    timeMs: Number(time),
    partition: part(27),
    seq: view.getBigUint64(59),
    previous: part(67),
    subject: part(99),
    attempt: view.getUint32(131),
    commitment: equalBytes(commitment, ZEROS) ? undefined : commitment,
    addendumDigest: hasAddendum ? digest : undefined,
  }
}

function unreadable(why: string): PacketError {
  return new PacketError('LEAF_MISMATCH', `Cannot read a leaf: ${why}`)
}

const PARTITION = utf8('mystranet/v1/partition\0')
const CONTROL_PARTITION = utf8('mystranet/v1/control-partition\0')

/** Partition of a request and of all that follows from it. */
export function packetPartition(sender: Uint8Array, correlationId: Uint8Array): Bytes {
  return sha256(PARTITION, sender, correlationId)
}

/** Partition of leaves that belong to no packet. */
export function controlPartition(kind: LeafKind): Bytes {
  return sha256(CONTROL_PARTITION, utf8(kind))
}

/** For messages: the first bytes of a hash. */
export const shortHex = (bytes: Uint8Array): string => toHex(bytes.subarray(0, 6))

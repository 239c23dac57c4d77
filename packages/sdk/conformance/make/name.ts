/**
 * Vectors of what names and signs things: ids, digests, text forms, PAE, and the verdict on signatures.
 *
 * @module
 */

import { Point } from '@noble/ed25519'
import { sha512 } from '@noble/hashes/sha2.js'
import { type Bytes, concat, toHex, utf8 } from '../../src/bytes.ts'
import { PAYLOAD_TYPES, pae, type Thing } from '../../src/envelope/dsse.ts'
import {
  ciphertextHash,
  contentCommitment,
  documentDigest,
  kemKeyId,
  networkId,
  packetId,
  recipientsHash,
} from '../../src/envelope/hash.ts'
import { bucketOf } from '../../src/envelope/padding.ts'
import { isPacketError } from '../../src/errors.ts'
import { nextKeyHash } from '../../src/keys/event.ts'
import { instanceId } from '../../src/keys/instance-id.ts'
import { formatInstanceId, formatSeed, parseInstanceId, SEED_KINDS } from '../../src/keys/name.ts'
import { controlPartition, packetPartition } from '../../src/proof/leaf.ts'
import { fixed, keyOf, LOG_KEY, ORIGIN } from './fixed.ts'

const DIGESTED: readonly Thing[] = [
  'key-event',
  'routing-table',
  'model-statement',
  'registry-entry',
  'authorization',
  'notice',
]
const CONTROL = ['key-event', 'routing-table', 'model-statement', 'freeze'] as const

export function names() {
  const root = fixed('root public key')
  const body = fixed('body', 40)
  const id = instanceId(root)
  const text = formatInstanceId(id)
  const noIds = [
    text.toUpperCase(),
    `${text.slice(0, -1)}${text.endsWith('q') ? 'p' : 'q'}`,
    text.replace('weave1', 'woven1'),
    '',
    'weave1',
    `W${text.slice(1)}`,
  ]
  return {
    about: 'Ids, digests, text forms, buckets and PAE (protocol §4 to §7).',
    instance: { rootKey: toHex(root), id: toHex(id), text },
    instanceTexts: noIds.map((each) => ({ text: each, result: resultOf(() => parseInstanceId(each)) })),
    seeds: SEED_KINDS.map((kind) => ({
      kind,
      bytes: toHex(fixed('seed')),
      text: formatSeed({ kind, bytes: fixed('seed') }),
    })),
    network: { origin: ORIGIN, logKey: toHex(LOG_KEY.publicKey), id: toHex(networkId(ORIGIN, LOG_KEY.publicKey)) },
    kemKeyId: { suite: 1, key: toHex(root), id: toHex(kemKeyId(1, root)) },
    nextKeyHash: { key: toHex(root), hash: toHex(nextKeyHash(root)) },
    packetId: { header: toHex(body), id: toHex(packetId(body)) },
    recipientsHash: { recipients: toHex(body), hash: toHex(recipientsHash(body)) },
    ciphertextHash: { ciphertext: toHex(body), hash: toHex(ciphertextHash(body)) },
    contentCommitments: [body, new Uint8Array(0)].map((content) => ({
      salt: toHex(root),
      content: toHex(content),
      commitment: toHex(contentCommitment(root, content)),
    })),
    documentDigests: DIGESTED.map((thing) => ({
      thing,
      body: toHex(body),
      digest: toHex(documentDigest(thing, body)),
    })),
    packetPartition: {
      sender: toHex(id),
      correlationId: toHex(fixed('c', 16)),
      partition: toHex(packetPartition(id, fixed('c', 16))),
    },
    controlPartitions: CONTROL.map((name) => ({ name, partition: toHex(controlPartition(name)) })),
    buckets: [0, 1, 256, 257, 1_024, 1_025, 4_096, 4_097, 8_193, 1 << 20, (1 << 20) + 1, 7 << 20].map((bytes) => ({
      bytes,
      bucket: bucketOf(bytes),
    })),
    pae: (Object.keys(PAYLOAD_TYPES) as Thing[]).map((thing) => ({
      thing,
      body: toHex(utf8('body')),
      pae: toHex(pae(PAYLOAD_TYPES[thing], utf8('body'))),
    })),
  }
}

function resultOf(run: () => unknown): string {
  try {
    run()
    return 'ok'
  } catch (error) {
    if (isPacketError(error)) return error.code
    throw error
  }
}

const ORDER = Point.CURVE().n
const ORDER_8 = Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a')

function encoded(scalar: bigint, torsion: number): Uint8Array {
  return Point.BASE.multiplyUnsafe(scalar)
    .add(ORDER_8.multiplyUnsafe(BigInt(torsion)))
    .toBytes()
}

const littleEndian = (n: bigint): Uint8Array =>
  Uint8Array.from({ length: 32 }, (_, i) => Number((n >> BigInt(8 * i)) & 255n))
const integerOf = (bytes: Uint8Array): bigint => bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n)

/** A has torsion i, R torsion j. S solves the equation but for them: it holds without the cofactor iff j + k·i ≡ 0 (mod 8). */
function torsionVector(a: bigint, r: bigint, i: number, j: number) {
  const message = Uint8Array.of(i, j)
  const [A, R] = [encoded(a, i), encoded(r, j)]
  const k = integerOf(sha512(concat(R, A, message))) % ORDER
  const S = littleEndian((r + k * a) % ORDER)
  const valid = a !== 0n && r !== 0n && (BigInt(j) + k * BigInt(i)) % 8n === 0n
  return {
    what: `torsion ${i} in A, ${j} in R`,
    key: toHex(A),
    message: toHex(message),
    signature: toHex(concat(R, S)),
    valid,
  }
}

export async function signatures() {
  const key = await keyOf('a signing key')
  const message = utf8('a message')
  const good = (await key.sign(message)) as Bytes
  const s = integerOf(good.subarray(32))
  const beyond = concat(good.subarray(0, 32), littleEndian(s + ORDER))
  const P = 2n ** 255n - 19n
  const highBit = (bytes: Uint8Array) => bytes.map((byte, i) => (i === 31 ? byte | 0x80 : byte))
  const row = (
    what: string,
    valid: boolean,
    publicKey: Uint8Array = key.publicKey,
    signature: Uint8Array = good,
    text: Uint8Array = message,
  ) => ({
    what,
    key: toHex(publicKey),
    message: toHex(text),
    signature: toHex(signature),
    valid,
  })
  const smalls = [0n, 1n, P - 1n, P, P + 1n].map(littleEndian)
  const octics = [
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  ]
  const refusedPoints = [...smalls, ...octics.map((hex) => Point.fromHex(hex).toBytes())].flatMap((point) => [
    point,
    highBit(point),
  ])
  return {
    about: 'The one verdict on an Ed25519 signature (protocol §6).',
    signatures: [
      row('right', true),
      row('another message', false, undefined, undefined, utf8('another')),
      row('S + L', false, undefined, beyond),
      row('S = L', false, undefined, concat(good.subarray(0, 32), littleEndian(ORDER))),
      row('63 bytes of signature', false, undefined, good.subarray(0, 63)),
      row('31 bytes of key', false, key.publicKey.subarray(0, 31)),
      ...refusedPoints.map((point) =>
        row('a small or non-canonical key', false, point, concat(point, new Uint8Array(32))),
      ),
      ...refusedPoints.map((point) =>
        row('a small or non-canonical R', false, key.publicKey, concat(point, good.subarray(32))),
      ),
      ...Array.from({ length: 64 }, (_, n) => torsionVector(0x5eedn, 0xbeadn, n >> 3, n & 7)),
      ...Array.from({ length: 8 }, (_, i) => torsionVector(0n, 9n, i, 0)),
      ...Array.from({ length: 8 }, (_, i) => torsionVector(9n, 0n, 0, i)),
    ],
  }
}

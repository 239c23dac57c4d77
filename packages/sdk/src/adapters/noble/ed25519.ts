/**
 * Ed25519 in JavaScript, with the verdict of the native back ends: the library's own `verify` multiplies by the
 * cofactor and so accepts more than they do. About 0.8 ms a verification.
 *
 * A page loads this module only when it must. It shares none of ours with what is loaded first: a bundler would cut what
 * they share into a file of its own, which every page would pay for. So the gate and the sizes are the callers' to check.
 *
 * @module
 */
import * as ed from '@noble/ed25519'
import { sha512 } from '@noble/hashes/sha2.js'
import type { Bytes } from '../../bytes.ts'
import type { SyncEd25519Key } from '../primitives.ts'

const { BASE, ZERO } = ed.Point
const ORDER = ed.Point.CURVE().n
const WINDOW_BITS = 4

/** Multiples 0 … 15 of −A. */
type Table = readonly ed.Point[]
const tables = new Map<bigint, Table>()
/** Peers choose the keys, so their number is not ours to trust. */
const MAX_TABLES = 64

/** `Primitives.verifyEd25519` for a key and a signature that passed `passesEd25519Gate`; always synchronous. */
export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const table = tableOf(publicKey)
  if (table === undefined) return false
  const R = signature.subarray(0, 32)
  const S = numberOf(signature.subarray(32))
  const k = numberOf(sha512.create().update(R).update(publicKey).update(message).digest()) % ORDER
  // [S]B − [k]A, compared as an encoding with the R that was received: R itself is never decoded.
  return BASE.multiply(S, false)
    .add(multiply(table, k))
    .toBytes()
    .every((byte, i) => byte === R[i])
}

function tableOf(publicKey: Uint8Array): Table | undefined {
  const name = numberOf(publicKey)
  const known = tables.get(name)
  if (known !== undefined) return known
  let minusA: ed.Point
  try {
    minusA = ed.Point.fromBytes(publicKey).negate()
  } catch {
    return undefined // not on the curve
  }
  const table = [ZERO]
  for (let i = 1; i < 1 << WINDOW_BITS; i++) table.push(table[i - 1]!.add(minusA))
  if (tables.size >= MAX_TABLES) tables.clear()
  tables.set(name, table)
  return table
}

/** Variable time: everything in a verification is public. */
function multiply(table: Table, scalar: bigint): ed.Point {
  let sum = ZERO
  for (const digit of scalar.toString(16)) {
    for (let bit = 0; bit < WINDOW_BITS; bit++) sum = sum.double()
    const index = Number.parseInt(digit, 16)
    if (index !== 0) sum = sum.add(table[index]!)
  }
  return sum
}

const numberOf = (littleEndian: Uint8Array): bigint =>
  littleEndian.reduceRight((number, byte) => (number << 8n) | BigInt(byte), 0n)

/** `Primitives.createEd25519Key` for a seed of 32 bytes, synchronous. */
export function createEd25519Key(seed: Uint8Array): SyncEd25519Key {
  ed.hashes.sha512 ??= sha512 as NonNullable<typeof ed.hashes.sha512>
  const secret = seed.slice()
  return {
    publicKey: ed.getPublicKey(secret) as Bytes,
    sign: (message) => ed.sign(message, secret) as Bytes,
  }
}

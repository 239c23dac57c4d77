/** Signatures on which Ed25519 implementations differ, with the verdict that the protocol's rule gives them. */
import { createHash } from 'node:crypto'
import { Point } from '@noble/ed25519'
import type { SignatureCase } from './crypto-vectors.ts'

const ORDER = Point.CURVE().n
const ORDER_8 = Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a')

export interface TorsionCase extends SignatureCase {
  readonly expected: boolean
}

/**
 * For every pair of torsion components (i of A, j of R) and `messages` texts: S solves the equation but for the
 * torsion, so the cofactored equation always holds, and the cofactorless one iff `j + k·i ≡ 0 (mod 8)`. A and R are
 * also taken without their main part, where they have small order and the gate must refuse them.
 */
export function torsionCases(messages: number): TorsionCase[] {
  const cases: TorsionCase[] = []
  for (const [a, r] of [
    [0x5eedn, 0xbeadn],
    [ORDER - 3n, 2n ** 200n + 7n],
  ] as const) {
    for (let i = 0; i < 8; i++) {
      for (let j = 0; j < 8; j++) {
        for (let text = 0; text < messages; text++) cases.push(torsionCase(a, r, i, j, Uint8Array.of(i, j, text)))
      }
    }
  }
  for (let i = 0; i < 8; i++) {
    for (let j = 0; j < 8; j++) {
      cases.push(torsionCase(0n, 9n, i, j, Uint8Array.of(i, j)), torsionCase(9n, 0n, i, j, Uint8Array.of(i, j)))
    }
  }
  return cases
}

const encodings = new Map<string, Uint8Array>()

/** Encoding of `[scalar]B + [torsion]T8`. */
function encoded(scalar: bigint, torsion: number): Uint8Array {
  const name = `${scalar}+${torsion}`
  let bytes = encodings.get(name)
  if (bytes === undefined) {
    bytes = Point.BASE.multiplyUnsafe(scalar)
      .add(ORDER_8.multiplyUnsafe(BigInt(torsion)))
      .toBytes()
    encodings.set(name, bytes)
  }
  return bytes
}

function torsionCase(a: bigint, r: bigint, i: number, j: number, message: Uint8Array): TorsionCase {
  const [publicKey, R] = [encoded(a, i), encoded(r, j)]
  const digest = createHash('sha512').update(R).update(publicKey).update(message).digest()
  const k = BigInt(`0x${digest.reverse().toString('hex')}`) % ORDER
  const S = Buffer.from(((r + k * a) % ORDER).toString(16).padStart(64, '0'), 'hex').reverse()
  const holds = (BigInt(j) + k * BigInt(i)) % 8n === 0n
  return { publicKey, message, signature: Uint8Array.from([...R, ...S]), expected: holds && a !== 0n && r !== 0n }
}

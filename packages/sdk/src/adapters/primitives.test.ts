import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  describeVectorFile,
  ofHex,
  type SignatureCase,
  type SignatureGroup,
  type Wycheproof,
} from '../../test/crypto-vectors.ts'
import { torsionCases } from '../../test/torsion-cases.ts'
import { passesEd25519Gate } from './ed25519-gate.ts'
import * as noble from './noble/primitives.ts'
import * as node from './node/primitives.ts'
import { describePrimitives } from './primitives.contract.ts'
import type { Primitives } from './primitives.ts'
import * as web from './web/primitives.ts'

const ADAPTERS: Readonly<Record<string, Primitives>> = { node, web, noble }
for (const [name, primitives] of Object.entries(ADAPTERS)) describePrimitives(name, primitives)

/** One character per case, so that two runtimes can be compared by eye and by `===`. */
async function verdicts(primitives: Primitives, cases: readonly SignatureCase[]): Promise<string> {
  let text = ''
  for (const { publicKey, message, signature } of cases) {
    text += (await primitives.verifyEd25519(publicKey, message, signature)) ? '1' : '0'
  }
  return text
}

async function expectOneVerdict(cases: readonly SignatureCase[], expected: string): Promise<void> {
  for (const [name, primitives] of Object.entries(ADAPTERS)) {
    expect({ name, bits: await verdicts(primitives, cases) }).toEqual({ name, bits: expected })
  }
}

describe('the one Ed25519 verdict', () => {
  it('is the same under torsion, and what the rule says', { timeout: 60_000 }, async () => {
    const cases = torsionCases(18)
    expect(cases.length).toBeGreaterThanOrEqual(2400)
    const expected = cases.map((each) => (each.expected ? '1' : '0')).join('')
    // Neither a back end with a cofactor (all of them) nor one that refuses all torsion (one pair in 64) would fit.
    expect(expected.split('1').length - 1).toBeGreaterThan(cases.length / 16)
    await expectOneVerdict(cases, expected)
  })

  it('is the same for mutations of a good signature', async () => {
    const key = node.createEd25519Key(new Uint8Array(32).fill(9))
    const message = Uint8Array.of(1, 2, 3)
    const signature = key.sign(message)
    const byte = fc.nat(255)
    const mutated = fc
      .array(fc.tuple(fc.nat(95), byte), { minLength: 1, maxLength: 3 })
      .map((changes): SignatureCase => {
        const both = Uint8Array.of(...key.publicKey, ...signature)
        for (const [at, value] of changes) both[at] = value
        return { publicKey: both.slice(0, 32), message, signature: both.slice(32) }
      })
    const cases = fc.sample(mutated, { numRuns: 300, seed: 11 })
    await expectOneVerdict(cases, await verdicts(node, cases))
    await expectOneVerdict([{ publicKey: key.publicKey, message, signature }], '1')
  })

  describeVectorFile<Wycheproof<SignatureGroup>>('wycheproof/ed25519_test.json', (file) => {
    it('is the same for all 151', async () => {
      const tests = file.testGroups.flatMap(({ publicKey, tests }) =>
        tests.map((test) => ({ ...test, pk: publicKey.pk })),
      )
      expect(tests).toHaveLength(151)
      const cases = tests.map(({ pk, msg, sig }) => ({
        publicKey: ofHex(pk),
        message: ofHex(msg),
        signature: ofHex(sig),
      }))
      await expectOneVerdict(cases, tests.map(({ result }) => (result === 'valid' ? '1' : '0')).join(''))
    })
  })

  describeVectorFile<Record<'message' | 'pub_key' | 'signature', string>[]>('ed25519/speccheck.json', (file) => {
    it('accepts number 3 of 12, counted from 0', async () => {
      const cases = file.map(({ message, pub_key, signature }) => ({
        publicKey: ofHex(pub_key),
        message: ofHex(message),
        signature: ofHex(signature),
      }))
      await expectOneVerdict(cases, '000100000000')
    })
  })
})

describe('passesEd25519Gate()', () => {
  const good = node.createEd25519Key(new Uint8Array(32).fill(1))
  const signature = good.sign(new Uint8Array(0))
  const R = signature.slice(0, 32)
  const S = signature.slice(32)
  const p = (2n ** 255n - 19n) as bigint
  const L = 2n ** 252n + 27742317777372353535851937790883648493n
  const littleEndian = (value: bigint) => Uint8Array.from(ofHex(value.toString(16).padStart(64, '0'))).reverse()
  const join = (r: Uint8Array, s: Uint8Array) => Uint8Array.of(...r, ...s)

  it('lets good ones through', () => {
    expect(passesEd25519Gate(good.publicKey, signature)).toBe(true)
    expect(passesEd25519Gate(littleEndian(p - 2n), join(littleEndian(2n), littleEndian(L - 1n)))).toBe(true)
    // Neighbours of the refused encodings: the same first and last byte, another in between.
    for (const near of [2n ** 8n, 1n + 2n ** 240n, p - 1n - 2n ** 100n, 2n ** 254n + 0x26n]) {
      expect(passesEd25519Gate(littleEndian(near), signature)).toBe(true)
    }
  })

  it.each([
    ['a short key', good.publicKey.slice(1), signature],
    ['a long key', Uint8Array.of(...good.publicKey, 0), signature],
    ['a short signature', good.publicKey, signature.slice(0, 63)],
    ['a long signature', good.publicKey, Uint8Array.of(...signature, 0)],
    ['S = L', good.publicKey, join(R, littleEndian(L))],
    ['S > L', good.publicKey, join(R, littleEndian(L + 1n))],
    ['S of all ones', good.publicKey, join(R, littleEndian(2n ** 256n - 1n))],
  ])('refuses %s', (_, publicKey, signature) => expect(passesEd25519Gate(publicKey, signature)).toBe(false))

  const order8 = [
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  ].map(ofHex)
  const refused = [0n, 1n, p - 1n, p, p + 1n, p + 18n].map(littleEndian).concat(order8)

  it.each(refused.map((point) => [Buffer.from(point).toString('hex'), point] as const))('refuses %s', (_, point) => {
    for (const sign of [0, 0x80]) {
      const signed = point.map((byte, i) => (i === 31 ? byte | sign : byte))
      expect(passesEd25519Gate(signed, signature)).toBe(false)
      expect(passesEd25519Gate(good.publicKey, join(signed, S))).toBe(false)
    }
  })
})

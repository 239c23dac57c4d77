import { expect, it } from 'vitest'
import { dhkemX25519, kemFor, type Suite } from './kem.ts'

it.each<Suite>([1, 2])('the KEM of suite %i takes no key and no encapsulation of another length', async (suite) => {
  const kem = await kemFor(suite)
  const { privateKey, publicKey } = kem.generate()
  expect(kem.encapsulate(publicKey.subarray(1))).toBeUndefined()
  const { enc } = kem.encapsulate(publicKey)!
  expect(kem.decapsulate(privateKey, enc.subarray(1))).toBeUndefined()
})

it('looks at lengths itself, whatever its curve does', () => {
  const shared = new Uint8Array(32).fill(1)
  const careless = dhkemX25519({
    publicKey: () => shared,
    keygen: () => ({ privateKey: shared, publicKey: shared }),
    agree: () => shared,
    agreeOnce: () => ({ shared, publicKey: shared }),
  })
  expect(careless.encapsulate(new Uint8Array(31))).toBeUndefined()
  expect(careless.decapsulate(shared, new Uint8Array(31))).toBeUndefined()
})

it('an X-Wing key is a seed of 32 bytes', async () => {
  const kem = await kemFor(2)
  expect(() => kem.publicKey(new Uint8Array(31))).toThrow(/seed has 31 bytes/)
  expect(() => kem.decapsulate(new Uint8Array(31), new Uint8Array(1120))).toThrow(/seed has 31 bytes/)
})

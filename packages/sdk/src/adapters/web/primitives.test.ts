import { expect, it } from 'vitest'
import { aeadOpen, aeadSeal, loadAead } from './primitives.ts'

it('says that the AEAD is to be loaded before it is used, and has it then', async () => {
  const [key, nonce, text] = [new Uint8Array(32), new Uint8Array(12), Uint8Array.of(1, 2, 3)]
  expect(() => aeadSeal(key, nonce, text, text)).toThrow('it is not loaded')
  expect(() => aeadOpen(key, nonce, text, text)).toThrow('it is not loaded')
  await loadAead()
  expect(aeadOpen(key, nonce, text, aeadSeal(key, nonce, text, text))).toEqual(text)
})

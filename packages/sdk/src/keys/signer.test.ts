import { describe, expect, it } from 'vitest'
import { utf8 } from '../bytes.ts'
import { verifyEd25519 } from './ed25519.ts'
import { checkedSigner, localSigner, type Signer } from './signer.ts'

const MESSAGE = utf8('DSSEv1 1 x 1 y')
const SEED = new Uint8Array(32).fill(4)
const FAILED = (message: RegExp) =>
  expect.objectContaining({ code: 'SIGNER_FAILED', message: expect.stringMatching(message) })

/** A remote signer that answers with whatever `answer` makes of the right signature. */
async function scriptedSigner(answer: (right: Uint8Array) => Uint8Array | Promise<Uint8Array>): Promise<Signer> {
  const local = await localSigner(SEED)
  return {
    publicKey: local.publicKey,
    sign: async (message) => (await answer(await local.sign(message))) as Uint8Array<ArrayBuffer>,
  }
}

describe('localSigner()', () => {
  it('signs for its key, and does not keep the seed array', async () => {
    const seed = SEED.slice()
    const signer = await localSigner(seed)
    seed.fill(0)
    expect(await verifyEd25519(signer.publicKey, MESSAGE, await signer.sign(MESSAGE))).toBe(true)
    expect(signer.publicKey).toEqual((await localSigner(SEED)).publicKey)
  })
})

describe('checkedSigner()', () => {
  it('hands on a right signature', async () => {
    const signer = checkedSigner(await scriptedSigner((right) => right))
    expect(await signer.sign(MESSAGE)).toEqual(await (await localSigner(SEED)).sign(MESSAGE))
  })

  it.each([
    ['one bit off', (right: Uint8Array) => right.map((byte, i) => (i === 40 ? byte ^ 1 : byte))],
    ['too short', (right: Uint8Array) => right.subarray(1)],
    ['empty', () => new Uint8Array(0)],
    ['of another message', async () => (await localSigner(SEED)).sign(utf8('other'))],
    ['of another key', async () => (await localSigner(new Uint8Array(32).fill(5))).sign(MESSAGE)],
  ])('refuses a signature that is %s', async (_, answer) => {
    const signer = checkedSigner(await scriptedSigner(answer))
    await expect(signer.sign(MESSAGE)).rejects.toThrow(FAILED(/does not verify/))
  })

  it('says that the signer failed and keeps the cause', async () => {
    const cause = new Error('throttled')
    const signer = checkedSigner(await scriptedSigner(() => Promise.reject(cause)))
    await expect(signer.sign(MESSAGE)).rejects.toThrow(FAILED(/the signer failed/))
    await expect(signer.sign(MESSAGE)).rejects.toThrow(expect.objectContaining({ cause }))
  })

  it('verifies under the key it was made with, and over the bytes it was given', async () => {
    const other = await localSigner(new Uint8Array(32).fill(5))
    let now = await localSigner(SEED)
    const turncoat: Signer = {
      get publicKey() {
        return now.publicKey
      },
      sign: (message) => now.sign(message),
    }
    const signer = checkedSigner(turncoat)
    now = other
    await expect(signer.sign(MESSAGE)).rejects.toThrow(FAILED(/does not verify/))

    const local = await localSigner(SEED)
    const rewriting = checkedSigner({
      publicKey: local.publicKey,
      sign: (message) => local.sign(message.fill(0)),
    })
    await expect(rewriting.sign(MESSAGE.slice())).rejects.toThrow(FAILED(/does not verify/))
  })

  it('wants a key of 32 bytes', () => {
    expect(() => checkedSigner({ publicKey: new Uint8Array(33), sign: () => new Uint8Array(64) })).toThrow(RangeError)
  })
})

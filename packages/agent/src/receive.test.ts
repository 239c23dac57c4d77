import { encode, KeyChain } from '@mystranet/schemas/messages'
import { rememberCheckpoints } from '@mystranet/sdk/proof/receipt'
import { describe, expect, it } from 'vitest'
import { loggingRouter } from '../test/logging-router.ts'
import { rememberChains } from './receive.ts'

describe('rememberChains()', () => {
  it('verifies the same bytes once, and every other chain anew', async () => {
    const router = await loggingRouter({ now: () => 1_780_000_000_000 })
    const { chain, instance } = router.alice
    const { trust } = router.log
    let asked = 0
    const checkpoints = (note: Uint8Array) => {
      asked += 1
      return rememberCheckpoints(trust)(note)
    }
    const verify = rememberChains(trust)
    const bytes = encode(KeyChain, { events: chain })
    const first = await verify(instance, bytes, checkpoints)
    expect(asked).toBe(chain.length)
    expect(await verify(instance, bytes.slice(), checkpoints)).toBe(first)
    expect(asked).toBe(chain.length)
    const shorter = encode(KeyChain, { events: chain.slice(0, 1) })
    expect((await verify(instance, shorter, checkpoints)).events).toHaveLength(1)
    const stranger = verify(new Uint8Array(32), bytes, checkpoints)
    await expect(stranger).rejects.toMatchObject({ code: 'KEY_EVENT_INVALID' })
  })
})

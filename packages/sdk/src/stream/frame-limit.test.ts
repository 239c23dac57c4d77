import { expect, it, vi } from 'vitest'
import { createFrameWriter } from './frame.ts'

// A million frames would take the test as long as the rest of them.
vi.mock('@mystranet/schemas/limits', async (original) => ({ ...(await original<object>()), MAX_FRAMES: 2 }))

it('a stream has no more frames than the limit', () => {
  const writer = createFrameWriter(new Uint8Array(32), { key: new Uint8Array(32), nonce: new Uint8Array(12) })
  for (let i = 0; i < 2; i++) writer.write(new Uint8Array(1), false)
  expect(() => writer.write(new Uint8Array(1), false)).toThrow(/Cannot write frame 2/)
})

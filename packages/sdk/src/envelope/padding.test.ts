import { MAX_FRAME_CONTENT_BYTES, MAX_PADDED_BYTES } from '@mystranet/schemas/limits'
import { expect, it } from 'vitest'
import { pad, padFrame, unpadFrame } from './padding.ts'

it('pads nothing that exceeds a packet', () => {
  const large = new Uint8Array(MAX_PADDED_BYTES - 35)
  expect(() => pad(new Uint8Array(32), large)).toThrow(expect.objectContaining({ code: 'PACKET_TOO_LARGE' }))
})

it('frames nothing that exceeds a frame', () => {
  expect(() => padFrame(new Uint8Array(MAX_FRAME_CONTENT_BYTES + 1))).toThrow(RangeError)
})

it('opens no frame in a larger bucket than its own', () => {
  expect(() => unpadFrame(new Uint8Array(256))).toThrow(/padding is not that of its length/)
})

import { expect, it } from 'vitest'
import type { ByteSource } from './source.ts'

/** What every `ByteSource` holds. @param open A source of exactly these bytes. */
export function byteSourceContract(open: (bytes: Uint8Array) => Promise<ByteSource>): void {
  const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 31) & 0xff)

  it('knows its length', async () => {
    expect((await open(bytes)).size).toBe(bytes.length)
  })

  it('gives exactly what is asked for, in any order', async () => {
    const source = await open(bytes)
    for (const [offset, length] of [
      [0, bytes.length],
      [299_999, 1],
      [0, 1],
      [100, 70_000],
      [50, 100],
    ] as const) {
      expect(await source.read(offset, length)).toEqual(bytes.subarray(offset, offset + length))
    }
  })

  it('gives nothing where nothing is asked for', async () => {
    expect(await (await open(bytes)).read(10, 0)).toHaveLength(0)
  })
}

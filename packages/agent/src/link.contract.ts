import type { RouterMessage } from '@mystranet/schemas/link'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Link } from './ports.ts'

/** Both ends of a link under test. */
export interface LinkUnderTest {
  readonly link: Link
  /** What the router sends. */
  push(message: RouterMessage): void
  /** What the router got so far, in order. */
  received(): readonly unknown[]
  /** The router goes away. */
  end(): void
}

/** The contract of {@link Link}. */
export function describeLink(name: string, create: () => Promise<LinkUnderTest>): void {
  describe(`${name} is a Link`, () => {
    let given: LinkUnderTest
    beforeEach(async () => {
      given = await create()
    })
    const until = async (look: () => boolean) => {
      const deadline = performance.now() + 5_000
      while (!look()) {
        if (performance.now() > deadline) throw new Error('it did not come')
        await new Promise((resolve) => setTimeout(resolve, 2))
      }
    }

    it('brings every message to the router in order, bytes as bytes', async () => {
      const frame = Uint8Array.from({ length: 70_000 }, (_, i) => i)
      for (let i = 0; i < 50; i++) given.link.send({ type: 'progress', lease: `${i}` })
      given.link.send({ type: 'frame', request: new Uint8Array(32).fill(1), frame })
      await until(() => given.received().length === 51)
      const received = given.received() as { lease?: string; frame?: Uint8Array }[]
      expect(received.slice(0, 50).map(({ lease }) => lease)).toEqual(Array.from({ length: 50 }, (_, i) => `${i}`))
      expect(received[50]?.frame).toBeInstanceOf(Uint8Array)
      expect(Buffer.compare(received[50]?.frame as Uint8Array, frame)).toBe(0)
    })

    it('brings every message to the agent in order, also those that came before it read', async () => {
      for (let i = 0; i < 20; i++) given.push({ type: 'refused', id: i, code: 'LOG_BUSY', message: '' })
      given.push({ type: 'done', id: 20, receipts: [new Uint8Array([1, 2]), new Uint8Array(0)] })
      const ids: number[] = []
      for await (const message of given.link.messages) {
        if (message.type !== 'done' && message.type !== 'refused') continue
        ids.push(message.id)
        if (message.type === 'done') {
          expect(message.receipts.map((each) => [...each])).toEqual([[1, 2], []])
          break
        }
      }
      expect(ids).toEqual(Array.from({ length: 21 }, (_, i) => i))
    })

    it('ends when the router goes away; sending into it is harmless', async () => {
      given.push({ type: 'drain' })
      const seen: string[] = []
      const reading = (async () => {
        for await (const { type } of given.link.messages) {
          seen.push(type)
          given.end()
        }
      })()
      await reading
      expect(seen).toEqual(['drain'])
      given.link.send({ type: 'progress', lease: 'late' })
      await given.link.close()
    })

    it('hands over what was sent before it is closed, ends, and may be closed twice', async () => {
      for (let i = 0; i < 100; i++) given.link.send({ type: 'log', line: 'x'.repeat(5_000) })
      const reading = (async () => {
        for await (const _ of given.link.messages) throw new Error('nothing was sent')
      })()
      await given.link.close()
      await given.link.close()
      await reading
      await until(() => given.received().length === 100)
    })
  })
}

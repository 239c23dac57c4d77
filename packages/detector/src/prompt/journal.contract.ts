import { beforeEach, describe, expect, it } from 'vitest'
import type { Journal } from './journal.ts'

/** What every {@link Journal} does. `reopened` gives the journal as the next program finds it. */
export function describeJournal(
  name: string,
  create: () => Promise<{ journal: Journal; reopened(): Promise<Journal> }>,
) {
  describe(`the journal ${name}`, () => {
    let made: Awaited<ReturnType<typeof create>>
    beforeEach(async () => {
      made = await create()
    })

    it('is empty at first', async () => {
      expect(await made.journal.read()).toEqual([])
    })

    it('gives the lines in their order, now and to the next program', async () => {
      const lines = ['{"a":1}', '', 'ä — 漢 🙂', 'x'.repeat(100_000)]
      for (const line of lines) await made.journal.append(line)
      expect(await made.journal.read()).toEqual(lines)
      const next = await made.reopened()
      expect(await next.read()).toEqual(lines)
      await next.append('more')
      expect(await next.read()).toEqual([...lines, 'more'])
    })
  })
}

/** Records and sweeps made by hand, for tests. */
import { nothingOpen } from '../src/l7/book.ts'
import type { HttpRecord, OpenRecord } from '../src/l7/record.ts'

/** A GET that was answered, but for what is said otherwise. */
export const recordOf = (over: Partial<HttpRecord> = {}): HttpRecord => ({
  client: '192.0.2.1',
  startMs: over.endMs ?? 0,
  headMs: 0,
  bodyMs: 0,
  endMs: 0,
  bytesIn: 100,
  status: 200,
  isPost: false,
  path: 'keys',
  target: 1,
  isFirst: false,
  ...over,
})

export const openOf = (over: Partial<OpenRecord> = {}): OpenRecord => ({ ...nothingOpen('192.0.2.1'), ...over })

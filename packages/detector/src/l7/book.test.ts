import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { connectionBook } from './book.ts'
import { clientOf, type HttpRecord, type OpenRecord, pathClassOf, targetHash } from './record.ts'

/** A book under a clock that stands until it is moved, and what it told. */
function setup(maxConnections?: number) {
  const records: HttpRecord[] = []
  let open: readonly OpenRecord[] = []
  const clock = { nowMs: 1_000 }
  const observer = {
    record: (one: HttpRecord) => void records.push(one),
    sweep(all: readonly OpenRecord[]) {
      open = all
    },
  }
  const book = connectionBook(observer, () => clock.nowMs, maxConnections)
  const sweep = (): OpenRecord | undefined => {
    book.sweep()
    return open[0]
  }
  return { book, clock, records, sweep, swept: () => open }
}

describe('the book of connections', () => {
  it('tells of a request as it ended', () => {
    const { book, clock, records } = setup()
    let bytes = 0
    const connection = book.opened('192.0.2.1', () => bytes)!
    bytes = 300
    const exchange = connection.head('POST', '/v1/packets', true)
    clock.nowMs += 40
    bytes = 1_300
    exchange.bodyDone()
    exchange.bodyDone()
    clock.nowMs += 10
    exchange.ended(202)
    exchange.ended(500)
    expect(records).toEqual([
      {
        client: '192.0.2.1',
        startMs: 1_000,
        headMs: 0,
        bodyMs: 40,
        endMs: 1_050,
        bytesIn: 1_300,
        status: 202,
        isPost: true,
        path: 'packets',
        target: targetHash('/v1/packets'),
        isFirst: true,
      },
    ])
    bytes = 1_500
    connection.head('GET', '/health', false).ended(200)
    expect(records[1]).toMatchObject({ isFirst: false, bytesIn: 200, bodyMs: 0, isPost: false, path: 'health' })
    connection.closed()
    expect(records).toHaveLength(2)
  })

  it('counts a head that does not end by its age, and says how long it took when it ends', () => {
    const { book, clock, records, sweep } = setup()
    let bytes = 0
    const connection = book.opened('a', () => bytes)!
    expect(sweep()).toMatchObject({ connections: 1, heads: 0, silent: 0 })
    bytes = 20
    expect(sweep()).toMatchObject({ heads: 1, slowHeads: 0, headMs: 0 })
    clock.nowMs += 1_999
    expect(sweep()).toMatchObject({ heads: 1, slowHeads: 0, headMs: 1_999 })
    clock.nowMs += 1
    expect(sweep()).toMatchObject({ heads: 1, slowHeads: 1, headMs: 2_000 })
    connection.head('GET', '/', false).ended(200)
    expect(records[0]).toMatchObject({ headMs: 2_000 })
    expect(sweep()).toMatchObject({ connections: 1, heads: 0, slowHeads: 0 })
    bytes = 30
    expect(sweep()).toMatchObject({ heads: 1, slowHeads: 0 })
  })

  it('counts a connection without a byte after four seconds, and one at rest never', () => {
    const { book, clock, sweep } = setup()
    book.opened('a', () => 0)
    const used = book.opened('a', () => 50)!
    used.head('GET', '/', false).ended(200)
    clock.nowMs += 3_999
    expect(sweep()).toMatchObject({ connections: 2, silent: 0 })
    clock.nowMs += 1
    expect(sweep()).toMatchObject({ connections: 2, silent: 1, heads: 0 })
  })

  it('counts a body as slow under a kilobyte a second after two seconds', () => {
    const { book, clock, sweep } = setup()
    let bytes = 200
    const exchange = book.opened('a', () => bytes)!.head('POST', '/v1/packets', true)
    clock.nowMs += 2_000
    bytes = 200 + 2_047
    expect(sweep()).toMatchObject({ bodies: 1, slowBodies: 1, bodyMs: 2_000, bodyBytes: 2_047 })
    bytes = 200 + 2_048
    expect(sweep()).toMatchObject({ bodies: 1, slowBodies: 0, bodyBytes: 2_048 })
    exchange.bodyDone()
    expect(sweep()).toMatchObject({ bodies: 0, answers: 1 })
  })

  it('tells of what ended without a whole head or body', () => {
    const { book, records } = setup()
    let bytes = 0
    const silent = book.opened('a', () => bytes)!
    const half = book.opened('a', () => bytes)!
    const body = book.opened('a', () => bytes)!
    bytes = 10
    body.head('POST', '/x', true).ended(0)
    silent.closed()
    half.closed()
    half.closed()
    expect(records).toMatchObject([
      { bodyMs: Number.NaN, status: 0, path: 'other' },
      { headMs: Number.NaN, path: 'none', target: 0, status: 0, bytesIn: 10 },
      { headMs: Number.NaN, path: 'none' },
    ])
    expect(records).toHaveLength(3)
  })

  it('keeps no more connections than it may', () => {
    const { book, swept } = setup(2)
    const first = book.opened('a', () => 0)!
    expect(book.opened('b', () => 0)).toBeDefined()
    expect(book.opened('c', () => 0)).toBeUndefined()
    book.sweep()
    expect(swept().map(({ client }) => client)).toEqual(['a', 'b'])
    expect(book.counts).toEqual({ open: 2, unbooked: 1 })
    first.closed()
    expect(book.opened('c', () => 0)).toBeDefined()
    expect(() => setup(0)).toThrow(RangeError)
  })
})

describe('what a record says of whom and what', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['unknown', 'unknown'],
  ])('%s counts for %s', (address, client) => expect(clientOf(address)).toBe(client))

  it.each([
    ['/v1/packets', 'packets'],
    ['/v1/packets?x', 'packets'],
    ['/v1/packets/00/answer', 'answers'],
    ['/v1/routes', 'keys'],
    ['/log/tile/0/000', 'log'],
    ['/readyz', 'health'],
    ['/', 'other'],
    ['', 'other'],
  ])('%s is %s', (target, path) => expect(pathClassOf(target)).toBe(path))

  it('takes any text of strangers', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 2_000 }), (text) => {
        expect(clientOf(text).length).toBeLessThanOrEqual(64)
        expect(targetHash(text)).toBeGreaterThan(0)
        expect(targetHash(text)).toBe(targetHash(text))
        pathClassOf(text)
      }),
      { seed: 5, numRuns: 500 },
    )
    expect(targetHash('/a')).not.toBe(targetHash('/b'))
    expect(targetHash('a'.repeat(256))).toBe(targetHash('a'.repeat(300)))
  })
})

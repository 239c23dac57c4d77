import { describe, expect, it } from 'vitest'
import {
  agent,
  answered,
  factOf,
  packetOf,
  partitionOf,
  partyOf,
  START_MS,
  type Story,
  sender,
  story,
  table,
} from '../../test/log-story.ts'
import { INVARIANTS, type InvariantId, type LogAudit, logAudit } from './audit.ts'
import type { LogEntry } from './entry.ts'

const isStory = (own: Story | readonly LogEntry[]): own is Story => !Array.isArray(own)

/** Ids of what is found, in order of the first finding of each. */
function found(own: Story | readonly LogEntry[], around: (audit: LogAudit) => void = () => {}): string[] {
  const ids = new Set<string>()
  const audit = logAudit(({ id, group, severity, message, confidence }) => {
    expect({ group, confidence }).toEqual({ group: 'invariant', confidence: 1 })
    expect(severity).toBe(INVARIANTS[id as InvariantId].severity)
    expect(message).toMatch(/^\S.*\.$/)
    ids.add(id)
  })
  const entries = isStory(own) ? own.entries : own
  for (const entry of entries) audit.leaf(entry)
  around(audit)
  return [...ids]
}

/** Lets so much time pass, with something happening every 20 s. */
const passing = (ms: number) => (audit: LogAudit) => {
  for (let at = 0; at <= ms; at += 20_000) audit.tick(START_MS + 10_000 + at)
}

function begun(): Story {
  const own = story()
  own.table()
  answered(own, 'first')
  return own
}

describe('an honest log', () => {
  it('has no findings, through retries, dead letters, replays, cancels and voids', () => {
    const own = begun()
    own.request('refused')
    own.attempt('refused', 1)
    own.reply('refused', 'nack', 1, 70)
    own.attempt('refused', 2)
    own.reply('refused', 'stream-close', 2, 3)
    own.request('late')
    own.attempt('late', 1)
    own.atMs += 12_000
    own.attempt('late', 2)
    own.end('late', 'dead-letter', 2)
    own.end('late', 'replay', 3)
    own.attempt('late', 3)
    own.reply('late', 'stream-open', 3)
    own.reply('late', 'stream-close', 3, 3)
    own.request('cut')
    own.attempt('cut', 1)
    own.reply('cut', 'stream-close', 1, 8)
    own.attempt('cut', 2)
    own.reply('cut', 'stream-close', 2, 3)
    own.request('void')
    own.end('void', 'void', 1)
    own.request('cancelled')
    own.attempt('cancelled', 1)
    own.end('cancelled', 'cancel', 0)
    expect(found(own, passing(3_600_000))).toEqual([])
  })

  it('may be watched from its middle on', () => {
    const own = begun()
    answered(own, 'second')
    for (let from = 0; from < own.entries.length; from++) expect(found(own.entries.slice(from))).toEqual([])
  })

  it('may rest for a night: what was open is ended when the router is up again', () => {
    const own = begun()
    own.request('open')
    own.attempt('open', 1)
    own.atMs += 8 * 3_600_000
    answered(own, 'morning')
    own.end('open', 'dead-letter', 1)
    expect(found(own, (audit) => audit.tick(START_MS + own.atMs + 30_000))).toEqual([])
  })
})

type Case = readonly [id: InvariantId, what: string, tamper: (own: Story) => void]

const CASES: readonly Case[] = [
  ['index-gap', 'a leaf is left out', (own) => push(own, { ...next(own), index: 99 })],
  ['time-backwards', 'a leaf is older than the one before', (own) => push(own, { ...next(own), timeMs: START_MS })],
  ['partition-sequence', 'a place of a partition is skipped', (own) => push(own, { ...next(own), seq: 4n })],
  ['partition-link', 'a leaf names another predecessor', (own) => push(own, { ...next(own), previous: table })],
  [
    'packet-replayed',
    'a packet is logged twice',
    (own) => own.add({ kind: 'request', partition: partitionOf('y'), subject: packetOf('first') }),
  ],
  ['no-request', 'an attempt without its request', (own) => own.attempt('x', 1)],
  [
    'no-request',
    'an attempt of another packet',
    (own) => {
      own.request('x')
      own.add({ kind: 'attempt', partition: partitionOf('x'), subject: packetOf('y'), attempt: 1, commitment: table })
    },
  ],
  [
    'request-twice',
    'two requests with one correlation id',
    (own) => own.add({ kind: 'request', partition: partitionOf('first'), subject: packetOf('y') }),
  ],
  [
    'attempt-sequence',
    'an attempt is left out',
    (own) => {
      own.request('x')
      own.attempt('x', 1)
      own.reply('x', 'nack', 1, 70)
      own.attempt('x', 3)
    },
  ],
  [
    'attempt-early',
    'the next attempt does not wait',
    (own) => {
      own.request('x')
      own.attempt('x', 1)
      own.attempt('x', 2)
    },
  ],
  ['attempt-after-complete', 'a complete answer is not the end', (own) => own.attempt('first', 2)],
  [
    'attempt-after-end',
    'a dead letter goes on without a replay',
    (own) => {
      own.request('x')
      own.attempt('x', 1)
      own.end('x', 'dead-letter', 1)
      own.attempt('x', 2)
    },
  ],
  ['reply-without-attempt', 'an OPEN of no attempt', (own) => own.reply('first', 'stream-open', 2)],
  [
    'reply-by-stranger',
    'another agent answers',
    (own) => {
      own.request('x')
      own.attempt('x', 1)
      own.reply('x', 'stream-close', 1, 3, partyOf('stranger'))
    },
  ],
  [
    'reply-twice',
    'an attempt ends twice',
    (own) => {
      own.request('x')
      own.attempt('x', 1)
      own.reply('x', 'nack', 1, 70)
      own.reply('x', 'stream-close', 1, 8)
    },
  ],
  [
    'complete-twice',
    'two complete answers',
    (own) => {
      own.request('x')
      own.attempt('x', 1)
      own.atMs += 12_000
      own.attempt('x', 2)
      own.reply('x', 'stream-close', 1, 3)
      own.reply('x', 'stream-close', 2, 5)
    },
  ],
  ['sequence-reused', 'a sequence number has two packets', (own) => own.request('x', { seq: 1n })],
  [
    'epoch-back',
    'a sender takes an old epoch up again',
    (own) => {
      for (const epoch of [6n, 7n, 4n]) own.request(`epoch ${epoch}`, { epoch })
    },
  ],
  [
    'table-unlogged',
    'an attempt under a table that nobody logged',
    (own) => {
      own.request('x')
      own.add({
        kind: 'attempt',
        partition: partitionOf('x'),
        subject: packetOf('x'),
        attempt: 1,
        commitment: packetOf('table'),
      })
    },
  ],
  [
    'table-back',
    'an old table comes back',
    (own) => {
      own.request('x')
      own.attempt('x', 1, { tableVersion: 1n })
    },
  ],
]

/** A request is added, and its attempt given back. */
function next(own: Story): LogEntry {
  own.request('x')
  own.attempt('x', 1)
  return own.entries.pop() as LogEntry
}
function push(own: Story, entry: LogEntry): void {
  own.entries.push(entry)
}

describe('a log that is not coherent', () => {
  for (const [id, what, tamper] of CASES) {
    it(`${id}: ${what}`, () => {
      const own = begun()
      expect(found(own)).toEqual([])
      tamper(own)
      expect(found(own)).toContain(id)
    })
  }

  it('table-back: the table before the one in force counts for ten minutes and a lifetime', () => {
    const own = begun()
    own.request('x')
    own.attempt('x', 1, { tableVersion: 2n })
    expect(found(own)).toEqual([])
    own.atMs += 1_300_000
    own.request('y')
    own.attempt('y', 1, { tableVersion: 2n })
    expect(found(own)).toContain('table-back')
  })

  it('table-chain: a version is skipped, or names another table before it', () => {
    const first = { timeMs: START_MS, version: 3n, digest: table }
    const next = { timeMs: START_MS, version: 4n, digest: packetOf('4'), previous: table }
    expect(found([], (audit) => [first, first, next].forEach(audit.table))).toEqual([])
    for (const bad of [
      { ...next, version: 5n },
      { ...next, version: 3n },
      { ...next, previous: packetOf('other') },
    ]) {
      expect(found([], (audit) => [first, bad].forEach(audit.table))).toEqual(['table-chain'])
    }
  })

  it('checkpoint-fork, checkpoint-shrunk: two roots of one size; a smaller tree after a larger', () => {
    const one = { origin: 'log.example', treeSize: 8n, rootHash: table }
    const larger = { ...one, treeSize: 9n, rootHash: packetOf('9') }
    const elsewhere = { ...one, origin: 'other.example', treeSize: 2n }
    expect(found([], (audit) => [one, one, larger, elsewhere].forEach(audit.checkpoint))).toEqual([])
    expect(found([], (audit) => [one, { ...one, rootHash: packetOf('8') }].forEach(audit.checkpoint))).toEqual([
      'checkpoint-fork',
    ])
    expect(found([], (audit) => [larger, one].forEach(audit.checkpoint))).toEqual(['checkpoint-shrunk'])
  })

  it('attempt-missing, ending-missing: what is never given to an agent, and what never ends', () => {
    const own = begun()
    own.request('x')
    expect(found(own, passing(600_000))).toEqual([])
    expect(found(own, passing(900_000))).toEqual(['attempt-missing'])
    own.attempt('x', 1)
    own.reply('x', 'ack', 1, 1)
    expect(found(own, passing(900_000))).toEqual(['ending-missing'])
    own.reply('x', 'stream-open', 1)
    expect(found(own, passing(900_000))).toEqual([])
    expect(found(own, passing(7 * 3_600_000))).toEqual(['ending-missing'])
  })

  it('ending-missing: in a log where little happens, too', () => {
    const own = begun()
    own.request('x')
    own.attempt('x', 1)
    for (const name of ['noon', 'evening', 'night']) {
      own.atMs += 4 * 3_600_000
      answered(own, name)
    }
    expect(found(own)).toEqual(['ending-missing'])
  })
})

describe('a log against what is known beside it', () => {
  it('revoked-key, chain-head: a key is used after the leaf that ends it', () => {
    const delegation = {
      index: 0,
      instance: sender.instance,
      digest: packetOf('delegation'),
      event: 'delegation',
      key: packetOf('op'),
    } as const
    const revocation = { ...delegation, digest: packetOf('revocation'), event: 'revocation', key: sender.key } as const
    const judged = (head: Uint8Array, ...keys: readonly (typeof delegation | typeof revocation)[]) => {
      const own = begun()
      own.request('x', { chainHead: head })
      const [entry] = own.entries.splice(-1)
      return found(own, (audit) => {
        keys.forEach(audit.key)
        audit.leaf(entry as LogEntry)
      })
    }
    expect(judged(delegation.digest, delegation)).toEqual([])
    expect(judged(delegation.digest, delegation, revocation)).toEqual(['revoked-key', 'chain-head'])
    expect(judged(revocation.digest, delegation, { ...revocation, key: packetOf('other key') })).toEqual([])
    expect(judged(delegation.digest, delegation, { ...revocation, key: packetOf('other key') })).toEqual(['chain-head'])
  })

  it('taken-unlogged: the router took a packet, and the log does not have it', () => {
    const own = begun()
    const request = own.request('x')
    own.attempt('x', 1)
    own.end('x', 'cancel', 0)
    const [, first] = own.entries
    const facts = [factOf(first as LogEntry), factOf(request)]
    const after = (lost?: LogEntry) => {
      const ids: string[] = []
      const audit = logAudit(({ id }) => ids.push(id))
      for (const fact of facts) audit.packet(fact)
      for (const entry of own.entries) if (entry !== lost) audit.leaf(entry)
      passing(600_000)(audit)
      return ids
    }
    expect(after()).toEqual([])
    expect(after(request)).toContain('taken-unlogged')
  })

  it('logged-unseen: the log has a request that never came in', () => {
    const own = begun()
    const request = own.request('x')
    own.attempt('x', 1)
    own.end('x', 'cancel', 0)
    const ids = (facts: readonly LogEntry[]) =>
      found([], (audit) => {
        audit.packet(factOf(own.entries[1] as LogEntry))
        for (const entry of own.entries) {
          if (facts.includes(entry)) audit.packet(factOf(entry))
          audit.leaf(entry)
        }
        passing(600_000)(audit)
      })
    expect(ids([request])).toEqual([])
    expect(ids([])).toEqual(['logged-unseen'])
  })

  it('sequence-gap: numbers that are neither in the log nor refused', () => {
    const judged = (lost: bigint, refused: boolean) => {
      const own = begun()
      const ids = new Set<string>()
      const audit = logAudit(({ id }) => ids.add(id))
      const take = (entry: LogEntry) => {
        audit.packet(factOf(entry))
        audit.leaf(entry)
      }
      for (const entry of own.entries) audit.leaf(entry)
      for (let seq = 2n; seq < 3_000n; seq += 1n) {
        const entry = own.request(`${seq}`, { seq })
        if (seq !== lost) take({ ...entry, index: seq > lost ? entry.index - 1 : entry.index })
        else if (refused) audit.packet(factOf(entry, 'RATE_LIMITED'))
      }
      return [...ids].filter((id) => id === 'sequence-gap')
    }
    expect(judged(50n, false)).toEqual(['sequence-gap'])
    expect(judged(50n, true)).toEqual([])
    expect(judged(0n, false)).toEqual([])
  })

  it('flow-unlogged, log-unflowed: more traffic than packets, and packets without traffic', () => {
    const judged = (packetBytes: number, flowBytes: number, before = 1) => {
      const own = story()
      own.table()
      const request = own.request('x')
      own.attempt('x', 1)
      return found([], (audit) => {
        audit.flow({ agent: agent.instance, timeMs: START_MS - 4 * 3_600_000, bytes: before })
        audit.packet({ ...factOf(request), bytes: packetBytes })
        own.entries.forEach(audit.leaf)
        audit.flow({ agent: agent.instance, timeMs: START_MS + 60_000, bytes: flowBytes })
        own.end('x', 'cancel', 0)
        audit.leaf(own.entries.at(-1) as LogEntry)
        audit.tick(START_MS + 4 * 3_600_000)
      })
    }
    expect(judged(2_000_000, 2_200_000)).toEqual([])
    expect(judged(2_000_000, 8_000_000)).toEqual(['flow-unlogged'])
    expect(judged(2_000_000, 900_000)).toEqual(['log-unflowed'])
    expect(judged(200_000, 80_000)).toEqual([])
  })
})

describe('limits', () => {
  it('what was forgotten is not judged', () => {
    const own = begun()
    for (let i = 0; i < 20; i++) answered(own, `n${i}`)
    own.end('first', 'replay', 2)
    const ids: string[] = []
    const audit = logAudit(({ id }) => ids.push(id), { maxPartitions: 8, maxRequests: 8 })
    own.entries.forEach(audit.leaf)
    expect(ids).toEqual([])
  })

  it('every invariant has its test here', () => {
    const apart = [
      'table-chain',
      'checkpoint-shrunk',
      'checkpoint-fork',
      'attempt-missing',
      'ending-missing',
      'revoked-key',
      'chain-head',
      'taken-unlogged',
      'logged-unseen',
      'sequence-gap',
      'flow-unlogged',
      'log-unflowed',
    ]
    expect(new Set([...CASES.map(([id]) => id), ...apart])).toEqual(new Set(Object.keys(INVARIANTS)))
    expect(() => logAudit(() => {}, { maxSenders: 0 })).toThrow(RangeError)
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { testSigner } from '../../test/note-keys.ts'
import { concat, utf8 } from '../bytes.ts'
import { encodeVkey } from './note.ts'
import { encodePolicy, holdsIndependently, holdsQuorum, type Policy, parsePolicy } from './policy.ts'

const signers = Array.from({ length: 8 }, (_, i) => testSigner(`key.test/${i}`, i + 1))
const logVkey = (i: number) => encodeVkey((signers[i] as (typeof signers)[0]).logKey)
const vkey = (i: number) => encodeVkey((signers[i] as (typeof signers)[0]).witnessKey)
const parse = (text: string) => parsePolicy(utf8(text))

const two = `log ${logVkey(0)} https://log.test/\n
# witnesses of X
witness X1 ${vkey(1)}
\twitness  X2\t${vkey(2)} https://x2.test/ \n  # more
witness X3 ${vkey(3)}
group X 2 X1 X2 X3
witness Y1 ${vkey(4)}
witness Y2 ${vkey(5)}
group Y any Y1 Y2
group both all X Y
quorum both
`

const INVALID = expect.objectContaining({ code: 'TRUST_FILE_INVALID' })

describe('parsePolicy()', () => {
  it('reads comments, blanks, tabs and groups of groups', () => {
    const policy = parse(two)
    expect(policy.logs).toEqual([{ key: signers[0]?.logKey, url: 'https://log.test/' }])
    expect(policy.witnesses.map(({ name, url }) => [name, url])).toEqual([
      ['X1', undefined],
      ['X2', 'https://x2.test/'],
      ['X3', undefined],
      ['Y1', undefined],
      ['Y2', undefined],
    ])
    expect(policy.groups).toEqual([
      { name: 'X', threshold: 2, members: ['X1', 'X2', 'X3'] },
      { name: 'Y', threshold: 1, members: ['Y1', 'Y2'] },
      { name: 'both', threshold: 2, members: ['X', 'Y'] },
    ])
    expect(policy.quorum).toBe('both')
  })

  it.each([
    ['log', 'log vkey [url]'],
    [`log ${logVkey(0)} https://log.test/ more`, 'log vkey [url]'],
    ['witness', 'witness name vkey [url]'],
    ['witness X', 'witness name vkey [url]'],
    [`witness X ${vkey(1)} https://x.test/ more`, 'witness name vkey [url]'],
    ['group', 'group name k member…'],
    ['group X', 'group name k member…'],
    ['group X 1', 'group name k member…'],
    ['quorum', 'quorum name'],
    ['quorum none none', 'quorum name'],
  ])('refuses “%s” by the number of its words', (line, form) => {
    expect(() => parse(`${line}\n`)).toThrow(INVALID)
    expect(() => parse(`${line}\n`)).toThrow(`line 1: wanted “${form}”`)
  })

  it('keeps octets that are not UTF-8 apart and whole', () => {
    const line = (name: number[], i: number) => concat(utf8('witness '), Uint8Array.from(name), utf8(` ${vkey(i)}\n`))
    const bytes = concat(
      line([0xe9], 1),
      line([0xc3, 0xa9], 2),
      line([0x4b], 3),
      line([0xe2, 0x84, 0xaa], 4),
      utf8('quorum none\n'),
    )
    const policy = parsePolicy(bytes)
    expect(new Set(policy.witnesses.map(({ name }) => name)).size).toBe(4)
    expect(encodePolicy(policy)).toEqual(bytes)
  })

  const w1 = `witness a ${vkey(1)}\n`
  const w2 = `witness b ${vkey(2)}\n`
  it.each([
    ['no quorum', w1, /no quorum line/],
    ['two quorums', `${w1}quorum a\nquorum a\n`, /line 3: a second quorum/],
    ['an undefined quorum', `${w1}quorum b\n`, /not defined above/],
    ['a quorum defined below', `quorum a\n${w1}`, /not defined above/],
    ['a missing final newline', 'quorum none', /lacks the newline/],
    ['an unknown keyword', 'constructor x\nquorum none\n', /unknown keyword/],
    ['a name twice', `${w1}witness a ${vkey(2)}\nquorum a\n`, /defined already/],
    ['a group named like a witness', `${w1}group a 1 a\nquorum a\n`, /defined already/],
    ['a witness named none', `witness none ${vkey(1)}\nquorum none\n`, /none is taken/],
    ['none as a member', `${w1}group g 1 none\nquorum g\n`, /not defined above/],
    [
      'one key for two witnesses',
      `${w1}witness b ${encodeVkey(testSigner('other', 2).witnessKey)}\nquorum a\n`,
      /the same key/,
    ],
    ['one key for two logs', `log ${logVkey(0)}\nlog ${logVkey(0)}\nquorum none\n`, /the same key/],
    ['a member of two groups', `${w1}${w2}group g 1 a b\ngroup h 1 a\nquorum g\n`, /in a group already/],
    ['a member twice', `${w1}group g 1 a a\nquorum g\n`, /in a group already/],
    ['a threshold of 0', `${w1}group g 0 a\nquorum g\n`, /threshold "0"/],
    ['a threshold above the members', `${w1}group g 2 a\nquorum g\n`, /threshold "2", wanted 1 to 1/],
    ['a threshold with a zero', `${w1}group g 01 a\nquorum g\n`, /threshold "01"/],
    ['a group without members', 'group g 1\nquorum g\n', /wanted “group/],
    ['a witness with a log key', `witness a ${logVkey(1)}\nquorum a\n`, /type 1, wanted 4/],
    ['a log with a witness key', `log ${vkey(1)}\nquorum none\n`, /type 4, wanted 1/],
    ['words after a log', `log ${logVkey(0)} u v\nquorum none\n`, /wanted “log/],
    ['words after a quorum', `${w1}quorum a b\n`, /wanted “quorum/],
    ['a carriage return', 'quorum none\r\n', /octet 13/],
    ['a delete character', '# \u007f\nquorum none\n', /octet 127/],
  ])('refuses %s', (_, text, guard) => {
    expect(() => parse(text)).toThrow(guard)
    expect(() => parse(text)).toThrow(INVALID)
  })

  it('accepts 64 groups and refuses 65', () => {
    const groups = (n: number) =>
      Array.from({ length: n }, (_, i) => `group g${i} 1 ${i === 0 ? 'a' : `g${i - 1}`}\n`).join('')
    expect(parse(`${w1}${groups(64)}quorum g0\n`).groups).toHaveLength(64)
    expect(() => parse(`${w1}${groups(65)}quorum g0\n`)).toThrow(/more than 64 groups/)
  })

  it('meets arbitrary bytes with TRUST_FILE_INVALID only, and encodes what it accepts', () => {
    const words = fc.constantFrom(
      'log',
      'witness',
      'group',
      'quorum',
      'a',
      'b',
      'none',
      '1',
      'all',
      vkey(1),
      logVkey(0),
      '\n',
      '#',
    )
    const texts = fc.array(words, { maxLength: 14 }).map((parts) => utf8(`${parts.join(' ')}\n`))
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), texts), (bytes) => {
        try {
          const policy = parsePolicy(bytes)
          expect(parsePolicy(encodePolicy(policy))).toEqual(policy)
        } catch (error) {
          expect(error).toEqual(INVALID)
        }
      }),
      { seed: 11, numRuns: 500 },
    )
  })
})

describe('encodePolicy()', () => {
  it('is the inverse of parsePolicy()', () => {
    const policy = parse(two)
    expect(parsePolicy(encodePolicy(policy))).toEqual(policy)
  })

  it('refuses a policy that would not parse', () => {
    expect(() => encodePolicy({ logs: [], witnesses: [], groups: [], quorum: 'x' })).toThrow(RangeError)
    expect(() => encodePolicy({ ...parse(two), quorum: 'both\nquorum none' })).toThrow(RangeError)
  })
})

describe('holdsQuorum()', () => {
  const policy = parse(two)
  it.each([
    [['X1', 'X3', 'Y2'], true],
    [['X1', 'X2', 'X3'], false],
    [['X1', 'Y1', 'Y2'], false],
    [['X', 'Y'], false],
    [['both'], false],
    [[], false],
  ])('judges %j: %s', (names, held) => expect(holdsQuorum(policy, names)).toBe(held))

  it('needs nothing for none, and one for a witness', () => {
    expect(holdsQuorum({ ...policy, quorum: 'none' }, [])).toBe(true)
    expect(holdsQuorum({ ...policy, quorum: 'Y1' }, ['Y2'])).toBe(false)
    expect(holdsQuorum({ ...policy, quorum: 'Y1' }, ['Y1'])).toBe(true)
  })
})

describe('holdsIndependently()', () => {
  const policy = parse(two)
  const all = ['X1', 'X2', 'X3', 'Y1', 'Y2']

  it('finds the one choice that is a quorum', () => {
    // One operator in both groups: only its seat in Y leaves a quorum.
    const operators = new Map([
      ['X1', 'p'],
      ['X2', 'q'],
      ['X3', 'r'],
      ['Y1', 'r'],
      ['Y2', 'r'],
    ])
    expect(holdsIndependently(policy, all, operators)).toBe(true)
    expect(holdsIndependently(policy, all, new Map([...operators, ['X2', 'p']]))).toBe(false)
  })

  it('never judges better than the quorum, and equals it when all operators differ', () => {
    const subsets = fc.subarray(all)
    const owners = fc.array(fc.constantFrom('p', 'q', 'r'), { minLength: 5, maxLength: 5 })
    fc.assert(
      fc.property(subsets, owners, (names, owner) => {
        const operators = new Map(all.map((name, i) => [name, owner[i] as string]))
        if (holdsIndependently(policy, names, operators)) expect(holdsQuorum(policy, names)).toBe(true)
        expect(holdsIndependently(policy, names, new Map())).toBe(holdsQuorum(policy, names))
      }),
      { seed: 12, numRuns: 200 },
    )
  })

  it('gives up rather than search for ever', () => {
    const witnesses = Array.from({ length: 40 }, (_, i) => ({ name: `w${i}`, key: signers[0]?.witnessKey }))
    const wide = { logs: [], witnesses, groups: [], quorum: 'w0' } as unknown as Policy
    const operators = new Map(witnesses.map(({ name }, i) => [name, `${i % 20}`]))
    expect(() => holdsIndependently(wide, operators.keys(), operators)).toThrow(/choices/)
  })
})

import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { concat, toHex, utf8 } from '../bytes.ts'
import { networkId } from '../envelope/hash.ts'
import { ALWAYS_REQUIRED, CHECK_NAMES } from './checks/name.ts'
import { STORY_ORIGIN, storyKeys, storyTrust, WITNESSES } from './fixture.ts'
import { encodePolicy } from './policy.ts'
import { encodeTrustFile, parseTrustFile, type TrustFile } from './trust-file.ts'

const INVALID = expect.objectContaining({ code: 'TRUST_FILE_INVALID' })
let trust: TrustFile
let policy: Uint8Array
const key = 'ab'.repeat(32)
beforeAll(async () => {
  trust = storyTrust(await storyKeys())
  policy = encodePolicy(trust.policy)
})

const fileOf = (...lines: readonly string[]) =>
  concat(utf8(`${['mystranet.org/trust@v1', ...lines].join('\n')}\n\n`), policy)

describe('parseTrustFile()', () => {
  it('reads every statement', async () => {
    const file = fileOf(
      'name local',
      '# comments, too',
      `table-signer ${key}`,
      `publisher ${key}`,
      `authorizer ${key}`,
      `nexus ${key}`,
      'operator witness2 alice',
      'operator witness3 bob',
      'require witness-independence registry-entry',
      'require authorization',
    )
    const read = parseTrustFile(file)
    expect(read).toMatchObject({ name: 'local', policy: trust.policy, firstUse: false })
    const lists = [read.tableSigners, read.publishers, read.authorizers, read.nexusKeys]
    expect(lists.map((keys) => keys.map(toHex))).toEqual([[key], [key], [key], [key]])
    expect([...read.operators]).toEqual([
      ['witness2', 'alice'],
      ['witness3', 'bob'],
    ])
    expect(read.required).toEqual(
      new Set([...ALWAYS_REQUIRED, 'witness-independence', 'registry-entry', 'authorization']),
    )
    expect(read.network).toEqual(networkId(STORY_ORIGIN, (await storyKeys()).log.publicKey))
  })

  it('requires all but four checks by itself', () => {
    const { required } = parseTrustFile(fileOf('name a'))
    expect(CHECK_NAMES.filter((name) => !required.has(name))).toEqual([
      'witness-independence',
      'request-commitment',
      'registry-entry',
      'authorization',
    ])
  })

  it('marks the first use, which the file cannot', () => {
    expect(parseTrustFile(fileOf('name a'), { firstUse: true }).firstUse).toBe(true)
    expect(() => parseTrustFile(fileOf('name a', 'first-use true'))).toThrow(/unknown statement/)
  })

  it.each([
    ['another first line', () => concat(utf8('mystranet.org/trust@v2\nname a\n\n'), policy), /line 1: wanted/],
    ['a byte order mark', () => concat(utf8('\ufeff'), fileOf('name a')), /line 1/],
    ['CRLF', () => utf8('mystranet.org/trust@v1\r\nname a\r\n\n'), /control character/],
    ['what is not UTF-8', () => concat(Uint8Array.of(0xff), fileOf('name a')), /not UTF-8/],
    ['no name', () => fileOf(), /no name line/],
    ['two names', () => fileOf('name a', 'name b'), /line 3: a second name/],
    ['an empty name', () => fileOf('name '), /wanted “keyword value”/],
    ['two spaces', () => fileOf('name  a'), /single spaces/],
    ['a space at the end', () => fileOf('name a '), /single spaces/],
    ['an unknown statement', () => fileOf('name a', 'trust everyone'), /unknown statement "trust"/],
    ['a name of the prototype', () => fileOf('name a', 'constructor x'), /unknown statement/],
    ['an indented statement', () => fileOf(' name a'), /wanted “keyword value”/],
    ['a key in capitals', () => fileOf('name a', `publisher ${key.toUpperCase()}`), /64 lowercase hex/],
    ['a short key', () => fileOf('name a', `nexus ${key.slice(2)}`), /64 lowercase hex/],
    ['a key twice', () => fileOf('name a', `authorizer ${key}`, `authorizer ${key}`), /a second time/],
    ['an unknown check', () => fileOf('name a', 'require everything'), /unknown check "everything"/],
    ['an operator of no witness', () => fileOf('name a', 'operator witness9 eve'), /no witness of its policy/],
    ['a second operator', () => fileOf('name a', 'operator witness2 a', 'operator witness2 b'), /a second operator/],
    ['an operator of one word', () => fileOf('name a', 'operator witness2'), /operator witness operator/],
    ['an operator of three words', () => fileOf('name a', 'operator witness2 a b'), /operator witness operator/],
    ['no policy', () => utf8('mystranet.org/trust@v1\nname a\n'), /no empty line/],
    ['an empty policy', () => utf8('mystranet.org/trust@v1\nname a\n\n'), /no quorum/],
    ['a policy without a log', () => utf8('mystranet.org/trust@v1\nname a\n\nquorum none\n'), /no log line/],
    ['more than 64 KiB', () => fileOf('name a', `# ${'x'.repeat(65_536)}`), /wanted at most 65536/],
  ])('refuses %s', (_, file, guard) => {
    expect(() => parseTrustFile(file())).toThrow(guard)
    expect(() => parseTrustFile(file())).toThrow(INVALID)
  })

  it('meets changed bytes with TRUST_FILE_INVALID only', () => {
    const file = encodeTrustFile(trust)
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 }),
        (changes) => {
          const bytes = file.slice()
          for (const [at, byte] of changes) bytes[at] = byte
          try {
            parseTrustFile(bytes)
          } catch (error) {
            expect(error).toEqual(INVALID)
          }
        },
      ),
      { seed: 2, numRuns: 1_000 },
    )
  })
})

describe('encodeTrustFile()', () => {
  const keys = fc.uniqueArray(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 3, selector: toHex })
  it('gives what parses to the same', () => {
    const word = fc.stringMatching(/^[!-~]{1,12}$/)
    fc.assert(
      fc.property(
        fc.record({
          name: word,
          tableSigners: keys,
          publishers: keys,
          authorizers: keys,
          nexusKeys: keys,
          operators: fc.uniqueArray(fc.tuple(fc.constantFrom(...WITNESSES), word), {
            selector: ([witness]) => witness,
          }),
          more: fc.uniqueArray(fc.constantFrom(...CHECK_NAMES)),
        }),
        ({ operators, more, ...rest }) => {
          const required = new Set([...ALWAYS_REQUIRED, ...more])
          const content = { ...rest, operators: new Map(operators), required, policy: trust.policy }
          expect(parseTrustFile(encodeTrustFile(content))).toEqual({
            ...content,
            network: trust.network,
            firstUse: false,
          })
        },
      ),
      { seed: 3, numRuns: 100 },
    )
  })

  it.each(['', ' a', 'a\nname b', 'a\u0000'])('does not write the name %j', (name) => {
    expect(() => encodeTrustFile({ ...trust, name })).toThrow(RangeError)
  })
})

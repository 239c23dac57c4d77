import * as age from 'age-encryption'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromUtf8, utf8 } from '../bytes.ts'
import {
  encodeIdentity,
  isLockedIdentityFile,
  lockIdentityFile,
  MAX_IDENTITY_FILE_BYTES,
  openIdentityFile,
  parseIdentity,
  plainIdentityFile,
} from './identity-file.ts'
import { formatSeed, SEED_KINDS, type Seed } from './name.ts'

const seedOf = (kind: Seed['kind'], fill: number): Seed => ({ kind, bytes: new Uint8Array(32).fill(fill) })
const SEEDS = SEED_KINDS.map((kind, i) => seedOf(kind, i + 1))
const INVALID = (message: RegExp) =>
  expect.objectContaining({ code: 'IDENTITY_FILE_INVALID', message: expect.stringMatching(message) })
/** scrypt at its lightest: the tests ask about the format, not about the strength. */
const LIGHT = { passphrase: 'correct horse', workFactor: 4 }

describe('the text of an identity', () => {
  const seed = fc.record(
    {
      kind: fc.constantFrom(...SEED_KINDS.slice(2)),
      bytes: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    },
    { noNullPrototype: true },
  ) as fc.Arbitrary<Seed>

  it('is read as it was written', () => {
    const identity = fc.uniqueArray(seed, { minLength: 1, maxLength: 6, selector: (each) => formatSeed(each) })
    fc.assert(
      fc.property(identity, (seeds) => {
        expect(parseIdentity(encodeIdentity(seeds))).toEqual(seeds)
      }),
    )
    expect(parseIdentity(encodeIdentity(SEEDS))).toEqual(SEEDS)
  })

  it('may have comments', () => {
    expect(parseIdentity(`weave-identity/v1\n# made by hand\n${formatSeed(SEEDS[0]!)}\n#\n`)).toEqual([SEEDS[0]])
  })

  const [first] = [formatSeed(SEEDS[0]!)]
  it.each([
    ['another first line', `weave-identity/v2\n${first}\n`, /line 1/],
    ['a BOM', `\ufeffweave-identity/v1\n${first}\n`, /line 1/],
    ['nothing', '', /line 1/],
    ['no line feed at the end', `weave-identity/v1\n${first}`, /last line is cut/],
    ['an empty line', `weave-identity/v1\n\n${first}\n`, /line 2 is no seed/],
    ['a carriage return', `weave-identity/v1\n${first}\r\n`, /line 2 is no seed/],
    ['a space', `weave-identity/v1\n ${first}\n`, /line 2 is no seed/],
    ['small letters', `weave-identity/v1\n${first.toLowerCase()}\n`, /small letters/],
    ['no seed', 'weave-identity/v1\n# nothing\n', /no seed/],
    ['a seed twice', `weave-identity/v1\n${`${formatSeed(SEEDS[2]!)}\n`.repeat(2)}`, /twice/],
    ['two roots', `weave-identity/v1\n${first}\n${formatSeed(seedOf('root', 9))}\n`, /2 root seeds/],
  ])('is refused with %s', (_, text, message) => expect(() => parseIdentity(text)).toThrow(INVALID(message)))

  it('is not written when it could not be read', () => {
    expect(() => encodeIdentity([])).toThrow(RangeError)
    expect(() => encodeIdentity([SEEDS[1]!, seedOf('operational', 9)])).toThrow(/2 operational seeds/)
    expect(() => encodeIdentity([SEEDS[2]!, SEEDS[2]!])).toThrow(/twice/)
  })

  it('never stands in an error', () => {
    const spoilt = `${first.slice(0, -1)}${first.endsWith('Q') ? 'P' : 'Q'}`
    const attempt = () => parseIdentity(`weave-identity/v1\n${spoilt}\n`)
    expect(attempt).toThrow(INVALID(/line 2/))
    expect(attempt).not.toThrow(spoilt.slice(20))
  })

  it('throws its declared error only', () => {
    const part = fc.oneof(fc.constantFrom('weave-identity/v1', '\n', '#', first, 'WEAVE-ROOT-SECRET-1'), fc.string())
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        try {
          parseIdentity(parts.join(''))
        } catch (error) {
          expect(error).toMatchObject({ code: 'IDENTITY_FILE_INVALID' })
        }
      }),
      { numRuns: 2000, seed: 23 },
    )
  })
})

describe('openIdentityFile()', () => {
  it('opens a plain file, and refuses it to whom a locked one was promised', async () => {
    const file = plainIdentityFile(SEEDS)
    expect(isLockedIdentityFile(file)).toBe(false)
    expect(await openIdentityFile(file)).toEqual(SEEDS)
    await expect(openIdentityFile(file, LIGHT)).rejects.toThrow(INVALID(/not locked/))
  })

  it('opens what a passphrase locked, with that passphrase only', async () => {
    const file = await lockIdentityFile(SEEDS, LIGHT)
    expect(fromUtf8(file.subarray(0, 22))).toBe('age-encryption.org/v1\n')
    expect(isLockedIdentityFile(file)).toBe(true)
    expect(await openIdentityFile(file, LIGHT)).toEqual(SEEDS)
    await expect(openIdentityFile(file, { passphrase: 'wrong' })).rejects.toThrow(INVALID(/does not open/))
    await expect(openIdentityFile(file)).rejects.toThrow(INVALID(/it is locked/))
  })

  it.each([
    ['X25519', age.generateX25519Identity],
    ['post-quantum', age.generateHybridIdentity],
  ])('opens what was locked to an %s recipient', async (_, generate) => {
    const [mine, other] = [await generate(), await generate()]
    const file = await lockIdentityFile(SEEDS, { recipients: [await age.identityToRecipient(mine)] })
    expect(await openIdentityFile(file, { identities: [mine] })).toEqual(SEEDS)
    await expect(openIdentityFile(file, { identities: [other] })).rejects.toThrow(INVALID(/does not open/))
  })

  it('is a file that age itself opens and makes, armored too', async () => {
    const identity = await age.generateX25519Identity()
    const recipient = await age.identityToRecipient(identity)
    const decrypter = new age.Decrypter()
    decrypter.addIdentity(identity)
    const ours = await lockIdentityFile(SEEDS, { recipients: [recipient] })
    expect(await decrypter.decrypt(ours, 'text')).toBe(encodeIdentity(SEEDS))

    const encrypter = new age.Encrypter()
    encrypter.addRecipient(recipient)
    const armored = utf8(age.armor.encode(await encrypter.encrypt(encodeIdentity(SEEDS))))
    expect(await openIdentityFile(armored, { identities: [identity] })).toEqual(SEEDS)
  })

  it('refuses a locked file that was altered or cut', async () => {
    const identity = await age.generateX25519Identity()
    const file = await lockIdentityFile(SEEDS, { recipients: [await age.identityToRecipient(identity)] })
    const at = [30, 60, 120, file.length - 1]
    for (const spoilt of [...at.map((i) => file.map((byte, j) => (i === j ? byte ^ 1 : byte))), file.subarray(0, -1)]) {
      await expect(openIdentityFile(spoilt, { identities: [identity] })).rejects.toThrow(INVALID(/does not open/))
    }
  })

  it('refuses a locked file that holds something else', async () => {
    const encrypter = new age.Encrypter()
    encrypter.setPassphrase(LIGHT.passphrase)
    encrypter.setScryptWorkFactor(LIGHT.workFactor)
    await expect(openIdentityFile(await encrypter.encrypt('letters'), LIGHT)).rejects.toThrow(INVALID(/line 1/))
    await expect(openIdentityFile(await encrypter.encrypt(Uint8Array.of(255)), LIGHT)).rejects.toThrow(INVALID(/UTF-8/))
  })

  it('refuses, before it computes any, more than 2^20 rounds of scrypt', async () => {
    const file = await lockIdentityFile(SEEDS, LIGHT)
    const costs = (factor: string) => {
      const lines = Buffer.from(file).toString('latin1').split('\n')
      const [arrow, kind, salt] = (lines[1] ?? '').split(' ')
      return new Uint8Array(
        Buffer.from([lines[0], [arrow, kind, salt, factor].join(' '), ...lines.slice(2)].join('\n'), 'latin1'),
      )
    }
    const begunMs = performance.now()
    for (const factor of ['21', '63', '99999999999999999999']) {
      const refused = INVALID(new RegExp(`costs 2\\^${factor} rounds of scrypt, wanted at most 2\\^20`))
      const binary = costs(factor)
      for (const each of [binary, utf8(age.armor.encode(binary))]) {
        await expect(openIdentityFile(each, LIGHT)).rejects.toThrow(refused)
        await expect(openIdentityFile(each, { identities: [await age.generateX25519Identity()] })).rejects.toThrow(
          refused,
        )
      }
    }
    expect(performance.now() - begunMs).toBeLessThan(20_000)
    // A lighter one than it was locked with is merely the wrong key.
    await expect(openIdentityFile(costs('3'), LIGHT)).rejects.toThrow(INVALID(/does not open/))
    await expect(lockIdentityFile(SEEDS, { ...LIGHT, workFactor: 21 })).rejects.toThrow(/is 21, wanted at most 20/)
  })

  it('refuses a file without bounds', async () => {
    await expect(openIdentityFile(new Uint8Array(MAX_IDENTITY_FILE_BYTES + 1))).rejects.toThrow(INVALID(/65537 bytes/))
  })

  it('calls keys that are none misuse, and does not repeat them', async () => {
    const file = await lockIdentityFile(SEEDS, LIGHT)
    const opening = openIdentityFile(file, { identities: ['AGE-SECRET-KEY-1SECRET'] })
    await expect(opening).rejects.toThrow(RangeError)
    await expect(opening).rejects.not.toThrow(/1SECRET/)
    await expect(lockIdentityFile(SEEDS, { recipients: ['age1nobody'] })).rejects.toThrow(/is no age recipient/)
    await expect(lockIdentityFile(SEEDS, { recipients: [] })).rejects.toThrow(/no recipient/)
    await expect(lockIdentityFile(SEEDS, { passphrase: '' })).rejects.toThrow(/passphrase is empty/)
  })

  it('throws its declared error only', async () => {
    const locked = await lockIdentityFile(SEEDS, LIGHT)
    const altered = fc
      .array(fc.tuple(fc.nat(locked.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 })
      // The work factor stays as it is: raising it only makes the test slow.
      .map((changes) => {
        const copy = locked.slice()
        for (const [at, value] of changes) if (at < 22 || at > 80) copy[at] = value
        return copy
      })
    await fc.assert(
      fc.asyncProperty(fc.oneof(altered, fc.uint8Array()), fc.boolean(), async (file, keyed) => {
        try {
          await openIdentityFile(file, keyed ? LIGHT : undefined)
        } catch (error) {
          expect(error).toMatchObject({ code: 'IDENTITY_FILE_INVALID' })
        }
      }),
      { numRuns: 200, seed: 29 },
    )
  })
})

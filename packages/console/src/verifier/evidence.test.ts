import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Story, storyFixture } from '../../../sdk/src/proof/fixture.ts'
import { exportReceipt } from '../../../sdk/src/proof/receipt.ts'
import { encodeSavedAnswer } from '../../../sdk/src/proof/saved-answer.ts'
import { savedAnswerToJson } from '../../../sdk/src/proof/saved-answer-json.ts'
import { encodeTrustFile } from '../../../sdk/src/proof/trust-file.ts'
import { judge, kindOf } from './evidence.ts'

const utf8 = (text: string) => new TextEncoder().encode(text)
let story: Story
let receipt: Uint8Array

beforeAll(async () => {
  story = await storyFixture()
  receipt = exportReceipt(story.log.receipts.get('request')!)
})

describe('kindOf()', () => {
  it('tells the files apart by how they begin', () => {
    expect(kindOf(encodeTrustFile(story.trust))).toBe('trust')
    expect(kindOf(receipt)).toBe('receipt')
    expect(kindOf(encodeSavedAnswer(story.saved))).toBe('weave')
    const json = savedAnswerToJson(story.saved)
    expect([json, `\n  ${json}`, `\ufeff${json}`].map((text) => kindOf(utf8(text)))).toEqual(['json', 'json', 'json'])
    expect(kindOf(new Uint8Array(0))).toBe('weave')
  })
})

describe('judge()', () => {
  it('agrees about an answer in both of its forms', async () => {
    for (const bytes of [encodeSavedAnswer(story.saved), utf8(savedAnswerToJson(story.saved))]) {
      const { kind, verdict } = await judge(bytes, story.trust)
      expect([kind, verdict.status]).toEqual(['answer', 'VERIFIED'])
    }
  })

  it('names the first stage at which a receipt fails, and skips the rest', async () => {
    const results = async (file: Uint8Array, trust = story.trust) =>
      (await judge(file, trust)).verdict.checks.map(({ name, result }) => `${name} ${result}`)
    const { policy } = story.trust
    const logs = [{ key: { ...policy.logs[0]!.key, keyId: 0 } }]
    expect(await results(receipt)).toEqual(['receipt pass', 'checkpoint pass', 'witness-quorum pass', 'inclusion pass'])
    expect(await results(receipt.subarray(0, 90))).toEqual([
      'receipt fail',
      'checkpoint skipped',
      'witness-quorum skipped',
      'inclusion skipped',
    ])
    expect(await results(receipt, { ...story.trust, policy: { ...policy, logs } })).toContain('checkpoint fail')
    const lonely = await storyFixture({ cosigners: () => ['witness2'] })
    const alone = exportReceipt(lonely.log.receipts.get('request')!)
    expect(await results(alone)).toEqual([
      'receipt pass',
      'checkpoint pass',
      'witness-quorum fail',
      'inclusion skipped',
    ])
    const moved = utf8(new TextDecoder().decode(receipt).replace(/^index \d+$/m, 'index 3'))
    expect((await results(moved)).at(-1)).toBe('inclusion fail')
  })

  it('gives a verdict or its declared error for whatever it is given', async () => {
    const whole = [encodeSavedAnswer(story.saved), receipt, utf8(savedAnswerToJson(story.saved))]
    const spoiled = fc
      .tuple(fc.constantFrom(...whole), fc.nat(), fc.integer({ min: 1, max: 255 }))
      .map(([bytes, at, mask]) => {
        const copy = bytes.slice()
        copy[at % copy.length]! ^= mask
        return at % 3 === 0 ? copy.subarray(0, at % copy.length) : copy
      })
    const random = fc.uint8Array({ maxLength: 300 })
    await fc.assert(
      fc.asyncProperty(fc.oneof(spoiled, random), async (bytes) => {
        try {
          const { kind, verdict } = await judge(bytes, story.trust)
          if (kind === 'receipt') expect(verdict.logged === undefined).toBe(verdict.status !== 'VERIFIED')
        } catch (error) {
          expect(error).toMatchObject({ name: 'PacketError', code: 'ANSWER_INVALID' })
        }
      }),
      { seed: 7, numRuns: 250 },
    )
  })
})

import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { bytes, type Story, storyFixture, T0 } from './fixture.ts'
import { type ModelEvaluation, signModelEvaluation, verifyModelEvaluation } from './model-evaluation.ts'
import { signModelStatement } from './model-statement.ts'

let story: Story
let evaluation: ModelEvaluation
const family = {
  family: 'encodings',
  source: 'weave',
  prompts: 60,
  judged: 50,
  hits: 5,
  lowPpm: 43_000,
  highPpm: 214_000,
}
beforeAll(async () => {
  story = await storyFixture()
  evaluation = {
    network: story.trust.network,
    evaluator: story.user,
    model: 'm',
    fileDigest: bytes(32, 61),
    engine: 'llama',
    runtime: 'b1',
    sandbox: 'none',
    battery: bytes(32, 62),
    seed: 1,
    maxTokens: 48,
    families: [family],
    createdMs: T0,
  }
})
const sign = (over: Partial<ModelEvaluation> = {}) =>
  signModelEvaluation({ ...evaluation, ...over }, story.keys.agentPacket)

describe('a model evaluation', () => {
  it('is verified, and says who signed', async () => {
    const { value, signedBy } = await verifyModelEvaluation(await sign(), {
      network: story.trust.network,
      fileDigest: bytes(32, 61),
    })
    expect(value).toEqual(evaluation)
    expect(signedBy).toEqual(story.keys.agentPacket.publicKey)
  })

  it('needs no network', async () => {
    const document = await sign({ network: undefined })
    expect((await verifyModelEvaluation(document, { network: bytes(32, 1) })).value.network).toBeUndefined()
  })

  it.each([
    ['another network', { network: bytes(32, 9) }, /another network/],
    ['another file', { fileDigest: bytes(32, 9) }, /another file/],
  ])('is refused for %s', async (_, expected, why) => {
    await expect(verifyModelEvaluation(await sign(), expected)).rejects.toThrow(why)
  })

  it.each([
    ['more hits than answers', { hits: 51 }, /51 hits in 50/],
    ['more answers than prompts', { judged: 61 }, /in 61 of 60/],
    ['an interval above its rate', { lowPpm: 100_001 }, /interval/],
    ['an interval below its rate', { highPpm: 99_999 }, /interval/],
    ['an interval beyond 1', { highPpm: 1_000_001 }, /interval/],
  ])('is refused for %s', async (_, over, why) => {
    const document = await sign({ families: [{ ...family, ...over }] })
    await expect(verifyModelEvaluation(document)).rejects.toThrow(why)
  })

  it('is refused when a family stands twice', async () => {
    await expect(verifyModelEvaluation(await sign({ families: [family, family] }))).rejects.toThrow(/stands twice/)
  })

  it('is no statement of an agent, and a changed byte breaks it', async () => {
    const { trust, agent, keys } = story
    const other = { network: trust.network, agent, name: 'm', engine: 'e', runtime: 'r', createdMs: T0 }
    const statement = await signModelStatement(other, keys.agentPacket)
    await expect(verifyModelEvaluation(statement)).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' })
    const document = await sign()
    await fc.assert(
      fc.asyncProperty(fc.nat(document.length - 1), fc.nat(255), async (at, byte) => {
        if (document[at] === byte) return
        await expect(verifyModelEvaluation(document.with(at, byte))).rejects.toMatchObject({
          code: expect.stringMatching(/^(DOCUMENT_MALFORMED|SIGNATURE_INVALID)$/),
        })
      }),
      { seed: 1, numRuns: 200 },
    )
  })
})

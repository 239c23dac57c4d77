import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { BATCHES, storyFixture, T0 } from '../../../sdk/src/proof/fixture.ts'
import { encodeSavedAnswer } from '../../../sdk/src/proof/saved-answer.ts'
import { encodeTrustFile } from '../../../sdk/src/proof/trust-file.ts'
import known from './known-answer.json' with { type: 'json' }
import { selfTest } from './self-test.ts'

const names = BATCHES.flatMap((batch) => batch.names).filter((name) => name !== 'agent-prekey')

/** The story as small as it is still VERIFIED: one checkpoint under one witness, and nothing that a trust file may leave out. */
const smallStory = () =>
  storyFixture({
    batches: [{ names, atMs: T0 + 10_500 }],
    cosigners: () => ['witness2'],
    statement: (statement) => ({ ...statement, registryEntry: undefined, authorization: undefined }),
    saved: (saved) => ({ ...saved, registryEntry: undefined, authorization: undefined }),
    trust: (trust) => ({
      ...trust,
      name: 'self-test',
      policy: { ...trust.policy, witnesses: trust.policy.witnesses.slice(0, 1), groups: [], quorum: 'witness2' },
      operators: new Map(),
      publishers: [],
      authorizers: [],
      required: new Set(),
    }),
  })

it('holds the answer that the story makes; write it anew with vitest -u', async () => {
  const { saved, trust } = await smallStory()
  const answer = encodeSavedAnswer(saved)
  // What zlib makes of it may differ between versions, so the file is held to what it unpacks to.
  const isSame = inflateRawSync(Buffer.from(known.answer, 'base64')).equals(answer)
  const packed = isSame ? known.answer : deflateRawSync(answer, { level: 9 }).toString('base64')
  const file = { trust: new TextDecoder().decode(encodeTrustFile(trust)), answer: packed }
  await expect(`${JSON.stringify(file, null, 2)}\n`).toMatchFileSnapshot('./known-answer.json')
})

it('finds nothing wrong with this runtime', async () => {
  expect(await selfTest()).toBeUndefined()
})

import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { bytes, type Story, storyFixture, T0 } from './fixture.ts'
import {
  type ModelStatement,
  signModelStatement,
  verifyAuthorization,
  verifyModelStatement,
  verifyRegistryEntry,
} from './model-statement.ts'

let story: Story
let statement: ModelStatement
beforeAll(async () => {
  story = await storyFixture()
  const { agent, trust } = story
  statement = {
    network: trust.network,
    agent,
    name: 'm',
    fileDigest: bytes(32, 61),
    engine: 'llama.cpp',
    runtime: 'b1',
    createdMs: T0,
  }
})

describe('a model statement', () => {
  it('is verified under the key of its agent', async () => {
    const key = story.keys.agentPacket.publicKey
    const document = await signModelStatement(statement, story.keys.agentPacket)
    const by = { network: story.trust.network, agent: story.agent, key }
    const { value, signedBy } = await verifyModelStatement(document, by)
    expect(value).toEqual(statement)
    expect(signedBy).toEqual(key)
    await expect(verifyModelStatement(document, { ...by, agent: story.user })).rejects.toThrow(/another agent/)
    await expect(verifyModelStatement(document, { ...by, network: bytes(32, 1) })).rejects.toMatchObject({
      code: 'NETWORK_MISMATCH',
    })
    await expect(verifyModelStatement(document, { ...by, key: bytes(32, 1) })).rejects.toThrow(/may not sign/)
    await fc.assert(
      fc.asyncProperty(fc.nat(document.length - 1), fc.nat(255), async (at, byte) => {
        if (document[at] === byte) return
        await expect(verifyModelStatement(document.with(at, byte), by)).rejects.toMatchObject({
          code: expect.stringMatching(/^(DOCUMENT_MALFORMED|SIGNATURE_INVALID|NETWORK_MISMATCH)$/),
        })
      }),
      { seed: 1, numRuns: 200 },
    )
  })
})

describe('a registry entry and an authorization', () => {
  it('do not stand for a statement that names none', async () => {
    const { registryEntry, authorization } = story.saved
    const full = { ...statement, chatTemplateDigest: bytes(32, 62), tokenizerDigest: bytes(32, 63) }
    await expect(verifyRegistryEntry(registryEntry!, full, story.trust)).rejects.toThrow(/another entry or none/)
    await expect(verifyAuthorization(authorization!, full, story.trust, T0)).rejects.toThrow(/authorization or none/)
  })

  it('authorize one agent and one file', async () => {
    const { authorization } = story.saved
    const toAnother = { ...statement, agent: story.user }
    await expect(verifyAuthorization(authorization!, toAnother, story.trust, T0)).rejects.toThrow(/another agent/)
    const ofAnother = { ...statement, fileDigest: bytes(32, 99) }
    await expect(verifyAuthorization(authorization!, ofAnother, story.trust, T0)).rejects.toThrow(/fileDigest/)
  })

  it('hold an absent digest of the statement against the entry', async () => {
    await expect(verifyRegistryEntry(story.saved.registryEntry!, statement, story.trust)).rejects.toThrow(
      /chatTemplateDigest/,
    )
  })

  it('hold from created_ms until before expires_ms', async () => {
    const told = await storyFixture({ authorization: (value) => ({ ...value, chatTemplateDigest: bytes(32, 1) }) })
    await expect(verifyAuthorization(told.saved.authorization!, statement, told.trust, T0)).rejects.toThrow(
      /chatTemplateDigest/,
    )
    const { documentDigest } = await import('../envelope/hash.ts')
    const { decode, SignedDocument } = await import('@mystranet/schemas/messages')
    const { body } = decode(SignedDocument, story.saved.authorization!)
    const named = { ...statement, authorization: documentDigest('authorization', body) }
    const verdictAt = async (atMs: number) =>
      verifyAuthorization(story.saved.authorization!, named, story.trust, atMs).then(
        () => 'holds',
        () => 'refused',
      )
    const times = [T0 - 4_001, T0 - 4_000, T0 + 59_999, T0 + 60_000]
    expect(await Promise.all(times.map(verdictAt))).toEqual(['refused', 'holds', 'holds', 'refused'])
  })
})

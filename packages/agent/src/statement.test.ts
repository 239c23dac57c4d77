import { decode, encode, ModelStatement, SignedDocument } from '@mystranet/schemas/messages'
import { utf8 } from '@mystranet/sdk/bytes'
import { documentDigest } from '@mystranet/sdk/envelope'
import { localSigner } from '@mystranet/sdk/keys/signer'
import { createSequence } from '@mystranet/sdk/packet'
import { controlPartition } from '@mystranet/sdk/proof/leaf'
import { sha256 } from '@mystranet/sdk/proof/merkle'
import {
  type Authorization,
  type RegistryEntry,
  signAuthorization,
  signRegistryEntry,
  verifyModelStatement,
} from '@mystranet/sdk/proof/model-statement'
import { describe, expect, it } from 'vitest'
import { memoryLog } from '../test/memory-log.ts'
import { endorse } from './endorse.ts'
import type { EngineDescription } from './engine.ts'
import { logStatement, statementOf } from './statement.ts'

const NOW = 1_800_000_000_000
const clock = { now: () => NOW }
const instance = new Uint8Array(32).fill(1)
const ENGINE: EngineDescription = {
  engine: 'llama',
  engineVersion: '3',
  runtime: 'llama.cpp b1',
  model: 'SmolLM2',
  fileDigest: new Uint8Array(32).fill(2),
  chatTemplateDigest: new Uint8Array(32).fill(3),
  quantisation: 'Q4_1',
  scan: 'weave-gguf-scan/1 clean',
  contextTokens: 2_048,
  threads: 1,
  slots: 1,
  supported: new Set(),
}

async function given() {
  const log = await memoryLog(clock)
  const [publisher, authorizer, stranger] = (await Promise.all(
    ['publisher', 'authorizer', 'stranger'].map((name) => localSigner(sha256(utf8(name)))),
  )) as [
    Awaited<ReturnType<typeof localSigner>>,
    Awaited<ReturnType<typeof localSigner>>,
    Awaited<ReturnType<typeof localSigner>>,
  ]
  const trust = { ...log.trust, publishers: [publisher.publicKey], authorizers: [authorizer.publicKey] }
  const statement = statementOf(ENGINE, { instance, trust, clock })
  return { log, trust, statement, publisher, authorizer, stranger }
}

describe('statementOf()', () => {
  it('says what the engine says, and keeps silent where it does', async () => {
    const { statement, trust } = await given()
    expect(statement).toMatchObject({
      network: trust.network,
      agent: instance,
      name: 'SmolLM2',
      engine: 'llama',
      runtime: 'llama.cpp b1',
      contextTokens: 2_048,
      quantisation: 'Q4_1',
      scan: 'weave-gguf-scan/1 clean',
    })
    expect([statement.tokenizerDigest, statement.runtimeDigest, statement.architecture]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
    expect(decode(ModelStatement, encode(ModelStatement, statement)).scan).toBe('weave-gguf-scan/1 clean')
  })

  it('fits, whatever the engine calls its model', async () => {
    const { trust } = await given()
    const long = { ...ENGINE, model: '🜁'.repeat(200), architecture: 'é'.repeat(100), runtime: '', contextTokens: 0 }
    const statement = statementOf(long, { instance, trust, clock })
    expect(decode(ModelStatement, encode(ModelStatement, statement)).name).toBe('🜁'.repeat(64))
    expect(statement.architecture).toBe('é'.repeat(64))
    expect(statement.runtime).toBe('3')
  })
})

describe('logStatement()', () => {
  it('gives a document that its agent’s key signed, once its receipt is believed', async () => {
    const { log, trust, statement, stranger: signer } = await given()
    const key = { signer, sequence: createSequence(NOW) }
    const receiver = { instance, trust, clock }
    const partition = controlPartition('model-statement')
    const logged = async (document: Uint8Array) => {
      const subject = documentDigest('model-statement', decode(SignedDocument, document).body)
      return [await log.append({ kind: 'model-statement', subject, partition })]
    }
    const document = await logStatement(statement, key, receiver, logged)
    const by = { network: trust.network, agent: instance, key: signer.publicKey }
    expect((await verifyModelStatement(document, by)).value.name).toBe('SmolLM2')
    const other = await log.append({ kind: 'model-statement', subject: new Uint8Array(32), partition })
    await expect(logStatement(statement, key, receiver, async () => [other])).rejects.toMatchObject({
      code: 'LEAF_MISMATCH',
    })
    await expect(logStatement(statement, key, receiver, async () => [])).rejects.toMatchObject({
      code: 'PROOF_INVALID',
    })
  })
})

describe('endorse()', () => {
  const authorizationOf = (network: Uint8Array): Authorization => ({
    network,
    agent: instance,
    fileDigest: ENGINE.fileDigest as Uint8Array,
    createdMs: NOW - 1,
    expiresMs: NOW + 1,
  })
  const entryOf = (network: Uint8Array): RegistryEntry => ({
    network,
    name: 'SmolLM2',
    fileDigest: ENGINE.fileDigest as Uint8Array,
    chatTemplateDigest: ENGINE.chatTemplateDigest,
    createdMs: NOW,
  })

  it('asks for nothing that the trust file does not require', async () => {
    const { statement, trust } = await given()
    expect(await endorse(statement, {}, trust, NOW)).toEqual({ authorization: undefined, registryEntry: undefined })
  })

  it.each(['authorization', 'registry-entry'] as const)('runs no model without a required %s', async (check) => {
    const { statement, trust } = await given()
    const strict = { ...trust, required: new Set([check]) }
    await expect(endorse(statement, {}, strict, NOW)).rejects.toMatchObject({ code: 'NOT_PERMITTED' })
  })

  it('takes documents that hold for this very model, and names them', async () => {
    const { statement, trust, publisher, authorizer } = await given()
    const authorization = await signAuthorization(authorizationOf(trust.network), authorizer)
    const registryEntry = await signRegistryEntry(entryOf(trust.network), publisher)
    const strict = { ...trust, required: new Set(['authorization', 'registry-entry'] as const) }
    const endorsement = await endorse(statement, { authorization, registryEntry }, strict, NOW)
    const digestOf = (thing: 'authorization' | 'registry-entry', bytes: Uint8Array) =>
      documentDigest(thing, decode(SignedDocument, bytes).body)
    expect(endorsement).toEqual({
      authorization: digestOf('authorization', authorization),
      registryEntry: digestOf('registry-entry', registryEntry),
    })
  })

  it('refuses documents by strangers, of other models and of other times', async () => {
    const { statement, trust, authorizer, stranger, publisher } = await given()
    const good = authorizationOf(trust.network)
    const byStranger = await signAuthorization(good, stranger)
    const ofOther = await signAuthorization({ ...good, fileDigest: new Uint8Array(32).fill(9) }, authorizer)
    const entry = await signRegistryEntry(
      { ...entryOf(trust.network), chatTemplateDigest: new Uint8Array(32).fill(9) },
      publisher,
    )
    const attempt = (documents: object, nowMs = NOW) => endorse(statement, documents, trust, nowMs)
    await expect(attempt({ authorization: byStranger })).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' })
    await expect(attempt({ authorization: ofOther })).rejects.toThrow(/fileDigest/)
    await expect(attempt({ registryEntry: entry })).rejects.toThrow(/chatTemplateDigest/)
    const late = await signAuthorization(good, authorizer)
    await expect(attempt({ authorization: late }, NOW + 1)).rejects.toThrow(/it holds from/)
  })
})

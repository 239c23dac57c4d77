/**
 * What others said of the model that this agent runs, and whether it may run it at all (docs/protocol.md §13).
 *
 * @module
 */
import { type ModelStatement, SignedDocument } from '@mystranet/schemas/messages'
import { documentDigest, read } from '@mystranet/sdk/envelope'
import { PacketError } from '@mystranet/sdk/errors'
import { verifyAuthorization, verifyRegistryEntry } from '@mystranet/sdk/proof/model-statement'
import type { TrustFile } from '@mystranet/sdk/proof/trust-file'
import type { Endorsement } from './statement.ts'

/** Exact bytes of SignedDocuments. */
export interface EndorsementDocuments {
  readonly authorization?: Uint8Array | undefined
  readonly registryEntry?: Uint8Array | undefined
}

/**
 * Verifies the documents that were given; their digests go into the model statement.
 *
 * @param trust `require authorization` or `require registry-entry` in it makes the document a condition.
 * @throws {PacketError} `NOT_PERMITTED` when a required one is absent; why one does not hold for this very model.
 */
export async function endorse(
  statement: ModelStatement,
  { authorization, registryEntry }: EndorsementDocuments,
  trust: TrustFile,
  nowMs: number,
): Promise<Endorsement> {
  if (authorization === undefined && trust.required.has('authorization')) throw forbidden('an authorization')
  if (registryEntry === undefined && trust.required.has('registry-entry')) throw forbidden('a registry entry')
  const endorsement: Endorsement = {
    authorization: authorization && documentDigest('authorization', bodyOf(authorization)),
    registryEntry: registryEntry && documentDigest('registry-entry', bodyOf(registryEntry)),
  }
  const endorsed = { ...statement, ...endorsement }
  if (authorization !== undefined) await verifyAuthorization(authorization, endorsed, trust, nowMs)
  if (registryEntry !== undefined) await verifyRegistryEntry(registryEntry, endorsed, trust)
  return endorsement
}

const bodyOf = (document: Uint8Array): Uint8Array => read(SignedDocument, document).body

const forbidden = (what: string) =>
  new PacketError('NOT_PERMITTED', `Cannot run the model: the trust file requires ${what}, and none was given`)

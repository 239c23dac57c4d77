/**
 * What an agent says it runs, what a publisher says of that model, and who let the agent load it (docs/protocol.md §13).
 *
 * @module
 */
import { Authorization, encode, ModelStatement, RegistryEntry, type Table } from '@mystranet/schemas/messages'
import { type Bytes, equalBytes } from '../bytes.ts'
import type { Thing } from '../envelope/dsse.ts'
import { documentDigest } from '../envelope/hash.ts'
import { type DocumentSigner, signDocument, verifyDocument } from '../envelope/origin.ts'
import { read } from '../envelope/parse.ts'
import { PacketError } from '../errors.ts'

export type { Authorization, ModelStatement, RegistryEntry } from '@mystranet/schemas/messages'

interface Signed<T, Brand extends string> {
  readonly value: T
  /** Subject of the document's leaf. */
  readonly digest: Uint8Array
  readonly signedBy: Uint8Array
  readonly __brand: Brand
}

/** A statement that its agent's key signed. Only {@link verifyModelStatement} makes one. */
export type VerifiedModelStatement = Signed<ModelStatement, 'VerifiedModelStatement'>
/** An entry that a publisher signed, on the very model of a statement. Only {@link verifyRegistryEntry} makes one. */
export type VerifiedRegistryEntry = Signed<RegistryEntry, 'VerifiedRegistryEntry'>
/** A permission that held for a statement at a moment. Only {@link verifyAuthorization} makes one. */
export type VerifiedAuthorization = Signed<Authorization, 'VerifiedAuthorization'>

/** The exact bytes of the signed document. */
export const signModelStatement = (statement: ModelStatement, signer: DocumentSigner): Promise<Bytes> =>
  signDocument('model-statement', encode(ModelStatement, statement), signer)

export const signRegistryEntry = (entry: RegistryEntry, signer: DocumentSigner): Promise<Bytes> =>
  signDocument('registry-entry', encode(RegistryEntry, entry), signer)

export const signAuthorization = (authorization: Authorization, signer: DocumentSigner): Promise<Bytes> =>
  signDocument('authorization', encode(Authorization, authorization), signer)

/**
 * Verifies a model statement.
 *
 * @param document The exact bytes, as received.
 * @param by The agent, and its packet key that must have signed; whose key that is must be known already.
 * @throws {PacketError} `DOCUMENT_MALFORMED`, `SIGNATURE_INVALID` or `NETWORK_MISMATCH`.
 */
export async function verifyModelStatement(
  document: Uint8Array,
  by: { readonly network: Uint8Array; readonly agent: Uint8Array; readonly key: Uint8Array },
): Promise<VerifiedModelStatement> {
  const signed = await verifySigned('model-statement', ModelStatement, document, by.network, [by.key])
  if (!equalBytes(signed.value.agent, by.agent)) throw refused('model-statement', 'it names another agent')
  return signed as VerifiedModelStatement
}

/**
 * Verifies a publisher's entry, and that it is about the model of a statement: the statement names this entry, and every
 * digest in it is the statement's.
 *
 * @throws {PacketError} `DOCUMENT_MALFORMED`, `SIGNATURE_INVALID` or `NETWORK_MISMATCH`.
 */
export async function verifyRegistryEntry(
  document: Uint8Array,
  statement: ModelStatement,
  { network, publishers }: { readonly network: Uint8Array; readonly publishers: readonly Uint8Array[] },
): Promise<VerifiedRegistryEntry> {
  const signed = await verifySigned('registry-entry', RegistryEntry, document, network, publishers)
  for (const name of ['fileDigest', 'chatTemplateDigest', 'tokenizerDigest'] as const) {
    if (signed.value[name] && !isSame(signed.value[name], statement[name])) {
      throw refused('registry-entry', `its ${name} is not the one of the statement`)
    }
  }
  if (!isSame(signed.digest, statement.registryEntry)) {
    throw refused('registry-entry', 'the statement names another entry or none')
  }
  return signed as VerifiedRegistryEntry
}

/**
 * Verifies that an agent was permitted to load the model of its statement.
 *
 * @param atMs When it must have held.
 * @throws {PacketError} `DOCUMENT_MALFORMED`, `SIGNATURE_INVALID` or `NETWORK_MISMATCH`.
 */
export async function verifyAuthorization(
  document: Uint8Array,
  statement: ModelStatement,
  { network, authorizers }: { readonly network: Uint8Array; readonly authorizers: readonly Uint8Array[] },
  atMs: number,
): Promise<VerifiedAuthorization> {
  const signed = await verifySigned('authorization', Authorization, document, network, authorizers)
  const { agent, fileDigest, chatTemplateDigest, createdMs, expiresMs } = signed.value
  const refuse = (why: string) => refused('authorization', why)
  if (!equalBytes(agent, statement.agent)) throw refuse('it names another agent')
  if (!isSame(fileDigest, statement.fileDigest)) throw refuse('its fileDigest is not the one of the statement')
  if (chatTemplateDigest && !isSame(chatTemplateDigest, statement.chatTemplateDigest)) {
    throw refuse('its chatTemplateDigest is not the one of the statement')
  }
  if (!isSame(signed.digest, statement.authorization)) throw refuse('the statement names another authorization or none')
  if (atMs < createdMs || atMs >= expiresMs) throw refuse(`it holds from ${createdMs} to ${expiresMs}, wanted ${atMs}`)
  return signed as VerifiedAuthorization
}

async function verifySigned<T extends { readonly network: Uint8Array }>(
  thing: Thing,
  table: Table<T>,
  document: Uint8Array,
  network: Uint8Array,
  signers: readonly Uint8Array[],
): Promise<Signed<T, string>> {
  const { body, key } = await verifyDocument(thing, document.slice())
  if (!signers.some((signer) => equalBytes(signer, key))) {
    throw new PacketError('SIGNATURE_INVALID', `Cannot take the ${thing}: it is signed by a key that may not sign it`)
  }
  const value = read(table, body)
  if (!equalBytes(value.network, network)) {
    throw new PacketError('NETWORK_MISMATCH', `Cannot take the ${thing}: it is of another network`)
  }
  return { value, digest: documentDigest(thing, body), signedBy: key, __brand: thing }
}

const isSame = (a: Uint8Array | undefined, b: Uint8Array | undefined): boolean =>
  a === undefined || b === undefined ? a === b : equalBytes(a, b)

const refused = (thing: Thing, why: string) => new PacketError('DOCUMENT_MALFORMED', `Cannot take the ${thing}: ${why}`)

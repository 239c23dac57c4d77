/**
 * The model statement: what this agent says it runs (docs/protocol.md §13).
 *
 * @module
 */
import { encode, ModelStatement } from '@mystranet/schemas/messages'
import { documentDigest } from '@mystranet/sdk/envelope'
import { controlPartition } from '@mystranet/sdk/proof/leaf'
import { signModelStatement } from '@mystranet/sdk/proof/model-statement'
import { checkLeaf, verifyReceipt } from '@mystranet/sdk/proof/receipt'
import type { EngineDescription } from './engine.ts'
import type { PacketKey } from './keys/ring.ts'
import type { Receiver } from './receive.ts'

/** Digests of what others said of the model, where they did. */
export interface Endorsement {
  readonly registryEntry?: Uint8Array | undefined
  readonly authorization?: Uint8Array | undefined
}

/** The statement of an engine. A digest that is not known is absent. */
export function statementOf(
  engine: EngineDescription,
  { instance: agent, trust, clock }: Receiver,
  { registryEntry, authorization }: Endorsement = {},
): ModelStatement {
  return {
    network: trust.network,
    agent,
    name: fit(engine.model, 256),
    fileDigest: engine.fileDigest,
    chatTemplateDigest: engine.chatTemplateDigest,
    tokenizerDigest: engine.tokenizerDigest,
    architecture: textOf(engine.architecture),
    quantisation: textOf(engine.quantisation),
    engine: fit(engine.engine, 128),
    runtime: fit(engine.runtime || engine.engineVersion || 'unknown', 256),
    runtimeDigest: engine.runtimeDigest,
    contextTokens: engine.contextTokens || undefined,
    createdMs: clock.now(),
    registryEntry,
    authorization,
    scan: engine.scan,
  }
}

/**
 * Signs a statement by a packet key and has it logged: an OPEN under that key comes after its leaf.
 *
 * @param log Sends the document; gives its receipt.
 * @returns Exact bytes of the document.
 * @throws what `log` throws; {@link PacketError} when its receipt is not believed.
 */
export async function logStatement(
  statement: ModelStatement,
  { signer }: PacketKey,
  { trust }: Receiver,
  log: (document: Uint8Array) => Promise<readonly Uint8Array[]>,
): Promise<Uint8Array> {
  const document = await signModelStatement(statement, signer)
  const [receipt] = await log(document)
  const { leaf } = await verifyReceipt(receipt ?? new Uint8Array(0), trust)
  const subject = documentDigest('model-statement', encode(ModelStatement, statement))
  checkLeaf(leaf, { kind: 'model-statement', subject, partition: controlPartition('model-statement') })
  return document
}

const textOf = (text: string | undefined): string | undefined => (text ? fit(text, 128) : undefined)

/** At most so many bytes of UTF-8, cut between characters. */
function fit(text: string, maxBytes: number): string {
  let end = text.length
  while (new TextEncoder().encode(text.slice(0, end)).length > maxBytes || !text.slice(0, end).isWellFormed()) end -= 1
  return text.slice(0, end)
}

/**
 * The log's part in the loop: each finding gets a leaf, and once that is confirmed `control.commits.v1` says so.
 *
 * Both steps have one effect however often they are made: the log keeps one leaf for each kind and digest, and the feedback
 * about a finding has one id.
 *
 * @module
 */
import type { Topic } from '@mystranet/schemas/topics'
import { concat, utf8 } from '@mystranet/sdk/bytes'
import type { DocumentSigner } from '@mystranet/sdk/envelope'
import { instanceId } from '@mystranet/sdk/keys/instance-id'
import { parseCheckpoint } from '@mystranet/sdk/proof/checkpoint'
import { controlPartition, type LeafKind } from '@mystranet/sdk/proof/leaf'
import { hashLeaf, sha256 } from '@mystranet/sdk/proof/merkle'
import { parseNote } from '@mystranet/sdk/proof/note'
import { parseReceipt } from '@mystranet/sdk/proof/receipt'
import type { PacketLog } from '../ports.ts'
import type { AdmittedMessage } from './admit.ts'
import { signMessage } from './sign.ts'
import type { TopicConsumer, Topics } from './topics.ts'

export interface FindingsDeps {
  readonly topics: Topics
  readonly log: Pick<PacketLog, 'commit'>
  readonly network: Uint8Array
  /** Signs the feedback: the nexus's own key, which the trust file names. */
  readonly signer: DocumentSigner
  nowMs(): number
  random(bytes: number): Uint8Array
}

/** Which leaf a finding of a topic gets. */
export const LEAF_OF = {
  'ai.anomalies.v1': 'anomaly',
  'ai.evidence.v1': 'evidence',
  'ai.policy.v1': 'policy',
} as const satisfies Partial<Record<Topic, LeafKind>>

type FindingTopic = keyof typeof LEAF_OF

const FEEDBACK_ID = utf8('mystranet/v1/commit-feedback\0')
/** Name of the consumer. */
export const LOG_CONSUMER = 'log'

/** Consumes the topics of findings for the log. Each consumer is pumped by its owner. */
export function logFindings(deps: FindingsDeps): readonly TopicConsumer[] {
  return (Object.keys(LEAF_OF) as FindingTopic[]).map((topic) =>
    deps.topics.consume(topic, LOG_CONSUMER, (finding) => logFinding(deps, topic, finding)),
  )
}

async function logFinding(deps: FindingsDeps, topic: FindingTopic, finding: AdmittedMessage): Promise<void> {
  const { log, topics, signer, network } = deps
  const kind = LEAF_OF[topic]
  const { digest, message } = finding
  const [bytes] = await log.commit([{ kind, partition: controlPartition(kind), subject: digest, attempt: 0 }])
  const receipt = parseReceipt(bytes as Uint8Array)
  const feedback = {
    id: sha256(concat(FEEDBACK_ID, digest)),
    network,
    ts: deps.nowMs(),
    producerId: instanceId(signer.publicKey),
    nonce: deps.random(16),
    pubkey: signer.publicKey,
    findingId: message.id,
    leafIndex: receipt.index ?? 0n,
    leafHash: hashLeaf(receipt.leaf),
    treeSize: parseCheckpoint(parseNote(receipt.checkpoint).text).treeSize,
  }
  await topics.publish('control.commits.v1', await signMessage('control.commits.v1', feedback, signer))
}

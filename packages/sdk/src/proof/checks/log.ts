/**
 * The checks against the log: where each leaf stands, who cosigned it, and when.
 *
 * @module
 */
import { MAX_SKEW_MS } from '@mystranet/schemas/limits'
import type { Receipt } from '@mystranet/schemas/messages'
import { equalBytes } from '../../bytes.ts'
import type { ParsedHeader } from '../../envelope/parse.ts'
import { PacketError } from '../../errors.ts'
import { type Checkpoint, verifyCheckpoint } from '../checkpoint.ts'
import { type LeafKind, packetPartition } from '../leaf.ts'
import { type Addendum, checkLeaf, type VerifiedReceipt, verifyReceipt } from '../receipt.ts'
import { isInForce } from '../routing-table.ts'
import { settled } from '../settled.ts'
import { about, type Check, type Facts, receiptsOf, replyOf, requestOf } from './check.ts'
import type { CheckName } from './name.ts'

/** A leaf in the log is a leaf under a checkpoint that is trusted. */
const GROUND: readonly CheckName[] = ['envelope', 'checkpoint', 'witness-quorum']

/** The check of a packet's own leaf. */
const inclusion = (name: CheckName, part: 'request' | 'open' | 'close', kind: LeafKind, called: string): Check => ({
  name,
  needs: GROUND,
  async run(facts) {
    const packet = facts[part]
    if (!packet) return `there is no ${called}`
    const logged = await proveLeaf(facts, facts.saved[part]?.receipt, packet, kind)
    if (logged) facts.logged[part] = logged
    return logged ? undefined : `${called} has no receipt`
  },
})

export const inclusionChecks: readonly Check[] = [
  inclusion('request-inclusion', 'request', 'request', 'the request'),
  { name: 'attempt-inclusion', needs: GROUND, after: ['request-inclusion', 'open-inclusion'], run: proveAttempt },
  inclusion('open-inclusion', 'open', 'stream-open', 'OPEN'),
  inclusion('close-inclusion', 'close', 'stream-close', 'CLOSE'),
]

const partitionOf = (facts: Facts): Uint8Array => {
  const { sender, correlationId } = requestOf(facts).core
  return packetPartition(sender, correlationId)
}

async function proveLeaf(
  facts: Facts,
  receipt: Receipt | undefined,
  { id, core }: ParsedHeader,
  kind: LeafKind,
): Promise<VerifiedReceipt | undefined> {
  if (receipt === undefined) return undefined
  const logged = await verifyReceipt(receipt, facts.trust, facts.checkpoints)
  const { attempt, contentCommitment: commitment } = core
  checkLeaf(logged.leaf, { kind, subject: id, partition: partitionOf(facts), attempt, commitment })
  checkAddendum(logged.addendum, core)
  return logged
}

function checkAddendum(addendum: Addendum | undefined, core: ParsedHeader['core']): void {
  const same =
    addendum?.sender !== undefined &&
    addendum.senderKey !== undefined &&
    equalBytes(addendum.sender, core.sender) &&
    equalBytes(addendum.senderKey, core.senderKey) &&
    addendum.epoch === core.epoch &&
    addendum.seq === core.seq &&
    addendum.recipients.length === core.recipients.length &&
    addendum.recipients.every((each, i) => equalBytes(each, core.recipients[i]!))
  if (!same) throw mismatch('its addendum names another sender, key, sequence or recipients')
}

async function proveAttempt(facts: Facts): Promise<string | undefined> {
  const { saved, trust, logged } = facts
  if (saved.attempt === undefined) return 'the attempt has no receipt'
  const proven = await verifyReceipt(saved.attempt, trust, facts.checkpoints)
  const request = requestOf(facts)
  const attempt = replyOf(facts)?.core.attempt ?? Math.max(1, proven.leaf.attempt)
  const commitment = request.core.tableDigest
  checkLeaf(proven.leaf, { kind: 'attempt', subject: request.id, partition: partitionOf(facts), attempt, commitment })
  if (proven.addendum?.decision === undefined) throw mismatch('its addendum names no decision')
  if (logged.request && proven.position <= logged.request.position) throw mismatch('the attempt is before its request')
  if (logged.open && proven.position >= logged.open.position) throw mismatch('the attempt is not before OPEN')
  logged.attempt = proven
  if (!logged.request) return 'the leaf of the request is not proven'
  return facts.open && !logged.open ? 'the leaf of OPEN is not proven' : undefined
}

export const checkpointChecks: readonly Check[] = [
  { name: 'checkpoint', run: checkCheckpoints },
  {
    name: 'witness-quorum',
    needs: ['checkpoint'],
    run({ quorumFault }) {
      if (quorumFault !== undefined) throw quorumFault
      return undefined
    },
  },
  {
    name: 'witness-independence',
    needs: ['witness-quorum'],
    async run(facts) {
      if (facts.trust.operators.size === 0) return 'the trust file names no operators'
      for (const [what, { checkpoint }] of receiptsOf(facts)) {
        const { independent } = await facts.checkpoints(checkpoint)
        if (!independent) throw untrusted(`${what}: no quorum when the witnesses of one operator count once`)
      }
      return undefined
    },
  },
]

async function checkCheckpoints(facts: Facts): Promise<string | undefined> {
  // All at once: where signatures are verified asynchronously, they are verified side by side.
  const heads = await settled(
    receiptsOf(facts).map(([what, receipt]) => about(what, readHead(facts, receipt.checkpoint))),
  )
  if (heads.length === 0) return 'there are no receipts'
  const roots = new Map<string, Checkpoint>()
  for (const { head, fault } of heads) {
    if (fault) facts.quorumFault ??= fault
    const tree = `${head.origin} at size ${head.treeSize}`
    const other = roots.get(tree)
    if (other && !equalBytes(other.rootHash, head.rootHash)) throw untrusted(`it forked: two roots of ${tree}`)
    roots.set(tree, head)
  }
  return undefined
}

/** A checkpoint that its log signed, and what is wrong with its witnesses, for the next check. */
async function readHead(facts: Facts, note: Uint8Array): Promise<{ head: Checkpoint; fault?: PacketError }> {
  try {
    return { head: await facts.checkpoints(note) }
  } catch (error) {
    // What is more than a missed quorum is thrown again.
    const { logs } = facts.trust.policy
    const head = await verifyCheckpoint(note, { policy: { logs, witnesses: [], groups: [], quorum: 'none' } })
    return { head, fault: error as PacketError }
  }
}

export const freshnessChecks: readonly Check[] = [
  {
    name: 'freshness',
    needs: ['envelope', 'request-inclusion'],
    after: ['attempt-inclusion', 'routing-table'],
    run(facts) {
      const { logged, table } = facts
      const { createdMs, expiresMs } = requestOf(facts).core
      const [from, to] = [createdMs - MAX_SKEW_MS, expiresMs + MAX_SKEW_MS]
      const within = (timeMs: number) => timeMs >= from && timeMs <= to
      for (const name of ['request', 'attempt'] as const) {
        const receipt = logged[name]
        if (receipt === undefined) continue
        if (!within(receipt.leaf.timeMs)) throw stale(`the ${name}'s leaf is of another time than the request`)
        if (!within(receipt.quorumTimeMs)) throw stale(`the ${name}'s leaf was cosigned at another time than asked`)
      }
      if (table && !isInForce(table.table, createdMs)) throw stale('the routing table was not in force')
      if (!logged.attempt) return 'the leaf of the attempt is not proven'
      return table ? undefined : 'the routing table is not proven'
    },
  },
]

const mismatch = (why: string) => new PacketError('LEAF_MISMATCH', why)
const untrusted = (why: string) => new PacketError('CHECKPOINT_UNTRUSTED', why)
const stale = (why: string) => new PacketError('CLOCK_SKEWED', why)

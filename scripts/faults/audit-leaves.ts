/** @module What the leaves say, each and together (docs/protocol.md §10). */
import type { Finding } from './audit-log.ts'

interface Leaf {
  readonly index: number
  readonly kind: number
  readonly timeMs: number
  readonly partition: string
  readonly seq: number
  readonly previous: string
  readonly subject: string
  readonly attempt: number
}

/** A request, as its leaves tell it. */
export interface Request {
  /** Leaves that say who may run it. */
  readonly attempts: number
  /** Closed, refused, dead, void or cancelled. */
  readonly isEnded: boolean
}

const LABEL = Buffer.from('mystranet/v1/leaf\0', 'latin1')
const KIND = {
  REQUEST: 1,
  ATTEMPT: 2,
  OPEN: 3,
  CLOSE: 4,
  ACK: 5,
  NACK: 6,
  DEAD: 7,
  CANCEL: 9,
  VOID: 10,
  LAST: 21,
} as const
/** Kinds that stand in a request's partition. */
const OF_REQUESTS = 10
const BARE = '00'
/** u32 167, and that what it points to, in the entry, is the digest of an addendum. */
const WITH_ADDENDUM = '000000a701'
const NONE = '00'.repeat(32)

/** Parses each leaf, and holds it to its form, its time and its place in its partition. */
export function readLeaves(leaves: readonly Uint8Array[], hashes: readonly Uint8Array[], findings: Finding[]): Leaf[] {
  const said: Leaf[] = []
  const ends = new Map<string, { seq: number; hash: string }>()
  const seen = new Set<string>()
  let timeMs = 0
  for (const [index, bytes] of leaves.entries()) {
    const leaf = readLeaf(bytes, index)
    if (leaf === undefined) {
      findings.push({ what: 'leaf', where: `${index}: it has another form` })
      continue
    }
    said.push(leaf)
    if (leaf.timeMs < timeMs)
      findings.push({ what: 'leaf', where: `${index}: its time is before that of the leaf before` })
    timeMs = leaf.timeMs
    const before = ends.get(leaf.partition) ?? { seq: 0, hash: NONE }
    if (leaf.seq !== before.seq + 1 || leaf.previous !== before.hash) {
      findings.push({ what: 'partition', where: `${index}: number ${leaf.seq} does not follow ${before.seq}` })
    }
    ends.set(leaf.partition, { seq: leaf.seq, hash: Buffer.from(hashes[index] as Uint8Array).toString('hex') })
    const name = `${leaf.kind} ${leaf.subject} ${leaf.attempt}`
    if (seen.has(name)) findings.push({ what: 'leaf', where: `${index}: logged twice` })
    seen.add(name)
  }
  return said
}

function readLeaf(bytes: Uint8Array, index: number): Leaf | undefined {
  const leaf = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (leaf.length < 200 || !leaf.subarray(0, 18).equals(LABEL)) return undefined
  const addendum = leaf.toString('hex', 167, 199)
  const suffix = leaf.toString('hex', 199)
  if (suffix !== (addendum === NONE ? BARE : WITH_ADDENDUM)) return undefined
  const kind = leaf[18] as number
  if (kind < KIND.REQUEST || kind > KIND.LAST) return undefined
  return {
    index,
    kind,
    timeMs: Number(leaf.readBigUInt64BE(19)),
    partition: leaf.toString('hex', 27, 59),
    seq: Number(leaf.readBigUInt64BE(59)),
    previous: leaf.toString('hex', 67, 99),
    subject: leaf.toString('hex', 99, 131),
    attempt: leaf.readUInt32BE(131),
  }
}

/** Holds each request's leaves to their order. */
export function readRequests(leaves: readonly Leaf[], findings: Finding[]): Map<string, Request> {
  const partitions = new Map<string, Leaf[]>()
  for (const leaf of leaves) {
    if (leaf.kind > OF_REQUESTS) continue
    const others = partitions.get(leaf.partition)
    if (others === undefined) partitions.set(leaf.partition, [leaf])
    else others.push(leaf)
  }
  const requests = new Map<string, Request>()
  for (const of of partitions.values()) {
    const [request] = of
    if (request?.kind !== KIND.REQUEST) {
      findings.push({ what: 'partition', where: `${request?.index}: it has no request` })
      continue
    }
    const why = wrongOrder(request, of)
    if (why !== undefined) findings.push({ what: 'attempt', where: `${request.subject}: ${why}` })
    const attempts = of.filter(({ kind }) => kind === KIND.ATTEMPT).length
    const isEnded = of.some(
      ({ kind, attempt }) =>
        kind === KIND.DEAD ||
        kind === KIND.VOID ||
        kind === KIND.CANCEL ||
        ((kind === KIND.CLOSE || kind === KIND.NACK) && attempt === attempts),
    )
    if (!isEnded) findings.push({ what: 'unended', where: request.subject })
    requests.set(request.subject, { attempts, isEnded })
  }
  return requests
}

/** Attempts are numbered without a gap; each has one OPEN and one end at most, all of them after it. */
function wrongOrder(request: Leaf, of: readonly Leaf[]): string | undefined {
  let made = 0
  const opened = new Set<number>()
  const ended = new Set<number>()
  for (const { kind, attempt, subject, index } of of.slice(1)) {
    if (kind === KIND.REQUEST) return `a second request at ${index}`
    if (kind === KIND.ATTEMPT) {
      made += 1
      if (attempt !== made || subject !== request.subject) return `attempt ${attempt} at ${index}, wanted ${made}`
      continue
    }
    const isReply = kind >= KIND.OPEN && kind <= KIND.NACK
    if (isReply && (attempt < 1 || attempt > made))
      return `a reply of attempt ${attempt} at ${index}, which was not made`
    if (kind === KIND.OPEN) {
      if (opened.has(attempt) || ended.has(attempt)) return `a second OPEN of attempt ${attempt} at ${index}`
      opened.add(attempt)
    }
    if (kind === KIND.CLOSE || kind === KIND.NACK) {
      if (ended.has(attempt)) return `a second end of attempt ${attempt} at ${index}`
      ended.add(attempt)
    }
  }
  return undefined
}

/**
 * Reads a log as a stranger would and computes everything anew. Shares no code with the writer but the formats of the
 * SDK, so that one mistake cannot hide in both.
 *
 * @module
 */
import { equalBytes, toHex } from '@mystranet/sdk/bytes'
import { isPacketError } from '@mystranet/sdk/errors'
import { type CheckpointTrust, type VerifiedCheckpoint, verifyCheckpoint } from '@mystranet/sdk/proof/checkpoint'
import { type Leaf, parseLeaf } from '@mystranet/sdk/proof/leaf'
import { computeRoot, createFrontier, type Hash, hashLeaf } from '@mystranet/sdk/proof/merkle'
import {
  encodeTile,
  encodeTilePath,
  parseBundle,
  TILE_WIDTH,
  type TileId,
  tilesBetween,
} from '@mystranet/sdk/proof/tile'

/** Where the log is read: a folder, a store, or HTTP. Paths are those of C2SP tlog-tiles, and `checkpoint`. */
export interface LogReader {
  read(path: string): Promise<Uint8Array | undefined>
}

export interface Finding {
  /** The resource, or `entry N`. */
  readonly where: string
  readonly what: string
  /** The bytes that belong there, when they follow from entries that give the signed root. */
  readonly repair?: Uint8Array
}

export interface FsckReport {
  /** Undefined when the checkpoint itself cannot be trusted: then nothing else was read. */
  readonly checkpoint: VerifiedCheckpoint | undefined
  readonly entries: number
  /** None in a sound log. */
  readonly findings: readonly Finding[]
}

/**
 * Checks the checkpoint, every entry, every hash of every tile, the root, and the links, places and times of the leaves.
 * Memory: one hash for each tile, one head for each partition.
 *
 * @param trust Pass a policy with `quorum none` to check a log whose witnesses are not known.
 * @param onLeaf Called for each leaf in order, after its own checks.
 */
export async function verifyLog(
  reader: LogReader,
  trust: CheckpointTrust,
  onLeaf: (leaf: Leaf, index: number) => void = () => {},
): Promise<FsckReport> {
  const findings: Finding[] = []
  const note = await reader.read('checkpoint')
  let checkpoint: VerifiedCheckpoint
  try {
    if (note === undefined)
      return { checkpoint: undefined, entries: 0, findings: [{ where: 'checkpoint', what: 'missing' }] }
    checkpoint = await verifyCheckpoint(note, trust)
  } catch (error) {
    if (!isPacketError(error)) throw error
    return { checkpoint: undefined, entries: 0, findings: [{ where: 'checkpoint', what: error.message }] }
  }
  const ids = [...tilesBetween(0n, checkpoint.treeSize)]
  const entries = await readEntries(reader, ids, findings, onLeaf)
  const sound = equalBytes(entries.root, checkpoint.rootHash)
  if (!sound) findings.push({ where: 'checkpoint', what: 'the entries do not give the root that it signs' })
  await checkTiles(reader, ids, entries.hashes, sound, findings)
  return { checkpoint, entries: entries.count, findings }
}

/** Writes what {@link verifyLog} could compute. Never signs, never touches entries. @returns How many were written. */
export async function repairTiles(
  report: FsckReport,
  tiles: { write(path: string, bytes: Uint8Array): Promise<void>; sync(): Promise<void> },
): Promise<number> {
  const repairs = report.findings.filter(({ repair }) => repair !== undefined)
  for (const { where, repair } of repairs) await tiles.write(where, repair as Uint8Array)
  await tiles.sync()
  return repairs.length
}

async function readEntries(
  reader: LogReader,
  ids: readonly TileId[],
  findings: Finding[],
  onLeaf: (leaf: Leaf, index: number) => void,
) {
  const tree = createFrontier()
  const hashes: Hash[] = []
  const check = linkChecker(findings)
  for (const id of ids.filter(({ level }) => level === 'entries')) {
    const entries = await readBundle(reader, id, findings)
    // A hole ends the reading: nothing behind it can be placed.
    if (entries === undefined) break
    for (const bytes of entries) {
      const hash = hashLeaf(bytes)
      const leaf = check(bytes, hash, hashes.length)
      if (leaf !== undefined) onLeaf(leaf, hashes.length)
      tree.append(hash)
      hashes.push(hash)
    }
  }
  return { root: tree.root(), hashes, count: hashes.length }
}

async function readBundle(reader: LogReader, id: TileId, findings: Finding[]): Promise<Uint8Array[] | undefined> {
  const path = encodeTilePath(id)
  const bytes = await reader.read(path)
  try {
    if (bytes !== undefined) return parseBundle(bytes, id.width)
    findings.push({ where: path, what: 'missing' })
  } catch (error) {
    if (!isPacketError(error)) throw error
    findings.push({ where: path, what: error.message })
  }
  return undefined
}

function linkChecker(findings: Finding[]) {
  const heads = new Map<string, { seq: bigint; hash: Hash }>()
  let lastMs = 0
  return (bytes: Uint8Array, hash: Hash, index: number): Leaf | undefined => {
    const say = (what: string) => findings.push({ where: `entry ${index}`, what })
    let leaf: Leaf
    try {
      leaf = parseLeaf(bytes)
    } catch (error) {
      if (!isPacketError(error)) throw error
      say(error.message)
      return undefined
    }
    const partition = toHex(leaf.partition)
    const head = heads.get(partition) ?? { seq: 0n, hash: new Uint8Array(32) }
    if (leaf.seq !== head.seq + 1n) say(`its place in the partition is ${leaf.seq}, wanted ${head.seq + 1n}`)
    if (!equalBytes(leaf.previous, head.hash)) say('it does not name the leaf before it in the partition')
    if (leaf.timeMs < lastMs) say(`its time ${leaf.timeMs} lies before ${lastMs}`)
    heads.set(partition, { seq: leaf.seq, hash })
    lastMs = Math.max(lastMs, leaf.timeMs)
    return leaf
  }
}

/** Computes each level from the one below, from the entries up, and compares what is stored. */
async function checkTiles(
  reader: LogReader,
  ids: readonly TileId[],
  leafHashes: readonly Hash[],
  sound: boolean,
  findings: Finding[],
): Promise<void> {
  let hashes = leafHashes
  for (let level = 0; hashes.length > 0; level++) {
    const above: Hash[] = []
    for (const id of ids.filter((candidate) => candidate.level === level)) {
      const start = Number(id.index) * TILE_WIDTH
      const part = hashes.slice(start, start + id.width)
      const wanted = encodeTile(part)
      const stored = await reader.read(encodeTilePath(id))
      if (stored === undefined || !equalBytes(stored, wanted)) {
        const what = stored === undefined ? 'missing' : 'its hashes are not those of the entries'
        findings.push({ where: encodeTilePath(id), what, ...(sound && { repair: wanted }) })
      }
      if (part.length === TILE_WIDTH) above.push(computeRoot(part))
    }
    hashes = above
  }
}

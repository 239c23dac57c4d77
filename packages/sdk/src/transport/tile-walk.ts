/**
 * Consistency between checkpoints, proven from the log's tiles ({@link https://c2sp.org/tlog-tiles C2SP tlog-tiles}). Loaded
 * when the first proof is needed.
 *
 * @module
 */
import { equalBytes } from '../bytes.ts'
import { isPacketError, PacketError } from '../errors.ts'
import { verifyConsistency } from '../proof/consistency.ts'
import { computeRoot, type Hash, hashNode, type TreeHead } from '../proof/merkle.ts'
import { consistencyRanges, type LeafRange } from '../proof/prove.ts'
import { hashesAtLevel, parseTile, TILE_WIDTH, type TileId } from '../proof/tile.ts'

/** Fetches a tile of hashes. A partial one may be gone once it is full: then the full one will do. */
export type ReadTile = (id: TileId) => Promise<Uint8Array>

const WIDTH = BigInt(TILE_WIDTH)

/**
 * Proves that each of `olders` is the beginning of `newer`. Fetches the tiles at the right edge of `newer`, and for each older
 * tree about one tile a level; every tile is held to the root of `newer` before it is used.
 *
 * @returns Those that are not its beginning: each is proof of a fork, for the tiles are those of `newer`.
 * @throws {PacketError} what `read` throws; `PROOF_INVALID` when the tiles are not those of `newer`: nothing is known then.
 */
export async function findForks<T extends TreeHead>(
  read: ReadTile,
  olders: readonly T[],
  newer: TreeHead,
): Promise<readonly T[]> {
  const tree = await openTree(read, newer)
  const forks: T[] = []
  for (const older of olders) {
    const path = await Promise.all(consistencyRanges(older.treeSize, newer.treeSize).map(tree.hashRange))
    try {
      verifyConsistency(older, newer, path)
    } catch (error) {
      if (!isPacketError(error)) throw error
      forks.push(older)
    }
  }
  return forks
}

async function openTree(read: ReadTile, { treeSize, rootHash }: TreeHead) {
  const tiles = new Map<string, Promise<readonly Hash[]>>()

  function tile(level: number, index: bigint): Promise<readonly Hash[]> {
    const name = `${level}/${index}`
    const known = tiles.get(name) ?? fetchTile(level, index)
    tiles.set(name, known)
    return known
  }

  async function fetchTile(level: number, index: bigint): Promise<readonly Hash[]> {
    const left = hashesAtLevel(treeSize, level) - index * WIDTH
    const width = left < WIDTH ? Number(left) : TILE_WIDTH
    const hashes = parse(await read({ level, index, width }), width)
    // A partial tile is of the right edge, which the root is made of. A full one is one hash of the level above.
    if (width < TILE_WIDTH) return hashes
    const above = (await tile(level + 1, index / WIDTH))[Number(index % WIDTH)] as Hash
    if (!equalBytes(computeRoot(hashes), above)) throw notOfTree(`tile ${level}/${index} is not the one that they name`)
    return hashes
  }

  /** Hash of a complete subtree: of one tile, for its size divides its start. */
  async function hashComplete(start: bigint, height: number): Promise<Hash> {
    const level = Math.floor(height / 8)
    const first = start >> BigInt(8 * level)
    const hashes = await tile(level, first / WIDTH)
    const at = Number(first % WIDTH)
    return computeRoot(hashes.slice(at, at + 2 ** (height % 8)))
  }

  async function hashRange({ start, end }: LeafRange): Promise<Hash> {
    const parts: Promise<Hash>[] = []
    for (let at = start; at < end; ) {
      let height = 0
      while (at % (2n << BigInt(height)) === 0n && at + (2n << BigInt(height)) <= end) height++
      parts.push(hashComplete(at, height))
      at += 1n << BigInt(height)
    }
    const hashes = await Promise.all(parts)
    return hashes.reduceRight((right, left) => hashNode(left, right))
  }

  const root = await hashRange({ start: 0n, end: treeSize })
  if (!equalBytes(root, rootHash)) throw notOfTree('they lead to another root')
  return { hashRange }
}

function parse(bytes: Uint8Array, width: number): readonly Hash[] {
  // A full tile where a partial one was asked for begins with it.
  const wanted = bytes.length === TILE_WIDTH * 32 ? bytes.subarray(0, width * 32) : bytes
  try {
    return parseTile(wanted, width)
  } catch (cause) {
    throw notOfTree('one of them has another size', { cause })
  }
}

const notOfTree = (why: string, options?: ErrorOptions) =>
  new PacketError('PROOF_INVALID', `Cannot use the log's tiles: ${why} than its checkpoint's`, options)

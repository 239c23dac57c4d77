/**
 * The log's tree as the sequencer holds it: the tiles at its right edge in memory, the others read when a proof needs
 * them. Sizes and indices are numbers, checked to be safe integers.
 *
 * @module
 */
import { PacketError } from '@mystranet/sdk/errors'
import { computeRoot, EMPTY_ROOT, type Hash, hashNode } from '@mystranet/sdk/proof/merkle'
import { consistencyRanges, inclusionRanges, type LeafRange } from '@mystranet/sdk/proof/prove'
import { encodeTilePath, parseTile, TILE_WIDTH } from '@mystranet/sdk/proof/tile'
import type { TileStore } from './ports.ts'

/** Full tiles kept in memory: 8 MiB. */
const MAX_CACHED_TILES = 1_024
/** Node hashes kept in memory for each level. */
const MAX_CACHED_NODES = 16_384

export interface LogTree {
  readonly size: number
  append(leafHash: Hash): void
  /** Root of the whole tree. */
  root(): Promise<Hash>
  /** Inclusion path of a leaf in the tree's first `treeSize` leaves. */
  inclusion(leafIndex: number, treeSize: number): Promise<Hash[]>
  /** Consistency path between two sizes, both at most {@link LogTree.size}. */
  consistency(oldSize: number, treeSize: number): Promise<Hash[]>
  /** The first `width` hashes of a tile. @throws {PacketError} `STORE_FAILED` when the store has lost it. */
  tile(level: number, index: number, width: number): Promise<readonly Hash[]>
}

/**
 * Restores the tree at a size that is a multiple of 256.
 *
 * @throws {PacketError} `STORE_FAILED` when a full tile is missing.
 */
export async function openTree(size: number, tiles: TileStore): Promise<LogTree> {
  if (!Number.isSafeInteger(size) || size % TILE_WIDTH !== 0) throw new RangeError(`Cannot open a tree at ${size}`)
  const store = tileCache(tiles)
  store.restore(0, size / TILE_WIDTH, [])
  for (let level = 1, count = size / TILE_WIDTH; count > 0; level++, count = Math.floor(count / TILE_WIDTH)) {
    const start = count - (count % TILE_WIDTH)
    const hashes: Hash[] = []
    for (let below = start; below < count; below++) hashes.push(computeRoot(await store.load(level - 1, below)))
    store.restore(level, start / TILE_WIDTH, hashes)
  }
  return createTree(size, store)
}

function createTree(start: number, store: TileCache): LogTree {
  let size = start
  const nodes = nodeCache(store)

  const append = (level: number, hash: Hash) => {
    const edge = store.edge(level)
    edge.push(hash)
    if (edge.length < TILE_WIDTH) return
    store.fill(level)
    append(level + 1, computeRoot(edge))
  }
  const prove = async (ranges: readonly LeafRange[]) => {
    const path: Hash[] = []
    for (const range of ranges) path.push(await nodes.rangeHash(Number(range.start), Number(range.end)))
    return path
  }
  const within = (treeSize: number) => {
    if (treeSize > size) throw new RangeError(`Cannot prove for size ${treeSize}: the tree has ${size}`)
    return BigInt(treeSize)
  }
  return {
    get size() {
      return size
    },
    append(leafHash) {
      append(0, leafHash)
      size += 1
    },
    root: async () => (size === 0 ? EMPTY_ROOT : nodes.rangeHash(0, size)),
    inclusion: (leafIndex, treeSize) => prove(inclusionRanges(BigInt(leafIndex), within(treeSize))),
    consistency: (oldSize, treeSize) => prove(consistencyRanges(BigInt(oldSize), within(treeSize))),
    tile: async (level, index, width) => (await store.get(level, index, width)).slice(0, width),
  }
}

interface TileCache {
  restore(level: number, index: number, hashes: Hash[]): void
  /** Hashes of the tile at the right edge; the caller pushes to it. */
  edge(level: number): Hash[]
  /** The edge is full: the next tile begins. */
  fill(level: number): void
  load(level: number, index: number): Promise<readonly Hash[]>
  /** At least `width` hashes, from memory or the store. */
  get(level: number, index: number, width: number): Promise<readonly Hash[]>
  peek(level: number, index: number): readonly Hash[] | undefined
}

function tileCache(tiles: TileStore): TileCache {
  const edges: { index: number; hashes: Hash[] }[] = []
  const full = new Map<string, readonly Hash[]>()
  const keep = (level: number, index: number, hashes: readonly Hash[]) => {
    full.set(`${level}/${index}`, hashes)
    for (const oldest of full.keys()) {
      if (full.size <= MAX_CACHED_TILES) break
      full.delete(oldest)
    }
  }
  const cache: TileCache = {
    restore(level, index, hashes) {
      edges[level] = { index, hashes }
    },
    edge(level) {
      edges[level] ??= { index: 0, hashes: [] }
      return edges[level].hashes
    },
    fill(level) {
      const edge = edges[level]
      if (edge === undefined) throw new RangeError(`Cannot fill level ${level}: it has no edge`)
      keep(level, edge.index, edge.hashes)
      edges[level] = { index: edge.index + 1, hashes: [] }
    },
    async load(level, index) {
      const known = cache.peek(level, index)
      if (known !== undefined && known.length === TILE_WIDTH) return known
      const path = encodeTilePath({ level, index: BigInt(index), width: TILE_WIDTH })
      const bytes = await tiles.read(path)
      if (bytes === undefined)
        throw new PacketError('STORE_FAILED', `Cannot read ${path}: it is missing, wanted a full tile`)
      const hashes = parseTile(bytes, TILE_WIDTH)
      keep(level, index, hashes)
      return hashes
    },
    peek(level, index) {
      const edge = edges[level]
      if (edge?.index === index && edge.hashes.length > 0) return edge.hashes
      return full.get(`${level}/${index}`)
    },
    async get(level, index, width) {
      const known = cache.peek(level, index)
      return known !== undefined && known.length >= width ? known : cache.load(level, index)
    },
  }
  return cache
}

/** Hashes of complete subtrees; they never change, so they are kept until room is needed. */
function nodeCache(store: TileCache) {
  const levels: Map<number, Hash>[] = []
  const remember = (level: number, index: number, hash: Hash) => {
    levels[level] ??= new Map()
    const known = levels[level]
    known.set(index, hash)
    if (known.size > MAX_CACHED_NODES) known.delete(known.keys().next().value as number)
    return hash
  }
  const fromTile = (hashes: readonly Hash[], level: number, height: number, index: number): Hash => {
    if (height === 0) return hashes[index % TILE_WIDTH] as Hash
    const known = levels[level]?.get(index)
    if (known !== undefined) return known
    const left = fromTile(hashes, level - 1, height - 1, 2 * index)
    return remember(level, index, hashNode(left, fromTile(hashes, level - 1, height - 1, 2 * index + 1)))
  }
  const nodeHash = async (level: number, index: number): Promise<Hash> => {
    const known = levels[level]?.get(index)
    if (known !== undefined) return known
    const height = level % 8
    const span = 2 ** (8 - height)
    const tile = Math.floor(index / span)
    const width = ((index % span) + 1) * 2 ** height
    return fromTile(await store.get((level - height) / 8, tile, width), level, height, index)
  }
  const rangeHash = async (start: number, end: number): Promise<Hash> => {
    let k = 1
    let level = 0
    while (k * 2 <= end - start) {
      k *= 2
      level += 1
    }
    const left = await nodeHash(level, start / k)
    return start + k === end ? left : hashNode(left, await rangeHash(start + k, end))
  }
  return { rangeHash }
}

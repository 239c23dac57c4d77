/**
 * Cuts the log's growth into tiles and bundles, and reads entries back from them.
 *
 * @module
 */
import { PacketError } from '@mystranet/sdk/errors'
import {
  encodeBundle,
  encodeTile,
  encodeTilePath,
  parseBundle,
  TILE_WIDTH,
  tilesBetween,
} from '@mystranet/sdk/proof/tile'
import type { TileStore, WalEntry } from './ports.ts'
import type { LogTree } from './tree.ts'

export interface TileWriter {
  /** Remembers the entries of the bundle at the right edge, when the log opens at a multiple of 256. */
  restore(size: number): void
  /** Writes what the tree has gained: `entries` follow the first `from`. Once it resolves all of it can be read. */
  write(entries: readonly WalEntry[], from: number, tree: LogTree): Promise<void>
  /** The leaf's bytes of an entry, in a tree of `treeSize` that was published. */
  entry(index: number, treeSize: number): Promise<Uint8Array>
}

/** Partial tiles are written for each checkpoint, as the specification demands, and stay: full ones supersede them. */
export function createTileWriter(tiles: TileStore): TileWriter {
  /** Leaves from the last multiple of 256 on. */
  let edge: Uint8Array[] = []
  let edgeStart = 0

  const bundleAt = async (index: number, width: number): Promise<Uint8Array[]> => {
    const id = { level: 'entries', index: BigInt(index) } as const
    const full = await tiles.read(encodeTilePath({ ...id, width: TILE_WIDTH }))
    if (full !== undefined) return parseBundle(full, TILE_WIDTH)
    const partial = await tiles.read(encodeTilePath({ ...id, width }))
    if (partial !== undefined) return parseBundle(partial, width)
    throw new PacketError('STORE_FAILED', `Cannot read bundle ${index}: it is missing, wanted ${width} entries`)
  }
  return {
    restore(size) {
      edgeStart = size
      edge = []
    },
    async write(entries, from, tree) {
      if (entries.length === 0) return
      if (edgeStart + edge.length !== from)
        throw new RangeError(`Cannot write tiles from ${from}: the edge ends at ${edgeStart + edge.length}`)
      const leaves = [...edge, ...entries.map(({ leaf }) => leaf)]
      const writes: Promise<void>[] = []
      for (const id of tilesBetween(BigInt(from), BigInt(tree.size))) {
        const { level, width } = id
        const at = Number(id.index)
        const begin = at * TILE_WIDTH - edgeStart
        const bytes =
          level === 'entries'
            ? encodeBundle(leaves.slice(begin, begin + width))
            : encodeTile(await tree.tile(level, at, width))
        writes.push(tiles.write(encodeTilePath(id), bytes))
      }
      const full = leaves.length - (leaves.length % TILE_WIDTH)
      edge = leaves.slice(full)
      edgeStart += full
      await Promise.all(writes)
    },
    async entry(index, treeSize) {
      const kept = edge[index - edgeStart]
      if (index >= edgeStart && kept !== undefined) return kept
      const bundle = Math.floor(index / TILE_WIDTH)
      const width = Math.min(TILE_WIDTH, treeSize - bundle * TILE_WIDTH)
      return (await bundleAt(bundle, width))[index % TILE_WIDTH] as Uint8Array
    },
  }
}

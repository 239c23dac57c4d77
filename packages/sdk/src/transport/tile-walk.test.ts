import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isPacketError } from '../errors.ts'
import { computeRoot, type Hash, hashLeaf } from '../proof/merkle.ts'
import { encodeTile, hashesAtLevel, TILE_WIDTH, type TileId } from '../proof/tile.ts'
import { findForks, type ReadTile } from './tile-walk.ts'

const LEAVES = Array.from({ length: 70_000 }, (_, i) => hashLeaf(Uint8Array.of(i, i >> 8, i >> 16)))
/** Hashes of each level over all leaves; a smaller tree's are their beginning. */
const LEVELS: Hash[][] = [LEAVES]
while ((LEVELS.at(-1) as Hash[]).length >= TILE_WIDTH) {
  const below = LEVELS.at(-1) as Hash[]
  LEVELS.push(
    Array.from({ length: Math.floor(below.length / TILE_WIDTH) }, (_, i) =>
      computeRoot(below.slice(i * TILE_WIDTH, (i + 1) * TILE_WIDTH)),
    ),
  )
}

const roots = new Map<number, Hash>()
function headOf(size: number) {
  const rootHash = roots.get(size) ?? computeRoot(LEAVES.slice(0, size))
  roots.set(size, rootHash)
  return { treeSize: BigInt(size), rootHash }
}

/** Tiles of a tree, as its log serves them. */
const tilesOf =
  (size: number, asked: TileId[] = []): ReadTile =>
  async (id) => {
    asked.push(id)
    const level = id.level as number
    const at = Number(id.index) * TILE_WIDTH
    if (BigInt(at + id.width) > hashesAtLevel(BigInt(size), level)) throw new Error(`no tile ${level}/${id.index}`)
    return encodeTile((LEVELS[level] as Hash[]).slice(at, at + id.width))
  }

const sizes = fc.integer({ min: 1, max: 1_400 })

describe('findForks()', () => {
  it('finds none among the beginnings of one log, and the one that is of another', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(sizes, { minLength: 1, maxLength: 4 }), async (all) => {
        const newer = Math.max(...all)
        const olders = all.filter((size) => size < newer).map(headOf)
        expect(await findForks(tilesOf(newer), olders, headOf(newer))).toEqual([])
        if (newer < 2) return
        const other = { treeSize: BigInt(newer - 1), rootHash: hashLeaf(Uint8Array.of(9)) }
        expect(await findForks(tilesOf(newer), [...olders, other], headOf(newer))).toEqual([other])
      }),
      { seed: 5, numRuns: 120 },
    )
  })

  it.each([
    [255, 256],
    [256, 257],
    [256, 65_536],
    [65_536, 65_537],
    [300, 70_000],
    [69_999, 70_000],
  ])('proves size %i the beginning of %i, from few tiles', async (older, newer) => {
    const asked: TileId[] = []
    expect(await findForks(tilesOf(newer, asked), [headOf(older)], headOf(newer))).toEqual([])
    expect(asked.length).toBeLessThanOrEqual(6)
  })

  it('takes the full tile where the partial one is gone', async () => {
    const full: ReadTile = (id) => tilesOf(512)({ ...id, width: TILE_WIDTH })
    // Of size 300 the log serves tile 0/1 in full by now; level 1 stays partial.
    const read: ReadTile = (id) => (id.level === 0 ? full(id) : tilesOf(300)(id))
    expect(await findForks(read, [headOf(270)], headOf(300))).toEqual([])
  })

  it('believes no changed tile, whatever it is changed to', async () => {
    await fc.assert(
      fc.asyncProperty(
        sizes,
        sizes,
        fc.nat(),
        fc.nat(),
        fc.constantFrom('flip', 'cut', 'empty'),
        async (older, more, which, at, how) => {
          const newer = older + more
          const asked: TileId[] = []
          await findForks(tilesOf(newer, asked), [headOf(older)], headOf(newer))
          const chosen = asked[which % asked.length] as TileId
          const read: ReadTile = async (id) => {
            const bytes = (await tilesOf(newer)(id)).slice()
            if (id.level !== chosen.level || id.index !== chosen.index) return bytes
            if (how === 'cut') return bytes.subarray(0, at % bytes.length)
            if (how === 'empty') return new Uint8Array(0)
            bytes[at % bytes.length] = (bytes[at % bytes.length] as number) ^ (1 + (at % 255))
            return bytes
          }
          const outcome = await findForks(read, [headOf(older)], headOf(newer)).catch((error: unknown) => error)
          expect(isPacketError(outcome) && outcome.code).toBe('PROOF_INVALID')
        },
      ),
      { seed: 6, numRuns: 150 },
    )
  })
})

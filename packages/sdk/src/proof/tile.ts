/**
 * Tiles: how the log's hashes and entries are cut into files
 * ({@link https://c2sp.org/tlog-tiles C2SP tlog-tiles}).
 *
 * @module
 */
import { concat, u16be } from '../bytes.ts'
import { PacketError } from '../errors.ts'
import { HASH_BYTES, type Hash } from './merkle.ts'

/** Hashes in a full tile, and entries in a full bundle. */
export const TILE_WIDTH = 256
export const MAX_ENTRY_BYTES = 0xffff
const MAX_LEVEL = 63

/** Where a tile of hashes (`level` 0 to 63) or a bundle of entries stands. */
export interface TileId {
  readonly level: number | 'entries'
  readonly index: bigint
  /** 1 to 256; below 256 it is partial. */
  readonly width: number
}

/** `tile/<L>/<N>[.p/<W>]`, without the prefix. @throws RangeError when it names no tile. */
export function encodeTilePath({ level, index, width }: TileId): string {
  const levelOk = level === 'entries' || (Number.isInteger(level) && level >= 0 && level <= MAX_LEVEL)
  if (!levelOk || index < 0n || !Number.isInteger(width) || width < 1 || width > TILE_WIDTH) {
    throw new RangeError(`Cannot name a tile: level ${level}, index ${index}, width ${width}`)
  }
  const digits = index.toString()
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, '0')
  const parts = padded.match(/.{3}/g) as string[]
  const last = parts.pop()
  const name = [...parts.map((part) => `x${part}`), last].join('/')
  return `tile/${level}/${name}${width === TILE_WIDTH ? '' : `.p/${width}`}`
}

/** What a path names, or undefined when it is not exactly a tile's path; the inverse of {@link encodeTilePath}. */
export function parseTilePath(path: string): TileId | undefined {
  const pattern = /^tile\/(entries|0|[1-9][0-9]?)\/((?:x[0-9]{3}\/){0,6}[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/
  const parts = path.match(pattern)
  if (parts === null) return undefined
  const [, rawLevel, name, rawWidth] = parts as readonly string[] as [string, string, string, string?]
  const level = rawLevel === 'entries' ? 'entries' : Number(rawLevel)
  const width = rawWidth === undefined ? TILE_WIDTH : Number(rawWidth)
  if (rawWidth !== undefined && width >= TILE_WIDTH) return undefined
  if (level !== 'entries' && level > MAX_LEVEL) return undefined
  const id = { level, index: BigInt(name.replace(/[x/]/g, '')), width } as const
  // Leading groups of zeros would be a second name for the same tile.
  return encodeTilePath(id) === path ? id : undefined
}

/** How many hashes a level has in a tree of `treeSize`: only full tiles below count. */
export function hashesAtLevel(treeSize: bigint, level: number): bigint {
  return treeSize >> BigInt(8 * level)
}

/**
 * The tiles and bundles that a tree of `treeSize` has and one of `oldSize` had not, in their newest width. From 0 it is
 * every resource of the tree.
 */
export function* tilesBetween(oldSize: bigint, treeSize: bigint): Generator<TileId> {
  const width = BigInt(TILE_WIDTH)
  for (const level of ['entries', ...Array(MAX_LEVEL + 1).keys()] as const) {
    const hashes = hashesAtLevel(treeSize, level === 'entries' ? 0 : level)
    const before = hashesAtLevel(oldSize, level === 'entries' ? 0 : level)
    if (hashes === 0n) break
    if (hashes === before) continue
    for (let index = before / width; index * width < hashes; index++) {
      const left = hashes - index * width
      yield { level, index, width: left < width ? Number(left) : TILE_WIDTH }
    }
  }
}

/** The hashes of a tile. @throws {PacketError} `DOCUMENT_MALFORMED` when there are not `width` of them. */
export function parseTile(bytes: Uint8Array, width: number): Hash[] {
  if (bytes.length !== width * HASH_BYTES) {
    throw malformed(`tile of ${bytes.length} bytes, wanted ${width * HASH_BYTES}`)
  }
  return Array.from({ length: width }, (_, i) => bytes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES))
}

/** The bytes of a tile; the inverse of {@link parseTile}. */
export function encodeTile(hashes: readonly Hash[]): Uint8Array {
  return concat(...hashes)
}

/** The entries of a bundle, each a view. @throws {PacketError} `DOCUMENT_MALFORMED` when there are not exactly `width`. */
export function parseBundle(bytes: Uint8Array, width: number): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const entries: Uint8Array[] = []
  let at = 0
  while (at < bytes.length) {
    if (at + 2 > bytes.length) throw malformed(`bundle ends within a length at ${at}`)
    const end = at + 2 + view.getUint16(at)
    if (end > bytes.length) throw malformed(`bundle ends within entry ${entries.length}`)
    entries.push(bytes.subarray(at + 2, end))
    at = end
  }
  if (entries.length !== width) throw malformed(`bundle of ${entries.length} entries, wanted ${width}`)
  return entries
}

/** The bytes of a bundle; the inverse of {@link parseBundle}. @throws RangeError when an entry exceeds 65,535 bytes. */
export function encodeBundle(entries: readonly Uint8Array[]): Uint8Array {
  return concat(
    ...entries.flatMap((entry) => {
      if (entry.length > MAX_ENTRY_BYTES) throw new RangeError(`Cannot bundle an entry of ${entry.length} bytes`)
      return [u16be(entry.length), entry]
    }),
  )
}

const malformed = (reason: string) => new PacketError('DOCUMENT_MALFORMED', `Cannot read the tile: ${reason}`)

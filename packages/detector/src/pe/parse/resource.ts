/**
 * The resource tree, as far as its shape goes: how much is there, and what is wrong with it.
 *
 * @module
 */
import { type Notes, structure, Unreadable, u16, u32 } from './bytes.ts'
import type { Image } from './section.ts'
import type { Warning } from './warning.ts'

export interface ResourceSummary {
  readonly entries: number
  /** Of all data and names together. */
  readonly bytes: number
  /** Numeric ids of the first level: kinds of resources. */
  readonly kinds: readonly number[]
}

const MAX_DEPTH = 32
const MAX_IN_DIRECTORY = 4_096
const MAX_ENTRIES = 0x8000

interface Walk {
  readonly image: Image
  readonly base: number
  readonly notes: Notes
  readonly kinds: number[]
  entries: number
  bytes: number
}

/** @throws {Unreadable} */
export function parseResources(image: Image, start: number, notes: Notes): ResourceSummary {
  const walk: Walk = { image, base: start, notes, kinds: [], entries: 0, bytes: 0 }
  directory(walk, start, [start])
  return { entries: walk.entries, bytes: walk.bytes, kinds: walk.kinds }
}

function read(walk: Walk, address: number, length: number): Uint8Array | undefined {
  try {
    return walk.image.data(address, length)
  } catch (cause) {
    if (!(cause instanceof Unreadable)) throw cause
    return undefined
  }
}

function directory(walk: Walk, start: number, path: readonly number[]): boolean {
  const { image, notes } = walk
  const stop = (warning: Warning) => {
    notes.warnings.add(warning)
    return false
  }
  if (path.length - 1 > MAX_DEPTH) return stop('resource-too-deep')
  const data = read(walk, start, 16)
  if (data === undefined) return stop('resource-directory-bad-rva')
  const row = structure(data, 16, notes)
  image.offsetOf(start)
  if (row === undefined) return stop('resource-directory-corrupt')
  const count = u16(row, 12) + u16(row, 14)
  if (count > MAX_IN_DIRECTORY) return stop('resource-directory-too-large')
  walk.entries += count
  if (walk.entries > MAX_ENTRIES) return stop('resource-entries-too-many')
  const named: { last?: readonly [number, number] } = {}
  for (let index = 0; index < count; index++) if (!entry(walk, start + 16 + index * 8, path, named)) break
  return true
}

/** @returns Whether the next entry is to be read. */
function entry(
  walk: Walk,
  start: number,
  path: readonly number[],
  named: { last?: readonly [number, number] },
): boolean {
  const { notes, base, image } = walk
  notes.meter.work(16)
  if (walk.bytes > image.bytes.length) notes.warnings.add('resources-exceed-file')
  const data = read(walk, start, 8)
  const row = data && structure(data, 8, notes)
  if (row === undefined) {
    notes.warnings.add('resource-entry-invalid')
    return false
  }
  const [name, offset] = [u32(row, 0), u32(row, 4)]
  if (name >= 0x80000000) {
    const nameAt = base + (name - 0x80000000)
    const text = read(walk, nameAt, 2)
    const length = text !== undefined && text.length === 2 ? u16(text, 0) : 0
    walk.bytes += length
    if (named.last !== undefined && named.last[0] < nameAt && named.last[1] >= nameAt) {
      notes.warnings.add('resource-names-overlap')
      return false
    }
    named.last = [nameAt, nameAt + length]
  } else if (path.length === 1) walk.kinds.push(name)
  if (offset >= 0x80000000) {
    const next = base + (offset - 0x80000000)
    return !path.includes(next) && directory(walk, next, [...path, next])
  }
  return leaf(walk, base + offset)
}

function leaf(walk: Walk, start: number): boolean {
  const data = read(walk, start, 16)
  if (data === undefined) {
    walk.notes.warnings.add('resource-data-bad-rva')
    return false
  }
  const row = structure(data, 16, walk.notes)
  walk.image.offsetOf(start)
  if (row === undefined) return false
  walk.bytes += u32(row, 4)
  return true
}

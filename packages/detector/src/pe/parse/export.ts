/**
 * The export directory.
 *
 * @module
 */
import { allZero, type Notes, structure, Unreadable, u16, u32, untilZero } from './bytes.ts'
import type { Image } from './section.ts'
import type { Warning } from './warning.ts'

export interface ExportedSymbol {
  readonly name: string | undefined
  readonly ordinal: number
}

const MAX_NAME = 0x200
const MAX_SYMBOLS = 0x2000
const MAX_REPEATED_ORDINALS = 120
const MAX_REPEATED_NAMES = 10
const MAX_FAILURES = 10
const NAME = /^[A-Za-z0-9!"#$%&'()*+,\-./:<>?[\\\]^_`{|}~@]*$/

interface Tables {
  readonly base: number
  readonly nameCount: number
  readonly functionCount: number
  readonly names: Uint8Array
  readonly ordinals: Uint8Array
  readonly functions: Uint8Array
  readonly at: Readonly<Record<'names' | 'ordinals' | 'functions', number>>
}

/**
 * @returns `undefined` when the directory is none.
 * @throws {Unreadable} when an entry points out of the file in a way that makes all of it worthless.
 */
export function parseExports(image: Image, start: number, notes: Notes): readonly ExportedSymbol[] | undefined {
  const { warnings } = notes
  let tables: Tables | undefined
  let row: Uint8Array | undefined
  try {
    row = structure(image.data(start, 40), 40, notes)
    if (row === undefined) return undefined
    tables = tablesOf(image, row)
  } catch (cause) {
    if (!(cause instanceof Unreadable)) throw cause
    warnings.add('exports-unreadable')
    return undefined
  }
  const named = namedSymbols(image, tables, notes)
  if (named === undefined) return undefined
  const rest = otherSymbols(image, tables, new Set(named.map(({ ordinal }) => ordinal)), notes)
  if (rest === undefined) return undefined
  const symbols = [...named, ...rest]
  return symbols.length === 0 && allZero(row) ? undefined : symbols
}

function tablesOf(image: Image, row: Uint8Array): Tables {
  const [base, functionCount, nameCount] = [u32(row, 16), u32(row, 20), u32(row, 24)]
  const at = { functions: u32(row, 28), names: u32(row, 32), ordinals: u32(row, 36) }
  const read = (address: number, count: number) =>
    image.data(address, Math.min(image.bytes.length - image.offsetOf(address), count * 4))
  return {
    base,
    nameCount,
    functionCount,
    at,
    names: read(at.names, nameCount),
    ordinals: read(at.ordinals, nameCount),
    functions: read(at.functions, functionCount),
  }
}

/** Entries that the section which holds a table has room for. */
function room(image: Image, address: number): number {
  const section = image.sectionAt(address)
  const bytes = section === undefined ? image.bytes.length : section.VirtualAddress + section.data.length - address
  return Math.trunc(bytes / 4)
}

const word = (bytes: Uint8Array, index: number) => ((index + 1) * 2 > bytes.length ? undefined : u16(bytes, index * 2))
const dword = (bytes: Uint8Array, index: number) => ((index + 1) * 4 > bytes.length ? undefined : u32(bytes, index * 4))

const isIn = (image: Image, address: number): boolean => {
  try {
    image.offsetOf(address)
    return true
  } catch (cause) {
    if (!(cause instanceof Unreadable)) throw cause
    return false
  }
}

function namedSymbols(image: Image, tables: Tables, { warnings, meter }: Notes): ExportedSymbol[] | undefined {
  const symbols: ExportedSymbol[] = []
  const counts = new Map<string, number>()
  const { address: from, size } = image.headers.directories[0] as { address: number; size: number }
  let failures = 0
  const give = (warning: Warning) => {
    warnings.add(warning)
    return symbols
  }
  for (let index = 0; index < Math.min(tables.nameCount, room(image, tables.at.names)); index++) {
    meter.work(MAX_NAME)
    const ordinal = word(tables.ordinals, index)
    // One bad pointer makes all of them doubtful.
    if (ordinal === undefined || ordinal * 4 >= tables.functions.length) return undefined
    const address = dword(tables.functions, ordinal)
    if (address === undefined || address === 0) continue
    if (address >= from && address < from + size && !isIn(image, address)) continue
    const nameAt = dword(tables.names, index)
    const name = nameAt === undefined ? undefined : untilZero(image.text(nameAt, MAX_NAME))
    if (nameAt === undefined || name === undefined || !NAME.test(name)) return give('export-names-bad-rva')
    if (!isIn(image, nameAt)) {
      failures += 2
      if (failures >= MAX_FAILURES) return give('export-names-bad-rva')
      continue
    }
    const key = `${address}:${name}`
    const count = (counts.get(key) ?? 0) + 1
    counts.set(key, count)
    if (count > MAX_REPEATED_NAMES) return give('export-ordinals-repeat')
    if (counts.size > MAX_SYMBOLS) return give('export-symbols-too-many')
    image.offsetOf(tables.at.ordinals + 2 * index)
    image.offsetOf(tables.at.functions + 4 * ordinal)
    symbols.push({ name, ordinal: tables.base + ordinal })
  }
  return symbols
}

function otherSymbols(
  image: Image,
  tables: Tables,
  taken: ReadonlySet<number>,
  { warnings, meter }: Notes,
): readonly ExportedSymbol[] | undefined {
  const symbols: ExportedSymbol[] = []
  const counts = new Map<number | undefined, number>()
  let failures = 0
  for (let index = 0; index < Math.min(tables.functionCount, room(image, tables.at.functions)); index++) {
    meter.work(8)
    if (taken.has(index + tables.base)) continue
    const address = dword(tables.functions, index)
    if (address === undefined && ++failures >= MAX_FAILURES) {
      warnings.add('export-functions-bad-rva')
      return undefined
    }
    if (address === 0) continue
    const count = (counts.get(address) ?? 0) + 1
    counts.set(address, count)
    if (count > MAX_REPEATED_ORDINALS) {
      warnings.add('export-ordinals-repeat')
      break
    }
    if (counts.size > MAX_SYMBOLS) {
      warnings.add('export-ordinals-too-many')
      break
    }
    symbols.push({ name: undefined, ordinal: tables.base + index })
  }
  return symbols
}

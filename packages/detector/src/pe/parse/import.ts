/**
 * Imports, and delayed ones.
 *
 * @module
 */
import { allZero, type Notes, structure, Unreadable, u32, u64, untilZero } from './bytes.ts'
import { ordinalName } from './ordinal.ts'
import type { Image } from './section.ts'

export interface ImportedSymbol {
  /** Also an ordinal's, where the library is known. */
  readonly name: string | undefined
  readonly ordinal: number | undefined
}

export interface ImportedLibrary {
  /** As the file writes it; `*invalid*` when it holds characters that no file name has. */
  readonly name: string
  readonly symbols: readonly ImportedSymbol[]
}

const MAX_NAME = 0x200
const MAX_SYMBOLS = 0x2000
const MAX_REPEATED = 15
const MAX_SPREAD = 128 * 2 ** 20
const LIBRARY_NAME = /^[A-Za-z0-9!#$%&'()\-@^_`{}~+,.;=[\]:\\/]*$/
const FUNCTION_NAME = /^[A-Za-z0-9._?@$()<>]*$/
const INVALID = '*invalid*'

interface Thunk {
  readonly value: number
  readonly isOrdinal: boolean
  readonly low: number
}

/** What both directories share: the count of symbols goes over the whole file. */
export interface ImportState {
  symbols: number
}

export function parseImports(
  image: Image,
  start: number,
  state: ImportState,
  notes: Notes,
): readonly ImportedLibrary[] {
  const { warnings, meter } = notes
  const libraries: ImportedLibrary[] = []
  let errors = 0
  for (let at = start; ; ) {
    meter.work(20)
    let data: Uint8Array
    try {
      data = image.data(at, 20)
    } catch (cause) {
      if (!(cause instanceof Unreadable)) throw cause
      warnings.add('import-directory-bad-rva')
      break
    }
    const fileOffset = image.offsetOf(at)
    const row = structure(data, 20, notes)
    if (row === undefined || allZero(row)) break
    at += 20
    const [lookup, name, addresses] = [u32(row, 0), u32(row, 12), u32(row, 16)]
    let most = image.bytes.length - fileOffset
    if (at > lookup || at > addresses) most = Math.max(at - lookup, at - addresses)
    let symbols: readonly ImportedSymbol[] = []
    try {
      symbols = symbolsOf(image, { lookup, addresses, most, asAddresses: false }, state, notes)
    } catch (cause) {
      if (!(cause instanceof Unreadable)) throw cause
      warnings.add('import-bad-data')
    }
    if (errors > 5) {
      warnings.add('imports-too-many-errors')
      break
    }
    if (symbols.length === 0) errors += 1
    else addLibrary(libraries, image, name, symbols)
  }
  if (likePacked(libraries)) warnings.add('imports-like-packed')
  return libraries
}

export function parseDelayImports(
  image: Image,
  start: number,
  state: ImportState,
  notes: Notes,
): readonly ImportedLibrary[] {
  const { warnings, meter } = notes
  const { ImageBase, SizeOfImage } = image.headers.optional
  const libraries: ImportedLibrary[] = []
  let errors = 0
  for (let at = start; ; ) {
    meter.work(32)
    let data: Uint8Array
    try {
      data = image.data(at, 32)
    } catch (cause) {
      if (!(cause instanceof Unreadable)) throw cause
      warnings.add('delay-import-bad-rva')
      break
    }
    const fileOffset = image.offsetOf(at)
    const row = structure(data, 32, notes)
    if (row === undefined || allZero(row)) break
    // The first form of this table, of 32-bit Visual C++ 6, holds virtual addresses.
    const asAddresses = u32(row, 0) === 0 && image.headers.coff.Machine === 0x14c
    const toRva = (value: number) =>
      asAddresses && value >= ImageBase && value < ImageBase + SizeOfImage ? value - ImageBase : value
    const [name, addresses, lookup] = [toRva(u32(row, 4)), toRva(u32(row, 12)), toRva(u32(row, 16))]
    at += 32
    let most = image.bytes.length - fileOffset
    if (at > lookup || at > addresses) most = Math.max(at - lookup, at - addresses)
    let symbols: readonly ImportedSymbol[] = []
    try {
      symbols = symbolsOf(image, { lookup, addresses, most, asAddresses }, state, notes)
    } catch (cause) {
      if (!(cause instanceof Unreadable)) throw cause
      warnings.add('delay-import-bad-data')
    }
    if (errors > 5) {
      warnings.add('delay-imports-too-many-errors')
      break
    }
    if (symbols.length === 0) {
      errors += 1
      continue
    }
    if (state.symbols > MAX_SYMBOLS) {
      warnings.add('delay-imports-too-many')
      break
    }
    addLibrary(libraries, image, name, symbols)
  }
  return libraries
}

function addLibrary(
  libraries: ImportedLibrary[],
  image: Image,
  nameAt: number,
  symbols: readonly ImportedSymbol[],
): void {
  const text = untilZero(image.text(nameAt, MAX_NAME))
  const name = LIBRARY_NAME.test(text) ? text : INVALID
  if (name === '') return
  const library = name.toLowerCase()
  libraries.push({
    name,
    symbols: symbols.map((symbol) =>
      symbol.name === undefined && symbol.ordinal !== undefined
        ? { ...symbol, name: ordinalName(library, symbol.ordinal) }
        : symbol,
    ),
  })
}

/** Two symbols that load others by name, among few: what the stub of a packer needs. */
function likePacked(libraries: readonly ImportedLibrary[]): boolean {
  const symbols = libraries.flatMap((library) => library.symbols)
  const loaders = symbols.filter(({ name }) => name?.startsWith('LoadLibrary') || name?.startsWith('GetProcAddress'))
  return loaders.length === 2 && symbols.length < 20
}

interface Tables {
  readonly lookup: number
  readonly addresses: number
  readonly most: number
  readonly asAddresses: boolean
}

function symbolsOf(image: Image, tables: Tables, state: ImportState, notes: Notes): readonly ImportedSymbol[] {
  const { most, asAddresses } = tables
  const lookup = thunks(image, tables.lookup, most, asAddresses, state, notes)
  const addresses = thunks(image, tables.addresses, most, asAddresses, state, notes)
  const table = lookup !== undefined && lookup.length > 0 ? lookup : (addresses ?? [])
  if (table.length === 0) {
    notes.warnings.add('import-table-damaged')
    return []
  }
  const symbols: ImportedSymbol[] = []
  let invalid = 0
  for (const [index, thunk] of table.entries()) {
    notes.meter.work(MAX_NAME)
    if (thunk.isOrdinal) {
      const ordinal = thunk.low & 0xffff
      if (ordinal !== 0) symbols.push({ name: undefined, ordinal })
      continue
    }
    const name = thunk.value === 0 ? undefined : nameAt(image, thunk.value)
    if (name === undefined) throw new Unreadable('an entry without a name')
    if (name === INVALID) {
      if (invalid > 1000 && invalid === index) throw new Unreadable('too many names that none could have')
      invalid += 1
    } else if (name !== '') symbols.push({ name, ordinal: undefined })
  }
  return symbols
}

function nameAt(image: Image, address: number): string | undefined {
  try {
    image.data(address, 2)
  } catch (cause) {
    if (!(cause instanceof Unreadable)) throw cause
    return undefined
  }
  const name = untilZero(image.text(address + 2, MAX_NAME))
  return FUNCTION_NAME.test(name) ? name : INVALID
}

/** A table up to its zero. Nothing at all, when it looks like none. */
function thunks(
  image: Image,
  start: number,
  most: number,
  asAddresses: boolean,
  state: ImportState,
  notes: Notes,
): readonly Thunk[] | undefined {
  const { warnings, meter } = notes
  const size = image.headers.kind === 'pe32+' ? 8 : 4
  const table: Thunk[] = []
  const near = nothingSeen()
  const far = nothingSeen()
  let repeated = 0
  for (let at = start; at !== 0; at += size) {
    if (at >= start + most) {
      warnings.add('import-table-beyond-bounds')
      break
    }
    if (state.symbols > MAX_SYMBOLS) {
      warnings.add('imports-too-many')
      break
    }
    state.symbols += 1
    meter.work(size)
    if (repeated >= MAX_REPEATED || spread(near) > MAX_SPREAD || spread(far) > MAX_SPREAD) return []
    const row = readThunk(image, at, size)
    if (row === undefined) {
      warnings.add('import-table-bad-rva')
      return undefined
    }
    const thunk = thunkOf(row, image, asAddresses)
    if (thunk.value >= start && thunk.value <= at) {
      warnings.add('import-table-overlaps')
      break
    }
    if (thunk.isOrdinal) {
      if ((thunk.low & 0x7fffffff) > 0xffff) return []
    } else if (thunk.value > 0) {
      if (see(thunk.value >= 2 ** 32 ? far : near, thunk.value)) repeated += 1
    }
    if (allZero(row)) break
    table.push(thunk)
  }
  return table
}

function readThunk(image: Image, at: number, size: number): Uint8Array | undefined {
  try {
    const row = image.data(at, size)
    return row.length === size ? row : undefined
  } catch (cause) {
    if (!(cause instanceof Unreadable)) throw cause
    return undefined
  }
}

function thunkOf(row: Uint8Array, image: Image, asAddresses: boolean): Thunk {
  const { ImageBase, SizeOfImage } = image.headers.optional
  const low = u32(row, 0)
  const isWide = row.length === 8
  const raw = isWide ? u64(row, 0) : low
  const value = asAddresses && raw >= ImageBase && raw < ImageBase + SizeOfImage ? raw - ImageBase : raw
  return { value, low: isWide ? low : value, isOrdinal: (isWide ? u32(row, 4) : value) >= 0x80000000 }
}

/** Addresses that were seen, and how far apart they lie. */
interface Seen {
  readonly values: Set<number>
  low: number
  high: number
}

const nothingSeen = (): Seen => ({ values: new Set(), low: Number.POSITIVE_INFINITY, high: 0 })

const spread = ({ values, low, high }: Seen): number => (values.size === 0 ? 0 : high - low)

/** @returns Whether it was there already. */
function see(seen: Seen, value: number): boolean {
  const isKnown = seen.values.has(value)
  seen.values.add(value)
  seen.low = Math.min(seen.low, value)
  seen.high = Math.max(seen.high, value)
  return isKnown
}

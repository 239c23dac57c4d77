/**
 * DOS, COFF and optional header, and the data directories.
 *
 * Source: Microsoft, PE Format; what is tolerated follows `pefile` 2024.8.26, because the feature set is defined by it.
 *
 * @module
 */
import { type Notes, NotPe, slice, structure, u16, u32, u64 } from './bytes.ts'

/** Numbers of the DOS header by their names in winnt.h. */
export const DOS_FIELDS = [
  ['e_magic', 0],
  ['e_cblp', 2],
  ['e_cp', 4],
  ['e_crlc', 6],
  ['e_cparhdr', 8],
  ['e_minalloc', 10],
  ['e_maxalloc', 12],
  ['e_ss', 14],
  ['e_sp', 16],
  ['e_csum', 18],
  ['e_ip', 20],
  ['e_cs', 22],
  ['e_lfarlc', 24],
  ['e_ovno', 26],
  ['e_oemid', 36],
  ['e_oeminfo', 38],
] as const

export type DosHeader = Readonly<Record<(typeof DOS_FIELDS)[number][0] | 'e_lfanew', number>>

export interface CoffHeader {
  readonly Machine: number
  readonly NumberOfSections: number
  readonly TimeDateStamp: number
  readonly PointerToSymbolTable: number
  readonly NumberOfSymbols: number
  readonly SizeOfOptionalHeader: number
  readonly Characteristics: number
}

/** Name → [offset in PE32, offset in PE32+, bytes in PE32, bytes in PE32+]. */
const OPTIONAL_FIELDS = {
  Magic: [0, 0, 2, 2],
  MajorLinkerVersion: [2, 2, 1, 1],
  MinorLinkerVersion: [3, 3, 1, 1],
  SizeOfCode: [4, 4, 4, 4],
  SizeOfInitializedData: [8, 8, 4, 4],
  SizeOfUninitializedData: [12, 12, 4, 4],
  AddressOfEntryPoint: [16, 16, 4, 4],
  BaseOfCode: [20, 20, 4, 4],
  ImageBase: [28, 24, 4, 8],
  SectionAlignment: [32, 32, 4, 4],
  FileAlignment: [36, 36, 4, 4],
  MajorOperatingSystemVersion: [40, 40, 2, 2],
  MinorOperatingSystemVersion: [42, 42, 2, 2],
  MajorImageVersion: [44, 44, 2, 2],
  MinorImageVersion: [46, 46, 2, 2],
  MajorSubsystemVersion: [48, 48, 2, 2],
  MinorSubsystemVersion: [50, 50, 2, 2],
  SizeOfImage: [56, 56, 4, 4],
  SizeOfHeaders: [60, 60, 4, 4],
  CheckSum: [64, 64, 4, 4],
  Subsystem: [68, 68, 2, 2],
  DllCharacteristics: [70, 70, 2, 2],
  SizeOfStackReserve: [72, 72, 4, 8],
  SizeOfStackCommit: [76, 80, 4, 8],
  SizeOfHeapReserve: [80, 88, 4, 8],
  SizeOfHeapCommit: [84, 96, 4, 8],
  LoaderFlags: [88, 104, 4, 4],
  NumberOfRvaAndSizes: [92, 108, 4, 4],
} as const

export type OptionalHeader = Readonly<Record<keyof typeof OPTIONAL_FIELDS, number>>

export interface Directory {
  readonly address: number
  readonly size: number
}

export interface Headers {
  readonly dos: DosHeader
  readonly coff: CoffHeader
  readonly optional: OptionalHeader
  /** Where the optional header begins. */
  readonly optionalOffset: number
  /** Where the section table begins. */
  readonly sectionsOffset: number
  /** `undefined`: the magic is neither's; it is then read as PE32. */
  readonly kind: 'pe32' | 'pe32+' | undefined
  /** At most 16, by their index. */
  readonly directories: readonly Directory[]
}

const SIGNATURES: Readonly<Record<number, string>> = { 17742: 'NE', 17740: 'LE', 22604: 'LX', 23126: 'TE' }

/** @throws {NotPe} with a sentence for people. */
export function parseHeaders(bytes: Uint8Array, notes: Notes): Headers {
  const dos = dosHeader(bytes)
  const at = dos.e_lfanew
  if (at > bytes.length) throw new NotPe(`Its DOS header points to byte ${at}, and the file ends at ${bytes.length}.`)
  const signature = structure(slice(bytes, at, at + 8), 4, notes)
  if (signature === undefined) throw new NotPe('It ends before its PE signature.')
  const other = SIGNATURES[u16(signature, 0)]
  if (other !== undefined) throw new NotPe(`It is a file of the older kind ${other}.`)
  if (u32(signature, 0) !== 0x4550) throw new NotPe(`At byte ${at}, where the PE signature belongs, stands another.`)
  const file = slice(bytes, at + 4, at + 24)
  if (file.length < 20) throw new NotPe('It ends inside its COFF header.')
  const coff: CoffHeader = {
    Machine: u16(file, 0),
    NumberOfSections: u16(file, 2),
    TimeDateStamp: u32(file, 4),
    PointerToSymbolTable: u32(file, 8),
    NumberOfSymbols: u32(file, 12),
    SizeOfOptionalHeader: u16(file, 16),
    Characteristics: u16(file, 18),
  }
  const optionalOffset = at + 24
  const [optional, kind] = optionalHeader(bytes, optionalOffset, notes)
  if (kind === undefined) notes.warnings.add('optional-magic-unknown')
  if (optional.AddressOfEntryPoint < optional.SizeOfHeaders) notes.warnings.add('entry-inside-headers')
  if (optional.NumberOfRvaAndSizes > 16) notes.warnings.add('too-many-directories')
  const size = kind === 'pe32+' ? 112 : 96
  const directories = parseDirectories(bytes, optionalOffset + size, optional.NumberOfRvaAndSizes % 2 ** 31)
  return {
    dos,
    coff,
    optional,
    optionalOffset,
    sectionsOffset: optionalOffset + coff.SizeOfOptionalHeader,
    kind,
    directories,
  }
}

function dosHeader(bytes: Uint8Array): DosHeader {
  if (bytes.length < 64) throw new NotPe(`It has ${bytes.length} bytes, and a DOS header alone has 64.`)
  const magic = u16(bytes, 0)
  if (magic !== 0x5a4d) throw new NotPe('It does not begin with MZ.')
  return {
    ...(Object.fromEntries(DOS_FIELDS.map(([name, at]) => [name, u16(bytes, at)])) as Record<string, number>),
    e_lfanew: u32(bytes, 60),
  } as DosHeader
}

/** A header that the file cuts off after its subsystem is read on as zeros, as Windows does. */
function optionalHeader(bytes: Uint8Array, at: number, notes: Notes): readonly [OptionalHeader, Headers['kind']] {
  const given = slice(bytes, at, at + 0x200)
  const sized = (size: number, least: number): Uint8Array => {
    if (given.length >= size) return given
    notes.warnings.add('corrupt-structure')
    if (given.length < least) throw new NotPe('It ends inside its optional header.')
    const padded = new Uint8Array(given.length + 128)
    padded.set(given)
    return padded
  }
  const short = sized(96, 69)
  const magic = u16(short, 0)
  if (magic === 0x20b) return [optionalFields(sized(112, 73), true), 'pe32+']
  return [optionalFields(short, false), magic === 0x10b ? 'pe32' : undefined]
}

function optionalFields(bytes: Uint8Array, isWide: boolean): OptionalHeader {
  const read = {
    1: (at: number) => bytes[at] as number,
    2: (at: number) => u16(bytes, at),
    4: (at: number) => u32(bytes, at),
    8: (at: number) => u64(bytes, at),
  }
  return Object.fromEntries(
    Object.entries(OPTIONAL_FIELDS).map(([name, [at, wideAt, size, wideSize]]) => [
      name,
      isWide ? read[wideSize](wideAt) : read[size](at),
    ]),
  ) as unknown as OptionalHeader
}

function parseDirectories(bytes: Uint8Array, start: number, count: number): readonly Directory[] {
  const directories: Directory[] = []
  for (let at = start; directories.length < Math.min(count, 16) && at !== bytes.length; at += 8) {
    const padded = new Uint8Array(8)
    padded.set(slice(bytes, at, at + 8))
    directories.push({ address: u32(padded, 0), size: u32(padded, 4) })
  }
  return directories
}

/**
 * Features of headers, sections, imports, exports and directories.
 *
 * @module
 */

import type { PeFile } from '../parse/file.ts'
import { DOS_FIELDS } from '../parse/header.ts'
import type { Section } from '../parse/section.ts'
import { entropyOf, histogramOf } from './byte.ts'
import { hashed } from './hashing.ts'

/** Machine of the COFF header → the feature set's own number of it. */
const MACHINES: ReadonlyMap<number, number> = new Map(
  [
    0x0, 0x14c, 0x162, 0x166, 0x168, 0x169, 0x184, 0x1a2, 0x1a3, 0x1a4, 0x1a6, 0x1a8, 0x1c0, 0x1c2, 0x1c4, 0x1d3, 0x1f0,
    0x1f1, 0x200, 0x266, 0x284, 0x284, 0x366, 0x466, 0x520, 0xcef, 0xebc, 0x5032, 0x5064, 0x5128, 0x6232, 0x6264,
    0x8664, 0x9041, 0xaa64, 0xc0ee,
  ].map((machine, index) => [machine, index]),
)
/** Likewise of its subsystem. */
const SUBSYSTEMS: ReadonlyMap<number, number> = new Map(
  [0, 1, 2, 3, 5, 7, 8, 9, 10, 11, 12, 13, 14, 16].map((subsystem, index) => [subsystem, index]),
)
const DLL_BITS = [5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]
const bit = (flags: number, index: number): number => Math.floor(flags / 2 ** index) % 2

/** 74 numbers. */
export function headerFeatures({ headers: { coff, optional, dos } }: PeFile): readonly number[] {
  return [
    coff.TimeDateStamp,
    coff.NumberOfSections,
    coff.NumberOfSymbols,
    coff.SizeOfOptionalHeader,
    coff.PointerToSymbolTable,
    MACHINES.get(coff.Machine) ?? 0,
    SUBSYSTEMS.get(optional.Subsystem) ?? 0,
    optional.MajorImageVersion,
    optional.MinorImageVersion,
    optional.MajorLinkerVersion,
    optional.MinorLinkerVersion,
    optional.MajorOperatingSystemVersion,
    optional.MinorOperatingSystemVersion,
    optional.MajorSubsystemVersion,
    optional.MinorSubsystemVersion,
    optional.SizeOfCode,
    optional.SizeOfHeaders,
    optional.SizeOfImage,
    optional.SizeOfInitializedData,
    optional.SizeOfUninitializedData,
    optional.SizeOfStackReserve,
    optional.SizeOfStackCommit,
    optional.SizeOfHeapReserve,
    optional.SizeOfHeapCommit,
    optional.AddressOfEntryPoint,
    optional.BaseOfCode,
    optional.ImageBase,
    optional.SectionAlignment,
    optional.CheckSum,
    optional.NumberOfRvaAndSizes,
    ...Array.from({ length: 16 }, (_, index) => bit(coff.Characteristics, index)),
    ...DLL_BITS.map((index) => bit(optional.DllCharacteristics, index)),
    ...DOS_FIELDS.map(([name]) => dos[name]),
    dos.e_lfanew,
  ]
}

/** Flags of a section, by the names that are hashed. Some bits have two names; alignments are compared bit by bit. */
const SECTION_FLAGS: readonly (readonly [name: string, mask: number])[] = [
  ['TYPE_DSECT', 0x1],
  ['TYPE_NOLOAD', 0x2],
  ['TYPE_GROUP', 0x4],
  ['TYPE_NO_PAD', 0x8],
  ['TYPE_COPY', 0x10],
  ['CNT_CODE', 0x20],
  ['CNT_INITIALIZED_DATA', 0x40],
  ['CNT_UNINITIALIZED_DATA', 0x80],
  ['LNK_OTHER', 0x100],
  ['LNK_INFO', 0x200],
  ['LNK_OVER', 0x400],
  ['LNK_REMOVE', 0x800],
  ['LNK_COMDAT', 0x1000],
  ['MEM_PROTECTED', 0x4000],
  ['NO_DEFER_SPEC_EXC', 0x4000],
  ['GPREL', 0x8000],
  ['MEM_FARDATA', 0x8000],
  ['MEM_SYSHEAP', 0x10000],
  ['MEM_PURGEABLE', 0x20000],
  ['MEM_16BIT', 0x20000],
  ['MEM_LOCKED', 0x40000],
  ['MEM_PRELOAD', 0x80000],
  ...Array.from({ length: 14 }, (_, index) => [`ALIGN_${2 ** index}BYTES`, (index + 1) * 0x100000] as const),
  ['ALIGN_MASK', 0xf00000],
  ['LNK_NRELOC_OVFL', 0x1000000],
  ['MEM_DISCARDABLE', 0x2000000],
  ['MEM_NOT_CACHED', 0x4000000],
  ['MEM_NOT_PAGED', 0x8000000],
  ['MEM_SHARED', 0x10000000],
  ['MEM_EXECUTE', 0x20000000],
  ['MEM_READ', 0x40000000],
  ['MEM_WRITE', 0x80000000],
]
const EXECUTE = 0x20000000
const READ = 0x40000000
const WRITE = 0x80000000
const has = (section: Section, flag: number): boolean => (section.Characteristics & flag) !== 0

const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** Without zeros at both ends and without what is no UTF-8, in lower case. */
export function sectionName({ nameBytes }: Section): string {
  let start = 0
  let end = nameBytes.length
  while (start < end && nameBytes[start] === 0) start++
  while (end > start && nameBytes[end - 1] === 0) end--
  return UTF8.decode(nameBytes.subarray(start, end)).replaceAll('\ufffd', '').toLowerCase()
}

/** Of the last section that holds the entry point; else of the first executable one that has a name. */
function entryName({ headers, sections, image }: PeFile, names: readonly string[]): string {
  const isIn = (section: Section) => image.holds(section, headers.optional.AddressOfEntryPoint)
  const held = names.filter((_, index) => isIn(sections[index] as Section)).at(-1) ?? ''
  if (held !== '') return held
  return names.find((name, index) => name !== '' && has(sections[index] as Section, EXECUTE)) ?? ''
}

/** 224 numbers. @param work Told how many bytes were looked at. */
export function sectionFeatures(file: PeFile, bytes: Uint8Array, work: (amount: number) => void): readonly number[] {
  const { sections, overlayOffset } = file
  const names = sections.map(sectionName)
  const entropies = sections.map(({ data }) => {
    work(data.length)
    return entropyOf(histogramOf(data), data.length)
  })
  const overlay = bytes.subarray(overlayOffset ?? bytes.length)
  work(overlay.length)
  const overlayEntropy = entropyOf(histogramOf(overlay), overlay.length)
  const ratios = sections.map(({ SizeOfRawData }) => SizeOfRawData / bytes.length)
  const growth = sections.map(({ SizeOfRawData, VirtualSize }) => SizeOfRawData / Math.max(VirtualSize, 1))
  const count = (test: (section: Section, index: number) => boolean) => sections.filter(test).length
  const range = (values: readonly number[]) => [
    values.reduce((a, b) => Math.max(a, b)),
    values.reduce((a, b) => Math.min(a, b)),
  ]
  const pairs = (values: readonly number[]) => names.map((name, index) => [name, values[index] as number] as const)
  const flags = sections.flatMap((section, index) =>
    SECTION_FLAGS.filter(([, mask]) => has(section, mask)).map(([flag]) => [`${names[index]}:${flag}`, 1] as const),
  )
  const entry = entryName(file, names)
  return [
    sections.length,
    count(({ SizeOfRawData }) => SizeOfRawData === 0),
    count((_, index) => names[index] === ''),
    count((section) => has(section, READ) && has(section, EXECUTE)),
    count((section) => has(section, WRITE)),
    ...range([...entropies, overlayEntropy, 0]),
    ...range([...ratios, overlay.length / bytes.length, 0]),
    ...range([...growth, 0]),
    ...hashed(pairs(sections.map(({ SizeOfRawData }) => SizeOfRawData)), 50),
    ...hashed(pairs(sections.map(({ VirtualSize }) => VirtualSize)), 50),
    ...hashed(pairs(entropies), 50),
    ...hashed(flags, 50),
    ...hashed([[entry, 1]], 10),
    overlay.length,
    overlay.length / bytes.length,
    overlayEntropy,
  ]
}

/** 1,282 numbers. A library that is listed twice counts with its last list, as in the feature set. */
export function importFeatures({ imports }: PeFile): readonly number[] {
  const byLibrary = new Map<string, readonly string[]>()
  for (const { name, symbols } of imports) {
    byLibrary.set(
      name,
      symbols.map((symbol) =>
        symbol.name === undefined ? `${name}:ordinal${symbol.ordinal}` : symbol.name.slice(0, 10_000),
      ),
    )
  }
  const libraries = new Set([...byLibrary.keys()].map((name) => name.toLowerCase()))
  const functions = [...byLibrary].flatMap(([name, symbols]) =>
    symbols.map((symbol) => `${name.toLowerCase()}:${symbol}`),
  )
  const once = (names: Iterable<string>) => Array.from(names, (name) => [name, 1] as const)
  return [
    functions.length,
    libraries.size,
    ...hashed(once(libraries), 256, false),
    ...hashed(once(functions), 1024, false),
  ]
}

/** 129 numbers. The first is 128 wherever there are exports: the feature set counts places there, not exports. */
export function exportFeatures({ exports }: PeFile): readonly number[] {
  if (exports === undefined || exports.length === 0) return new Array<number>(129).fill(0)
  const names = exports.map(
    ({ name, ordinal }) => [name === undefined || name === '' ? `ordinal${ordinal}` : name, 1] as const,
  )
  return [128, ...hashed(names, 128)]
}

/** 34 numbers. The last directory of a file is left out, as in the feature set. */
export function directoryFeatures({ headers: { directories }, relocationBlocks }: PeFile): readonly number[] {
  const out = new Array<number>(34).fill(0)
  for (const [index, { size, address }] of directories.slice(0, -1).entries()) {
    out[2 * index] = size
    out[2 * index + 1] = address
  }
  out[32] = relocationBlocks > 0 ? 1 : 0
  return out
}

/** 33 numbers. */
export function richFeatures({ rich }: PeFile): readonly number[] {
  const values = rich?.values ?? []
  if (values.length === 0) return new Array<number>(33).fill(0)
  const pairs = Array.from(
    { length: values.length / 2 },
    (_, index) => [String(values[2 * index]), values[2 * index + 1] as number] as const,
  )
  return [pairs.length, ...hashed(pairs, 32)]
}

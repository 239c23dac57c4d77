/**
 * What the model `pe` sees of a file: numbers of its headers, coarse enough to mean the same in tables that others made.
 * `training/pe/columns.py` is the same in Python; vectors/pe/ember.json holds both against each other.
 *
 * @module
 */
import type { ExpectedModel } from '../model/load.ts'
import type { Headers } from './parse/header.ts'

export const PE_EXTRACTOR = { name: 'pe-header', version: '1' } as const

type Flat = Readonly<Record<string, number>>
type Make = (of: (column: string) => number) => number

const halfLog2 = (value: number): number => Math.floor(2 * Math.log2(1 + value)) / 2
const clip = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high)
const part = (value: number, low: number, high: number): number => clip(Math.floor(value * 64) / 64, low, high)
const bit = (value: number, index: number): number => Math.floor(value / 2 ** index) % 2
const truth = (condition: boolean): number => (condition ? 1 : 0)
const upTo =
  (column: string, most: number): Make =>
  (of) =>
    clip(of(column), 0, most)
const ofImage =
  (column: string): Make =>
  (of) =>
    part(of(column) / Math.max(of('SizeOfImage'), 1), 0, 4)

const BASES = [0x400000, 0x10000000, 0x140000000, 0x180000000, 0x1000000, 0x10000]
const FILE_BITS = {
  relocs_stripped: 0,
  lines_stripped: 2,
  symbols_stripped: 3,
  large_address: 5,
  machine_32: 8,
  debug_stripped: 9,
  dll: 13,
  bytes_reversed: 15,
}
const DLL_BITS = {
  high_entropy: 5,
  dynamic_base: 6,
  force_integrity: 7,
  nx: 8,
  no_seh: 10,
  terminal_server: 15,
}
const LOGS = [
  'SizeOfCode',
  'SizeOfInitializedData',
  'SizeOfUninitializedData',
  'AddressOfEntryPoint',
  'SizeOfImage',
  'SizeOfStackReserve',
  'SizeOfStackCommit',
  'SizeOfHeapReserve',
  'SizeOfHeapCommit',
  'BaseOfCode',
  'SizeOfHeaders',
  'FileAlignment',
  'SectionAlignment',
]
const bits = (prefix: string, column: string, table: Readonly<Record<string, number>>): Record<string, Make> =>
  Object.fromEntries(
    Object.entries(table).map(([name, index]) => [`${prefix}_${name}`, (of) => bit(of(column), index)]),
  )

/** Name → how it is made, in the order of the input. */
const FEATURES: Readonly<Record<string, Make>> = {
  dos_standard: (of) =>
    truth(
      of('e_cblp') === 144 &&
        of('e_cp') === 3 &&
        of('e_cparhdr') === 4 &&
        of('e_maxalloc') === 65535 &&
        of('e_sp') === 184,
    ),
  dos_borland: (of) => truth(of('e_cblp') === 80 && of('e_ovno') === 26),
  dos_minalloc: upTo('e_minalloc', 255),
  pe_offset: upTo('e_lfanew', 1024),
  sections: upTo('NumberOfSections', 20),
  has_symbols: (of) => truth(of('NumberOfSymbols') > 0),
  has_symbol_table: (of) => truth(of('PointerToSymbolTable') > 0),
  pe32_plus: (of) => truth(of('Magic') === 523),
  ...bits('file', 'Characteristics', FILE_BITS),
  ...bits('dll', 'DllCharacteristics', DLL_BITS),
  os_major: upTo('MajorOperatingSystemVersion', 11),
  os_minor: upTo('MinorOperatingSystemVersion', 10),
  image_major: upTo('MajorImageVersion', 20),
  image_minor: upTo('MinorImageVersion', 20),
  subsystem_major: upTo('MajorSubsystemVersion', 11),
  subsystem_minor: upTo('MinorSubsystemVersion', 20),
  subsystem: upTo('Subsystem', 16),
  has_checksum: (of) => truth(of('CheckSum') > 0),
  ...Object.fromEntries(
    LOGS.map((column) => [`log2_${column}`, (of: (column: string) => number) => halfLog2(of(column))]),
  ),
  code_share: ofImage('SizeOfCode'),
  data_share: ofImage('SizeOfInitializedData'),
  zero_share: ofImage('SizeOfUninitializedData'),
  entry_share: ofImage('AddressOfEntryPoint'),
  entry_in_code: (of) => part((of('AddressOfEntryPoint') - of('BaseOfCode')) / Math.max(of('SizeOfCode'), 1), -1, 4),
  code_to_data: (of) => halfLog2(of('SizeOfCode')) - halfLog2(of('SizeOfInitializedData')),
  usual_base: (of) => BASES.indexOf(of('ImageBase')) + 1,
  base_aligned: (of) => truth(of('ImageBase') % 65536 === 0),
}

export const PE_HEADER_FEATURES: readonly string[] = Object.keys(FEATURES)

/** What a model must be to be used here. */
export const PE_MODEL: ExpectedModel = {
  id: 'pe',
  extractor: PE_EXTRACTOR,
  features: PE_HEADER_FEATURES,
  thresholds: [['malware', 'in-table-1e-3']],
}

/** One number for each of `PE_HEADER_FEATURES`; none is NaN. */
export function headerModelRow({ dos, coff, optional }: Headers): Float32Array {
  const flat: Flat = { ...dos, ...coff, ...optional }
  return Float32Array.from(Object.values(FEATURES), (make) => make((column) => flat[column] as number))
}

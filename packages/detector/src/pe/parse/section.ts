/**
 * Sections, and where an address of the image lies in the file.
 *
 * @module
 */
import { allZero, type Notes, NotPe, slice, Unreadable, u32 } from './bytes.ts'
import type { Headers } from './header.ts'

export interface Section {
  /** Eight bytes of the file. */
  readonly nameBytes: Uint8Array
  readonly VirtualSize: number
  readonly VirtualAddress: number
  readonly SizeOfRawData: number
  readonly PointerToRawData: number
  readonly Characteristics: number
  /** The file's bytes of it. */
  readonly data: Uint8Array
  /** Where it lies in the file, as the loader rounds it. */
  readonly fileStart: number
  readonly imageStart: number
  readonly imageEnd: number
}

type Row = Omit<Section, 'data' | 'fileStart' | 'imageStart' | 'imageEnd'>

export interface Image {
  readonly bytes: Uint8Array
  readonly headers: Headers
  /** In the order of their addresses. */
  readonly sections: readonly Section[]
  sectionAt(address: number): Section | undefined
  /** Sections may overlap: several may hold an address. */
  holds(section: Section, address: number): boolean
  sectionOfOffset(offset: number): Section | undefined
  /** @throws {Unreadable} */
  offsetOf(address: number): number
  /** At most so many bytes: what the section or the header has. @throws {Unreadable} */
  data(address: number, length: number): Uint8Array
  /** As `data`; an address that lies nowhere gives nothing. */
  text(address: number, maxLength: number): Uint8Array
}

const MAX_SECTIONS = 0x800
const HUGE = 0x10000000
const WRITE_AND_EXECUTE = 0xa0000000

export function parseImage(bytes: Uint8Array, headers: Headers, notes: Notes): Image {
  const raw = sectionTable(bytes, headers, notes).sort((a, b) => a.VirtualAddress - b.VirtualAddress)
  const sections = raw.map((section, index) => place(bytes, headers, section, raw[index + 1]))
  const tableEnd = headers.sectionsOffset + (raw.length > 0 ? 40 * headers.coff.NumberOfSections : 0)
  const starts = raw.filter((one) => one.PointerToRawData > 0).map((one) => toSector(one.PointerToRawData))
  const lowest = Math.min(...starts)
  const headerEnd = starts.length === 0 || lowest === 0 || lowest < tableEnd ? tableEnd : lowest
  const header = slice(bytes, 0, headerEnd)
  // The section that was found last is asked first, as `pefile` does: it decides where sections overlap.
  let last: Section | undefined
  const holds = (section: Section, address: number) => section.imageStart <= address && address < section.imageEnd
  const sectionAt = (address: number): Section | undefined => {
    if (last !== undefined && holds(last, address)) return last
    notes.meter.work(sections.length)
    const found = sections.find((section) => holds(section, address))
    if (found !== undefined) last = found
    return found
  }
  const within = (section: Section, address: number, length: number): Uint8Array => {
    const start = address - section.imageStart + section.fileStart
    return slice(bytes, start, Math.min(start + length, section.PointerToRawData + section.SizeOfRawData))
  }
  return {
    bytes,
    headers,
    sections,
    sectionAt,
    holds,
    sectionOfOffset: (offset) =>
      sections.find(({ fileStart, SizeOfRawData }) => fileStart <= offset && offset < fileStart + SizeOfRawData),
    offsetOf(address) {
      const section = sectionAt(address)
      if (section !== undefined) return address - section.imageStart + section.fileStart
      if (address < bytes.length) return address
      throw new Unreadable(`address ${address}`)
    },
    data(address, length) {
      const section = sectionAt(address)
      if (section !== undefined) return within(section, address, length)
      if (address < header.length) return slice(header, address, address + length)
      if (address < bytes.length) return slice(bytes, address, address + length)
      throw new Unreadable(`address ${address}`)
    },
    text(address, maxLength) {
      const section = sectionAt(address)
      return section === undefined ? slice(bytes, address, address + maxLength) : within(section, address, maxLength)
    },
  }
}

/** File offsets of sections are taken in sectors, whatever the header says. */
const toSector = (offset: number): number => offset - (offset % 512)

/** The section's address as the loader rounds it. */
function alignedAddress(address: number, { optional }: Headers): number {
  const alignment = optional.SectionAlignment < 0x1000 ? optional.FileAlignment : optional.SectionAlignment
  return alignment > 0 ? address - (address % alignment) : address
}

function place(bytes: Uint8Array, headers: Headers, section: Row, next?: Row): Section {
  const { VirtualAddress, VirtualSize, SizeOfRawData, PointerToRawData } = section
  const flat = headers.optional.SectionAlignment < 0x1000 && PointerToRawData === VirtualAddress
  const fileStart = flat ? VirtualAddress : toSector(PointerToRawData)
  const imageStart = alignedAddress(VirtualAddress, headers)
  let size = bytes.length - fileStart < SizeOfRawData ? VirtualSize : Math.max(SizeOfRawData, VirtualSize)
  if (next !== undefined && next.VirtualAddress > VirtualAddress && imageStart + size > next.VirtualAddress) {
    size = next.VirtualAddress - imageStart
  }
  const data = slice(bytes, fileStart, Math.min(fileStart + SizeOfRawData, PointerToRawData + SizeOfRawData))
  return { ...section, data, fileStart, imageStart, imageEnd: imageStart + size }
}

function sectionTable(bytes: Uint8Array, headers: Headers, notes: Notes): Row[] {
  const { warnings, meter } = notes
  const sections: Row[] = []
  for (let index = 0; index < headers.coff.NumberOfSections; index++) {
    if (index >= MAX_SECTIONS) {
      warnings.add('too-many-sections')
      break
    }
    meter.work(40)
    const start = headers.sectionsOffset + index * 40
    const row = slice(bytes, start, start + 40)
    if (row.length === 40 && allZero(row)) {
      warnings.add('section-header-null')
      break
    }
    if (row.length === 0) {
      warnings.add('section-header-missing')
      break
    }
    if (row.length < 40) throw new NotPe('It ends inside its section table.')
    const section = {
      nameBytes: row.subarray(0, 8),
      VirtualSize: u32(row, 8),
      VirtualAddress: u32(row, 12),
      SizeOfRawData: u32(row, 16),
      PointerToRawData: u32(row, 20),
      Characteristics: u32(row, 36),
    }
    if (noteFaults(bytes, headers, section, notes) >= 3) {
      warnings.add('section-too-many-faults')
      break
    }
    const isWritableCode = (section.Characteristics & WRITE_AND_EXECUTE) >>> 0 === WRITE_AND_EXECUTE
    if (isWritableCode) warnings.add('section-writable-executable')
    sections.push(section)
  }
  return sections
}

function noteFaults(bytes: Uint8Array, headers: Headers, section: Row, { warnings }: Notes): number {
  const { optional } = headers
  const { FileAlignment, SectionAlignment } = optional
  if (FileAlignment >= 512 && Math.log2(FileAlignment) % 1 !== 0) warnings.add('file-alignment-no-power')
  if (SectionAlignment < 0x1000 && FileAlignment !== SectionAlignment) warnings.add('section-alignment-differs')
  const faults = [
    [section.SizeOfRawData + section.PointerToRawData > bytes.length, 'section-larger-than-file'],
    [toSector(section.PointerToRawData) > bytes.length, 'section-data-beyond-file'],
    // Both have one place: the texts that the other two places wait for never come (see WARNINGS).
    [section.VirtualSize > HUGE, 'section-suspicious-value'],
    [alignedAddress(section.VirtualAddress, headers) > HUGE, 'section-suspicious-value'],
    [FileAlignment !== 0 && section.PointerToRawData % FileAlignment !== 0, 'section-data-unaligned'],
  ] as const
  let count = 0
  for (const [isSo, warning] of faults) {
    if (!isSo) continue
    warnings.add(warning)
    count += 1
  }
  return count
}

/**
 * Smaller directories: relocations, TLS, debug, bound imports, load configuration.
 *
 * @module
 */
import { allZero, type Notes, slice, structure, Unreadable, u16, u32, untilZero } from './bytes.ts'
import type { Image } from './section.ts'

function read(image: Image, address: number, length: number): Uint8Array | undefined {
  try {
    const data = image.data(address, length)
    image.offsetOf(address)
    return data
  } catch (cause) {
    if (!(cause instanceof Unreadable)) throw cause
    return undefined
  }
}

/** @returns How many blocks there are. */
export function parseRelocations(image: Image, start: number, size: number, notes: Notes): number {
  const { warnings, meter } = notes
  const { SizeOfImage } = image.headers.optional
  let blocks = 0
  for (let at = start; at < start + size; ) {
    meter.work(8)
    const data = read(image, at, 8)
    if (data === undefined) warnings.add('relocation-unreadable')
    const row = data && structure(data, 8, notes)
    if (row === undefined) break
    const [address, length] = [u32(row, 0), u32(row, 4)]
    if (address > SizeOfImage) {
      warnings.add('relocation-outside-image')
      break
    }
    if (length > SizeOfImage) {
      warnings.add('relocation-block-too-large')
      break
    }
    relocationEntries(image, at + 8, length - 8, notes)
    blocks += 1
    if (length === 0) break
    at += length
  }
  return blocks
}

function relocationEntries(image: Image, start: number, length: number, { warnings, meter }: Notes): void {
  const data = read(image, start, length)
  if (data === undefined) {
    warnings.add('relocation-bad-rva')
    return
  }
  const seen = new Set<number>()
  for (let at = 0; at + 2 <= data.length; at += 2) {
    meter.work(2)
    const entry = u16(data, at)
    if (seen.has(entry)) {
      warnings.add('relocation-overlaps')
      return
    }
    seen.add(entry)
  }
}

/** @returns Whether there is one. */
export function parseTls(image: Image, start: number, notes: Notes): boolean {
  const size = image.headers.kind === 'pe32+' ? 40 : 24
  const data = read(image, start, size)
  if (data === undefined) notes.warnings.add('tls-bad-rva')
  return data !== undefined && structure(data, size, notes) !== undefined
}

const [CODE_VIEW, MISC, EX_CHARACTERISTICS] = [2, 4, 20]

/** @returns The kinds of its entries. @throws {Unreadable} */
export function parseDebug(image: Image, start: number, size: number, notes: Notes): readonly number[] {
  const kinds: number[] = []
  for (let index = 0; index < Math.trunc(size / 28); index++) {
    notes.meter.work(28)
    let data: Uint8Array
    try {
      data = image.data(start + 28 * index, 28)
    } catch (cause) {
      if (!(cause instanceof Unreadable)) throw cause
      notes.warnings.add('debug-bad-rva')
      return []
    }
    const row = structure(data, 28, notes)
    image.offsetOf(start + 28 * index)
    if (row === undefined) return []
    debugData(image, u32(row, 12), u32(row, 16), u32(row, 24), notes)
    kinds.push(u32(row, 12))
  }
  return kinds
}

/** What an entry points to is only measured. */
function debugData(image: Image, kind: number, size: number, offset: number, notes: Notes): void {
  const data = slice(image.bytes, offset, offset + size)
  const mark = untilZero(data.subarray(0, 4))
  if (kind === CODE_VIEW && mark === 'RSDS') structure(data, Math.max(24, size), notes)
  else if (kind === CODE_VIEW && mark === 'NB10') structure(data, Math.max(16, size), notes)
  else if (kind === EX_CHARACTERISTICS) structure(data, 4, notes)
  else if (kind === MISC && structure(data, 12, notes) !== undefined && (data[8] as number) <= 1) {
    structure(data, Math.max(12, size), notes)
  }
}

/** Descriptors are read at the address as if it were an offset, which it usually is. @throws {Unreadable} */
export function parseBoundImports(image: Image, start: number, notes: Notes): void {
  const { bytes } = image
  for (let at = start; ; ) {
    notes.meter.work(64)
    const row = structure(slice(bytes, at, at + 8), 8, notes)
    if (row === undefined) {
      notes.warnings.add('bound-imports-unreadable')
      return
    }
    if (allZero(row)) return
    at += 8
    const most = roomOfBound(image, at)
    if (most === undefined) {
      notes.warnings.add('bound-import-bad-rva')
      return
    }
    const count = Math.min(u16(row, 6), Math.trunc(most / 8))
    for (let index = 0; index < count; index++) {
      notes.meter.work(MAX_BOUND_NAME)
      const reference = structure(slice(bytes, at, at + 8), 8, notes)
      if (reference === undefined) throw new Unreadable('a forwarder reference')
      at += 8
      if (!isName(boundName(bytes, start + u16(reference, 4)))) break
    }
    const name = boundName(bytes, start + u16(row, 4))
    if (name === '' || !isName(name)) return
  }
}

function roomOfBound(image: Image, at: number): number | undefined {
  const offset = image.offsetOf(at)
  const here = image.sectionOfOffset(at)
  if (here !== undefined) return here.PointerToRawData + here.data.length - offset
  const next = Math.min(...image.sections.map((one) => one.PointerToRawData).filter((start) => start > offset))
  const after = Number.isFinite(next) ? image.sectionOfOffset(next) : undefined
  return after && after.PointerToRawData - offset
}

const MAX_BOUND_NAME = 256
/** As long as a name may be, and one more: longer ones are told apart from names by that. */
const boundName = (bytes: Uint8Array, at: number): string => untilZero(slice(bytes, at, at + MAX_BOUND_NAME + 1))
const isName = (name: string): boolean => name.length <= MAX_BOUND_NAME && /^[\t-\r -~]*$/.test(name)

/** Sizes of the fields of IMAGE_LOAD_CONFIG_DIRECTORY, in PE32 and PE32+. */
const LOAD_CONFIG = {
  pe32: '4422444444444422444444444224444444444422444444444444',
  'pe32+': '4422444888888422888888884224488888888422844888888888',
}

export function parseLoadConfig(image: Image, start: number, notes: Notes): void {
  const { kind } = image.headers
  if (kind === undefined) {
    notes.warnings.add('load-config-unknown-format')
    return
  }
  const stated = read(image, start, 4)
  const size = stated !== undefined && stated.length >= 4 ? u32(stated, 0) : -1
  let total = 0
  for (const field of LOAD_CONFIG[kind]) {
    total += Number(field)
    if (total === size) break
  }
  const data = read(image, start, total)
  if (data === undefined) notes.warnings.add('load-config-bad-rva')
  else structure(data, total, notes)
}

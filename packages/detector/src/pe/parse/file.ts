/**
 * A PE file as its headers and directories tell it: headers → sections → directories → rich header.
 *
 * @module
 */
import { type Notes, Unreadable } from './bytes.ts'
import { parseBoundImports, parseDebug, parseLoadConfig, parseRelocations, parseTls } from './directory.ts'
import { type ExportedSymbol, parseExports } from './export.ts'
import { type Headers, parseHeaders } from './header.ts'
import { type ImportedLibrary, parseDelayImports, parseImports } from './import.ts'
import { parseResources, type ResourceSummary } from './resource.ts'
import { parseRich, type RichHeader } from './rich.ts'
import { type Image, parseImage, type Section } from './section.ts'
import type { Warning } from './warning.ts'

export interface PeFile {
  readonly headers: Headers
  readonly sections: readonly Section[]
  readonly image: Image
  readonly imports: readonly ImportedLibrary[]
  readonly delayImports: readonly ImportedLibrary[]
  /** `undefined`: there is no directory, or it is worthless. */
  readonly exports: readonly ExportedSymbol[] | undefined
  readonly resources: ResourceSummary | undefined
  readonly relocationBlocks: number
  readonly hasTls: boolean
  readonly debugKinds: readonly number[]
  readonly rich: RichHeader | undefined
  /** Certificates are not addressed as the rest is: by file offset. */
  readonly certificates: { readonly offset: number; readonly size: number } | undefined
  /** Where the part that no header speaks of begins. */
  readonly overlayOffset: number | undefined
  readonly warnings: ReadonlySet<Warning>
}

const MAX_OF_BYTE = { zero: 0.5, other: 0.15 }

/**
 * @param bytes Attacker-controlled; the whole file.
 * @param histogram How often each byte occurs in it.
 * @throws {NotPe} with a sentence, {Spent}.
 */
export function parsePe(bytes: Uint8Array, histogram: Uint32Array, notes: Notes): PeFile {
  const { warnings } = notes
  const most = (byte: number) => (byte === 0 ? MAX_OF_BYTE.zero : MAX_OF_BYTE.other)
  if (histogram.some((count, byte) => count / bytes.length > most(byte))) warnings.add('byte-dominates')
  const headers = parseHeaders(bytes, notes)
  const image = parseImage(bytes, headers, notes)
  const entry = headers.optional.AddressOfEntryPoint
  if (image.sectionAt(entry) === undefined) warnings.add('entry-outside-sections')
  else if (image.offsetOf(entry) > bytes.length) warnings.add('entry-outside-file')
  const directories = parseDirectories(image, notes)
  const rich = parseRich(bytes, headers.optionalOffset, notes)
  const security = headers.directories[4]
  return {
    headers,
    sections: image.sections,
    image,
    ...directories,
    rich,
    certificates:
      security !== undefined && security.address > 0 && security.size > 0
        ? { offset: security.address, size: security.size }
        : undefined,
    overlayOffset: overlayOf(image),
    warnings,
  }
}

type Directories = Pick<
  PeFile,
  'imports' | 'delayImports' | 'exports' | 'resources' | 'relocationBlocks' | 'hasTls' | 'debugKinds'
>
type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** In the order in which `pefile` reads them: a count of symbols goes over both kinds of imports. */
function parseDirectories(image: Image, notes: Notes): Directories {
  const found: Mutable<Directories> = {
    imports: [],
    delayImports: [],
    exports: undefined,
    resources: undefined,
    relocationBlocks: 0,
    hasTls: false,
    debugKinds: [],
  }
  const state = { symbols: 0 }
  const readers: readonly (readonly [index: number, read: (at: number, size: number) => void])[] = [
    [1, (at) => (found.imports = parseImports(image, at, state, notes))],
    [0, (at) => (found.exports = parseExports(image, at, notes))],
    [2, (at) => (found.resources = parseResources(image, at, notes))],
    [6, (at, size) => (found.debugKinds = parseDebug(image, at, size, notes))],
    [5, (at, size) => (found.relocationBlocks = parseRelocations(image, at, size, notes))],
    [9, (at) => (found.hasTls = parseTls(image, at, notes))],
    [10, (at) => parseLoadConfig(image, at, notes)],
    [13, (at) => (found.delayImports = parseDelayImports(image, at, state, notes))],
    [11, (at) => parseBoundImports(image, at, notes)],
  ]
  for (const [index, read] of readers) {
    const directory = image.headers.directories[index]
    if (directory === undefined) break
    if (directory.address === 0) continue
    try {
      read(directory.address, directory.size)
    } catch (cause) {
      if (!(cause instanceof Unreadable)) throw cause
      notes.warnings.add('directory-failed')
    }
  }
  return found
}

const SECURITY = 4

/** The end of what lies farthest in the file of all that a header speaks of. */
function overlayOf(image: Image): number | undefined {
  const { bytes, headers, sections } = image
  const parts = [
    [headers.optionalOffset, headers.coff.SizeOfOptionalHeader],
    ...sections.map((section) => [section.PointerToRawData, section.SizeOfRawData] as const),
    ...headers.directories.flatMap(({ address, size }, index) => {
      const offset = index === SECURITY ? undefined : offsetIn(image, address)
      return offset === undefined ? [] : [[offset, size] as const]
    }),
  ] as const
  let end = 0
  for (const [offset, size] of parts) if (offset + size > end && offset + size <= bytes.length) end = offset + size
  return bytes.length > end ? end : undefined
}

function offsetIn(image: Image, address: number): number | undefined {
  try {
    return image.offsetOf(address)
  } catch (cause) {
    if (!(cause instanceof Unreadable)) throw cause
    return undefined
  }
}

/**
 * PE files made in code: one that Windows would take, and what can be odd about it. None holds a program: the code is a `ret`.
 *
 * @module
 */

export interface PeGiven {
  readonly isWide?: boolean
  readonly characteristics?: number
  readonly timestamp?: number
  /** Overrides of the optional header by byte offset, as [offset, bytes, value]. */
  readonly optional?: readonly (readonly [at: number, size: 1 | 2 | 4 | 8, value: number])[]
  readonly dllCharacteristics?: number
  readonly fileAlignment?: number
  readonly sectionAlignment?: number
  readonly directoryCount?: number
  /** Library → functions; a number is an ordinal. */
  readonly imports?: Readonly<Record<string, readonly (string | number)[]>>
  readonly delayImports?: boolean
  readonly exports?: readonly (string | undefined)[]
  readonly resources?: boolean
  readonly relocations?: boolean
  readonly tls?: boolean
  readonly debug?: boolean
  readonly loadConfig?: boolean
  readonly rich?: readonly (readonly [tool: number, count: number])[] | 'malformed'
  readonly text?: string
  readonly codeFlags?: number
  readonly codeName?: string
  readonly overlay?: Uint8Array
  readonly machine?: number
  /** Last changes of the finished bytes. */
  readonly patch?: readonly (readonly [at: number, bytes: readonly number[]])[]
}

const TEXT = new TextEncoder()

/** Grows as it is written to. Offsets count from its beginning. */
function blob() {
  let bytes = new Uint8Array(256)
  let length = 0
  const grow = (end: number) => {
    if (end > bytes.length) {
      const next = new Uint8Array(Math.max(end, bytes.length * 2))
      next.set(bytes)
      bytes = next
    }
    length = Math.max(length, end)
  }
  const put = (at: number, size: number, value: number) => {
    grow(at + size)
    for (let index = 0; index < size; index++) bytes[at + index] = Math.floor(value / 2 ** (8 * index)) % 256
  }
  const raw = (at: number, data: Uint8Array) => {
    grow(at + data.length)
    bytes.set(data, at)
  }
  return {
    put,
    raw,
    text: (at: number, value: string) => raw(at, TEXT.encode(`${value}\0`)),
    /** So many bytes at the end, aligned. */
    take(size: number, alignment = 4): number {
      const at = Math.ceil(length / alignment) * alignment
      grow(at + size)
      return at
    },
    get length() {
      return length
    },
    done: () => bytes.slice(0, length),
  }
}

type Blob = ReturnType<typeof blob>

const CODE = 0x1000
const DATA = 0x2000
const MIB = 0x100000

export function peFile(given: PeGiven = {}): Uint8Array<ArrayBuffer> {
  const { fileAlignment = 0x200, sectionAlignment = 0x1000, isWide = false } = given
  const code = blob()
  code.raw(0, Uint8Array.of(0xc3, ...new Array<number>(63).fill(0xcc)))
  const data = blob()
  data.take(16)
  if (given.text !== undefined) data.text(data.take(given.text.length + 1), given.text)
  const directories = new Map<number, readonly [address: number, size: number]>()
  const thunk = isWide ? 8 : 4
  if (given.imports) directories.set(1, writeImports(data, given.imports, thunk))
  if (given.delayImports) directories.set(13, writeDelayImports(data, thunk))
  if (given.exports) directories.set(0, writeExports(data, given.exports))
  if (given.resources) directories.set(2, writeResources(data))
  if (given.relocations) directories.set(5, writeRelocations(data))
  if (given.tls) directories.set(9, [DATA + data.take(isWide ? 40 : 24), isWide ? 40 : 24])
  if (given.debug) directories.set(6, writeDebug(data))
  if (given.loadConfig) {
    const at = data.take(64)
    data.put(at, 4, 64)
    directories.set(10, [DATA + at, 64])
  }
  return assemble(given, code.done(), data.done(), directories, fileAlignment, sectionAlignment)
}

function assemble(
  given: PeGiven,
  code: Uint8Array,
  data: Uint8Array,
  directories: ReadonlyMap<number, readonly [number, number]>,
  fileAlignment: number,
  sectionAlignment: number,
): Uint8Array<ArrayBuffer> {
  const { isWide = false, directoryCount = 16 } = given
  const up = (size: number) => Math.ceil(size / fileAlignment) * fileAlignment
  const file = blob()
  const peAt = given.rich === undefined ? 0x80 : 0x100
  writeDos(file, peAt, given.rich)
  const optionalSize = (isWide ? 112 : 96) + 8 * Math.min(directoryCount, 16)
  const optional = peAt + 24
  const headerSize = up(optional + optionalSize + 80)
  file.raw(peAt, TEXT.encode('PE\0\0'))
  file.put(peAt + 4, 2, given.machine ?? (isWide ? 0x8664 : 0x14c))
  file.put(peAt + 6, 2, 2)
  file.put(peAt + 8, 4, given.timestamp ?? 0x5f000000)
  file.put(peAt + 20, 2, optionalSize)
  file.put(peAt + 22, 2, given.characteristics ?? (isWide ? 0x22 : 0x102))
  const wide = (at32: number, at64: number, value: number) =>
    file.put(optional + (isWide ? at64 : at32), isWide ? 8 : 4, value)
  for (const [at, size, value] of [
    [0, 2, isWide ? 0x20b : 0x10b],
    [2, 1, 14],
    [3, 1, 29],
    [4, 4, up(code.length)],
    [8, 4, up(data.length)],
    [16, 4, CODE],
    [20, 4, CODE],
    [32, 4, sectionAlignment],
    [36, 4, fileAlignment],
    [40, 2, 6],
    [48, 2, 6],
    [56, 4, 0x3000],
    [60, 4, headerSize],
    [68, 2, 3],
    [70, 2, given.dllCharacteristics ?? 0x8160],
  ] as const) {
    file.put(optional + at, size, value)
  }
  wide(28, 24, isWide ? 0x140000000 : 0x400000)
  wide(72, 72, MIB)
  wide(76, 80, 0x1000)
  wide(80, 88, MIB)
  wide(84, 96, 0x1000)
  file.put(optional + (isWide ? 108 : 92), 4, directoryCount)
  for (const [index, [address, size]] of directories) {
    if (index >= directoryCount) continue
    file.put(optional + (isWide ? 112 : 96) + 8 * index, 4, address)
    file.put(optional + (isWide ? 116 : 100) + 8 * index, 4, size)
  }
  const table = optional + optionalSize
  section(
    file,
    table,
    given.codeName ?? '.text',
    code.length,
    CODE,
    up(code.length),
    headerSize,
    given.codeFlags ?? 0x60000020,
  )
  section(file, table + 40, '.rdata', data.length, DATA, up(data.length), headerSize + up(code.length), 0x40000040)
  file.raw(headerSize, code)
  file.raw(headerSize + up(code.length), data)
  const end = headerSize + up(code.length) + up(data.length)
  file.raw(end, given.overlay ?? new Uint8Array(0))
  for (const [at, size, value] of given.optional ?? []) file.put(optional + at, size, value)
  for (const [at, bytes] of given.patch ?? []) file.raw(at, Uint8Array.from(bytes))
  return file.done()
}

const STUB = '!This program cannot be run in DOS mode.\r\r\n$'

function writeDos(file: Blob, peAt: number, rich: PeGiven['rich']): void {
  for (const [at, value] of [
    [0, 0x5a4d],
    [2, 0x90],
    [4, 3],
    [8, 4],
    [12, 0xffff],
    [16, 0xb8],
    [24, 0x40],
    [60, peAt],
  ] as const) {
    file.put(at, 2, value)
  }
  file.text(0x4d, STUB)
  if (rich === undefined) return
  const key = 0x1b2c3d4e
  const pairs = rich === 'malformed' ? [[1, 2] as const] : rich
  const words = [0x536e6144 ^ key, key, key, rich === 'malformed' ? 7 : key]
  for (const [tool, count] of pairs) words.push(tool ^ key, count ^ key)
  words.push(0x68636952, rich === 'malformed' ? 9 : key)
  for (const [index, word] of words.entries()) file.put(0x80 + 4 * index, 4, word >>> 0)
}

function section(
  file: Blob,
  at: number,
  name: string,
  size: number,
  address: number,
  rawSize: number,
  rawAt: number,
  flags: number,
): void {
  file.raw(at, TEXT.encode(name).subarray(0, 8))
  for (const [offset, value] of [
    [8, size],
    [12, address],
    [16, rawSize],
    [20, rawAt],
    [36, flags],
  ] as const) {
    file.put(at + offset, 4, value)
  }
}

function writeThunks(data: Blob, symbols: readonly (string | number)[], size: number): number {
  const table = data.take(size * (symbols.length + 1), 8)
  for (const [index, symbol] of symbols.entries()) {
    const at = table + size * index
    if (typeof symbol === 'number') {
      data.put(at, 2, symbol)
      data.put(at + size - 1, 1, 0x80)
      continue
    }
    const name = data.take(symbol.length + 3, 2)
    data.text(name + 2, symbol)
    data.put(at, 4, DATA + name)
  }
  return DATA + table
}

function writeImports(data: Blob, imports: NonNullable<PeGiven['imports']>, size: number): readonly [number, number] {
  const libraries = Object.entries(imports)
  const length = 20 * (libraries.length + 1)
  const start = data.take(length)
  for (const [index, [library, symbols]] of libraries.entries()) {
    const lookup = writeThunks(data, symbols, size)
    const addresses = writeThunks(data, symbols, size)
    const name = data.take(library.length + 1)
    data.text(name, library)
    data.put(start + 20 * index, 4, lookup)
    data.put(start + 20 * index + 12, 4, DATA + name)
    data.put(start + 20 * index + 16, 4, addresses)
  }
  return [DATA + start, length]
}

function writeDelayImports(data: Blob, size: number): readonly [number, number] {
  const start = data.take(64)
  const name = data.take(11)
  data.text(name, 'delay.dll')
  const lookup = writeThunks(data, ['LaterFunction'], size)
  for (const [at, value] of [
    [0, 1],
    [4, DATA + name],
    [12, lookup],
    [16, lookup],
  ] as const) {
    data.put(start + at, 4, value)
  }
  return [DATA + start, 64]
}

function writeExports(data: Blob, names: readonly (string | undefined)[]): readonly [number, number] {
  const named = names.flatMap((name, ordinal) => (name === undefined ? [] : [[name, ordinal] as const]))
  const start = data.take(40)
  const functions = data.take(4 * names.length)
  const nameTable = data.take(4 * named.length)
  const ordinals = data.take(2 * named.length)
  for (const [at, value] of [
    [16, 1],
    [20, names.length],
    [24, named.length],
    [28, DATA + functions],
    [32, DATA + nameTable],
    [36, DATA + ordinals],
  ] as const) {
    data.put(start + at, 4, value)
  }
  for (let index = 0; index < names.length; index++) data.put(functions + 4 * index, 4, CODE + index)
  for (const [index, [name, ordinal]] of named.entries()) {
    const at = data.take(name.length + 1)
    data.text(at, name)
    data.put(nameTable + 4 * index, 4, DATA + at)
    data.put(ordinals + 2 * index, 2, ordinal)
  }
  return [DATA + start, data.length - start]
}

/** One icon: kind, name, language, data. */
function writeResources(data: Blob): readonly [number, number] {
  const start = data.take(16 + 8 + 16 + 8 + 16 + 8 + 16 + 32)
  for (const [level, [id, next]] of [
    [3, 0x80000018],
    [1, 0x80000030],
    [1033, 0x48],
  ].entries()) {
    const at = start + 24 * level
    data.put(at + 14, 2, 1)
    data.put(at + 16, 4, id as number)
    data.put(at + 20, 4, next as number)
  }
  data.put(start + 0x48, 4, DATA + start + 0x58)
  data.put(start + 0x4c, 4, 32)
  return [DATA + start, 0x78]
}

function writeRelocations(data: Blob): readonly [number, number] {
  const start = data.take(12)
  data.put(start, 4, CODE)
  data.put(start + 4, 4, 12)
  data.put(start + 8, 2, 0x3004)
  return [DATA + start, 12]
}

function writeDebug(data: Blob): readonly [number, number] {
  const start = data.take(28)
  data.put(start + 12, 4, 16)
  return [DATA + start, 28]
}

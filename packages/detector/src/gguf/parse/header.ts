/**
 * The strict parser of everything before the tensor data. It shares no code with any engine.
 *
 * Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3.
 *
 * @module
 */
import { Fault, type Sheet, short } from '../finding.ts'
import type { Meter } from '../source.ts'
import { type GgufArray, readArray } from './array.ts'
import { type Cursor, createCursor, type Scalar, Short } from './cursor.ts'
import { type GgufTensor, readTensor } from './tensor.ts'
import { fixedBytes, TYPE, typeName } from './value-type.ts'
import { openWindow, type Window } from './window.ts'

export interface GgufEntry {
  readonly key: string
  readonly type: number
  readonly value: Scalar | GgufArray
  /** Bytes of the file from here to `end`: key length, key, type, value. */
  readonly offset: number
  readonly end: number
}

export interface GgufHeader {
  readonly version: number
  readonly isBigEndian: boolean
  readonly entries: ReadonlyMap<string, GgufEntry>
  readonly tensors: readonly GgufTensor[]
  readonly alignment: number
  /** Where the last tensor record ends. */
  readonly end: number
  /** Where tensor data begins: `end` rounded up to the alignment. */
  readonly dataStart: number
  /** The beginning of the file, up to `end` at least. */
  readonly bytes: Uint8Array
}

export const isArray = (value: Scalar | GgufArray): value is GgufArray => typeof value === 'object'

const MAX_KEYS = 100_000
const MAX_TENSORS = 1_000_000
const MAX_KEY_BYTES = 65_535
const MAX_VALUE_BYTES = 16 * 1024 * 1024
const LEAST_KEY_BYTES = 13
const LEAST_TENSOR_BYTES = 24
const DEFAULT_ALIGNMENT = 32
const MIN_ALIGNMENT = 8
const MAX_ALIGNMENT = 1024 * 1024
/** Header checks, in the order of the bytes. */
const KEY_CHECKS = ['G00', 'G01', 'G02', 'G03', 'G04', 'G06', 'G10', 'G13', 'G14', 'G22', 'G26'] as const

/**
 * @throws {Fault} at the first rule that is broken.
 * @throws {Spent}
 */
export async function parseHeader(meter: Meter, sheet: Sheet): Promise<GgufHeader> {
  const window = await openWindow(meter)
  const start = readStart(window, meter, sheet)
  const reader = createReader(window, meter, start)
  const entries = new Map<string, GgufEntry>()
  sheet.run('G01', 'G02')
  for (let index = 0; index < start.keyCount; index++) {
    const entry = await reader.next((cursor) => readEntry(cursor, index, meter.tick))
    if (entries.has(entry.key)) throw new Fault('G22', entry.offset, 'A key comes twice.', short(entry.key))
    entries.set(entry.key, entry)
  }
  const alignment = alignmentOf(entries)
  sheet.run(...KEY_CHECKS)
  const names = new Set<string>()
  const tensors: GgufTensor[] = []
  for (let index = 0; index < start.tensorCount; index++) {
    if ((index & 0xfff) === 0) meter.tick()
    const tensor = await reader.next((cursor) => readTensor(cursor, index))
    if (names.has(tensor.name)) throw new Fault('G22', tensor.at, 'A tensor comes twice.', tensor.name)
    names.add(tensor.name)
    tensors.push(tensor)
  }
  sheet.run('G05', 'G07', 'G09')
  const end = reader.offset
  const dataStart = Math.ceil(end / alignment) * alignment
  const { version, isBigEndian } = start
  return { version, isBigEndian, entries, tensors, alignment, end, dataStart, bytes: window.bytes }
}

interface Start {
  readonly version: number
  readonly isBigEndian: boolean
  readonly keyCount: number
  readonly tensorCount: number
}

const START_BYTES = 24

function readStart(window: Window, { source }: Meter, sheet: Sheet): Start {
  const { bytes } = window
  if (source.size < 4 || String.fromCharCode(...bytes.subarray(0, 4)) !== 'GGUF') {
    throw new Fault('G00', 0, 'The file does not begin with GGUF.')
  }
  if (source.size < START_BYTES) throw new Fault('G06', bytes.length, 'The file ends inside its first 24 bytes.')
  const stated = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true)
  const isBigEndian = (stated & 0xffff) === 0 && stated !== 0
  const cursor = createCursor(bytes, source.size, isBigEndian, 4)
  const version = cursor.u32('version')
  if (version !== 2 && version !== 3) throw new Fault('G00', 4, `The version is ${version}, and 2 and 3 are known.`)
  sheet.run('G00')
  if (isBigEndian) {
    const message = 'The file is big-endian: legal, and unsupported by engine.'
    sheet.found('G00', 4, message, { severity: 'medium', unsupportedByEngine: true })
  }
  const tensors = cursor.u64('tensor count')
  const keyCount = cursor.count('G01', 'key count', LEAST_KEY_BYTES, MAX_KEYS)
  const most = Math.min(MAX_TENSORS, Math.floor((source.size - START_BYTES) / LEAST_TENSOR_BYTES))
  if (tensors > BigInt(most)) {
    const message = `The tensor count is ${BigInt.asIntN(64, tensors)}, and at most ${most} can be there.`
    throw new Fault('G02', 8, message, undefined, true)
  }
  return { version, isBigEndian, keyCount, tensorCount: Number(tensors) }
}

interface Reader {
  readonly offset: number
  /** Reads one record; when the window ends in it, the window grows and it is read again from its beginning. */
  next<T>(read: (cursor: Cursor) => T): Promise<T>
}

function createReader(window: Window, { source }: Meter, { isBigEndian }: Start): Reader {
  let cursor = createCursor(window.bytes, source.size, isBigEndian, START_BYTES)
  return {
    get offset() {
      return cursor.offset
    },
    async next(read) {
      for (;;) {
        const { offset } = cursor
        try {
          return read(cursor)
        } catch (error) {
          if (!(error instanceof Short)) throw error
          await window.grow(error.end)
          cursor = createCursor(window.bytes, source.size, isBigEndian, offset)
        }
      }
    },
  }
}

function readEntry(cursor: Cursor, index: number, tick: () => void): GgufEntry {
  if ((index & 0xfff) === 0) tick()
  const { offset } = cursor
  const key = cursor.string('key', MAX_KEY_BYTES)
  if (key === '') throw new Fault('G10', offset, `Key ${index} is empty.`)
  if (!/^[\x21-\x7e]+$/.test(key)) {
    throw new Fault('G26', offset + 8, 'A key has characters that are not printable ASCII.', short(key))
  }
  const typeAt = cursor.offset
  const type = cursor.u32('value type')
  const entry = (value: Scalar | GgufArray) => ({ key, type, value, offset, end: cursor.offset })
  if (type === TYPE.array) return entry(readArray(cursor, key, tick))
  if (type === TYPE.string) return entry(cursor.string(`value of ${short(key)}`, MAX_VALUE_BYTES))
  if (fixedBytes(type) === undefined)
    throw new Fault('G14', typeAt, `A value has type ${type}, which does not exist.`, key)
  return entry(cursor.scalar(type))
}

function alignmentOf(entries: ReadonlyMap<string, GgufEntry>): number {
  const entry = entries.get('general.alignment')
  if (entry === undefined) return DEFAULT_ALIGNMENT
  const { value, type, offset } = entry
  const isPower = typeof value === 'number' && value > 0 && (value & (value - 1)) === 0
  if (type !== TYPE.u32 || !isPower || value < MIN_ALIGNMENT || value > MAX_ALIGNMENT) {
    const stated = isArray(value) ? '' : ` ${String(value)}`
    const message = `The alignment is ${typeName(type)}${stated}, wanted U32, a power of two from 8 to 1 MiB.`
    throw new Fault('G13', offset, message)
  }
  return value
}

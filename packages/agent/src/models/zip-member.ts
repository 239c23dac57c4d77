import { type FileHandle, open } from 'node:fs/promises'
import { pipeline, type Readable, Transform } from 'node:stream'
import { createInflateRaw } from 'node:zlib'
import { ModelError } from './model-error.ts'

/** Bytes of a central directory that is read; a wheel's takes a few hundred. */
const MAX_DIRECTORY_BYTES = 4 * 1024 * 1024
const END_BYTES = 22
const MAX_COMMENT_BYTES = 65_535

interface Member {
  readonly method: number
  readonly packedBytes: number
  readonly bytes: number
  readonly headerOffset: number
}

/**
 * Streams one member of a zip file, inflated. Zip64 and encryption are refused, other methods than stored and deflated too.
 *
 * @param path A file from outside; every offset is checked against its length.
 * @param maxBytes The stream fails once more than this comes out, whatever the directory says.
 * @returns Bytes; its digest is the caller's to check, the CRC of the zip is not looked at.
 * @throws {ModelError} `DOCUMENT_MALFORMED`, `NOT_FOUND`
 */
export async function openZipMember(path: string, name: string, maxBytes: number): Promise<Readable> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const member = findMember(await readDirectory(file, size), name)
    if (member.bytes > maxBytes) throw malformed(`${name} has ${member.bytes} bytes, wanted at most ${maxBytes}`)
    const start = dataStart(await readAt(file, member.headerOffset, 30, size), member.headerOffset)
    if (start + member.packedBytes > size) throw malformed(`${name} ends after the file does`)
    const packed = file.createReadStream({
      start,
      end: start + member.packedBytes - 1,
      highWaterMark: 1 << 18,
      autoClose: true,
    })
    const bounded = atMost(maxBytes, name)
    const stages = member.method === 0 ? [packed, bounded] : [packed, createInflateRaw(), bounded]
    // On an error it destroys every stage with it; whoever reads the last one gets it.
    pipeline(stages, () => undefined)
    return bounded
  } catch (error) {
    await file.close()
    throw error
  }
}

async function readDirectory(file: FileHandle, size: number): Promise<DataView> {
  const tailBytes = Math.min(size, END_BYTES + MAX_COMMENT_BYTES)
  const tail = await readAt(file, size - tailBytes, tailBytes, size)
  for (let at = tailBytes - END_BYTES; at >= 0; at--) {
    if (tail.getUint32(at, true) !== 0x06054b50) continue
    const bytes = tail.getUint32(at + 12, true)
    const offset = tail.getUint32(at + 16, true)
    if (bytes > MAX_DIRECTORY_BYTES)
      throw malformed(`its directory has ${bytes} bytes, wanted at most ${MAX_DIRECTORY_BYTES}`)
    return readAt(file, offset, bytes, size)
  }
  throw malformed('it has no directory')
}

/** Pure, so that it can be fuzzed. */
export function findMember(directory: DataView, name: string): Member {
  const decoder = new TextDecoder()
  for (let at = 0; at + 46 <= directory.byteLength; ) {
    if (directory.getUint32(at, true) !== 0x02014b50) throw malformed(`no entry at byte ${at} of its directory`)
    const nameBytes = directory.getUint16(at + 28, true)
    const next = at + 46 + nameBytes + directory.getUint16(at + 30, true) + directory.getUint16(at + 32, true)
    if (next > directory.byteLength) throw malformed('an entry ends after its directory does')
    if (decoder.decode(new Uint8Array(directory.buffer, directory.byteOffset + at + 46, nameBytes)) === name) {
      const member = {
        method: directory.getUint16(at + 10, true),
        packedBytes: directory.getUint32(at + 20, true),
        bytes: directory.getUint32(at + 24, true),
        headerOffset: directory.getUint32(at + 42, true),
      }
      if ((directory.getUint16(at + 8, true) & 1) !== 0) throw malformed(`${name} is encrypted`)
      if (member.method !== 0 && member.method !== 8)
        throw malformed(`${name} has method ${member.method}, wanted 0 or 8`)
      if (member.packedBytes === 0 || Object.values(member).includes(0xffffffff)) {
        throw malformed(`${name} is empty or zip64`)
      }
      return member
    }
    at = next
  }
  throw new ModelError('NOT_FOUND', `Cannot unpack ${name}: the zip file has no such member`)
}

function dataStart(header: DataView, offset: number): number {
  if (header.getUint32(0, true) !== 0x04034b50) throw malformed(`no member at byte ${offset}`)
  return offset + 30 + header.getUint16(26, true) + header.getUint16(28, true)
}

async function readAt(file: FileHandle, offset: number, length: number, size: number): Promise<DataView> {
  if (offset + length > size) throw malformed(`byte ${offset + length} is past its end at ${size}`)
  const bytes = new Uint8Array(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, offset + filled)
    if (bytesRead === 0) throw malformed('it became shorter while it was read')
    filled += bytesRead
  }
  return new DataView(bytes.buffer)
}

function atMost(maxBytes: number, name: string): Transform {
  let bytes = 0
  return new Transform({
    transform(chunk: Uint8Array, _, done) {
      bytes += chunk.length
      if (bytes > maxBytes) done(malformed(`${name} inflates to more than ${maxBytes} bytes`))
      else done(null, chunk)
    },
  })
}

function malformed(state: string): ModelError {
  return new ModelError('DOCUMENT_MALFORMED', `Cannot unpack the zip file: ${state}`)
}

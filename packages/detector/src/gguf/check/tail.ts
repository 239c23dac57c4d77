/**
 * What lies where nothing should: G25.
 *
 * @module
 */
import type { Sheet } from '../finding.ts'
import type { GgufHeader } from '../parse/header.ts'
import type { Meter } from '../source.ts'
import type { Layout } from './layout.ts'

/** Files of other kinds, by how they begin. */
const MAGICS: readonly (readonly [kind: string, magic: string])[] = [
  ['a ZIP archive', 'PK\x03\x04'],
  ['a ZIP archive', 'PK\x05\x06'],
  ['a 7z archive', "7z\xbc\xaf'\x1c"],
  ['a RAR archive', 'Rar!\x1a\x07'],
  ['a gzip stream', '\x1f\x8b\x08'],
  ['an xz stream', '\xfd7zXZ\x00'],
  ['a zstd frame', '\x28\xb5\x2f\xfd'],
  ['an ELF program', '\x7fELF'],
  ['a Windows program', 'MZ'],
  ['a Mach-O program', '\xcf\xfa\xed\xfe'],
  ['a Java class or Mach-O program', '\xca\xfe\xba\xbe'],
  ['a script', '#!'],
  ['a PDF', '%PDF-'],
  ['a web page', '<html'],
  ['a PHP script', '<?php'],
  ['a pickle', '\x80\x04\x95'],
  ['a GGUF file', 'GGUF'],
]

/** Readers of these look for them this far into a file. */
const PDF_SEARCH_BYTES = 1024
const TAR_MAGIC_AT = 257
const ISO_MAGIC_AT = 0x8001
/** End record of a ZIP archive, with the longest comment. */
const ZIP_END_BYTES = 22
const ZIP_SEARCH_BYTES = ZIP_END_BYTES + 65_535
const TRAILING_SAMPLE_BYTES = 64 * 1024
/** Gaps of padding that are read one by one; a model has fewer tensors than this. */
const MAX_GAPS = { near: 4_096, far: 8 }

const latin1 = (bytes: Uint8Array): string => {
  let text = ''
  for (let at = 0; at < bytes.length; at += 8_192) text += String.fromCharCode(...bytes.subarray(at, at + 8_192))
  return text
}

/** Reads the padding between tensors, what follows the last one, and the last 64 KiB. */
export async function checkTail(header: GgufHeader, layout: Layout, meter: Meter, sheet: Sheet): Promise<void> {
  sheet.run('G25')
  checkStart(header, sheet)
  await checkPadding(header, layout, meter, sheet)
  // A tensor that lies nowhere says nothing of where the others end.
  if (layout.placed.length === header.tensors.length) await checkTrailing(header, layout, meter, sheet)
  await checkZipEnd(meter, sheet)
}

function checkStart({ bytes }: GgufHeader, sheet: Sheet): void {
  const pdf = latin1(bytes.subarray(0, PDF_SEARCH_BYTES)).indexOf('%PDF-')
  if (pdf >= 0) sheet.found('G25', pdf, 'The file is a PDF, too.')
  if (latin1(bytes.subarray(TAR_MAGIC_AT, TAR_MAGIC_AT + 5)) === 'ustar') {
    sheet.found('G25', TAR_MAGIC_AT, 'The file is a tar archive, too.')
  }
  if (latin1(bytes.subarray(ISO_MAGIC_AT, ISO_MAGIC_AT + 5)) === 'CD001') {
    sheet.found('G25', ISO_MAGIC_AT, 'The file is a disk image, too.')
  }
}

async function checkPadding(header: GgufHeader, { placed }: Layout, meter: Meter, sheet: Sheet): Promise<void> {
  const { end, dataStart, alignment } = header
  const gaps: [start: number, end: number][] = placed.length > 0 ? [[end, dataStart]] : []
  for (const [index, { start, length }] of placed.entries()) {
    const next = placed[index + 1]
    const padded = Math.ceil((start + length) / alignment) * alignment
    // A wider gap is the layout's finding; here it is looked at up to where padding may reach.
    if (next !== undefined && next.start > start + length) gaps.push([start + length, Math.min(next.start, padded)])
  }
  for (const [from, to] of gaps.slice(0, MAX_GAPS[meter.source.isFar ? 'far' : 'near'])) {
    if (to <= from) continue
    const bytes = await meter.read(from, to - from)
    const at = bytes.findIndex((value) => value !== 0)
    if (at >= 0) sheet.found('G25', from + at, 'Padding is not zero: it may carry data.', { severity: 'medium' })
  }
}

async function checkTrailing(header: GgufHeader, { placed, end }: Layout, meter: Meter, sheet: Sheet): Promise<void> {
  const { size } = meter.source
  const start = placed.length > 0 ? end : header.end
  if (size <= start) return
  const padding = Math.ceil(start / header.alignment) * header.alignment
  const bytes = await meter.read(start, Math.min(size - start, TRAILING_SAMPLE_BYTES))
  const isZero = bytes.every((value) => value === 0)
  if (size <= padding && isZero) return
  const kind = magicOf(bytes) ?? magicOf(bytes.subarray(Math.max(0, padding - start)))
  const what = kind === undefined ? '' : `, which begin as ${kind} does`
  const message = `${size - start} bytes follow the last tensor${what}.`
  sheet.found('G25', start, message, { severity: isZero ? 'low' : kind === undefined ? 'high' : 'critical' })
}

const magicOf = (bytes: Uint8Array): string | undefined => {
  const text = latin1(bytes.subarray(0, 8))
  return MAGICS.find(([, magic]) => text.startsWith(magic))?.[0]
}

/** A ZIP archive is found from its end: one whose record ends with the file opens as an archive, wherever it lies. */
async function checkZipEnd(meter: Meter, sheet: Sheet): Promise<void> {
  const { size } = meter.source
  const start = Math.max(0, size - ZIP_SEARCH_BYTES)
  const bytes = await meter.read(start, size - start)
  for (let at = bytes.length - ZIP_END_BYTES; at >= 0; at--) {
    if (bytes[at] !== 0x50 || bytes[at + 1] !== 0x4b || bytes[at + 2] !== 5 || bytes[at + 3] !== 6) continue
    const comment = (bytes[at + 20] as number) | ((bytes[at + 21] as number) << 8)
    if (at + ZIP_END_BYTES + comment !== bytes.length) continue
    sheet.found('G25', start + at, 'The file is a ZIP archive, too: its end record ends with the file.', {
      severity: 'critical',
    })
    return
  }
}

/**
 * Where tensors lie: G08, G11, G12 and the padding part of G25.
 *
 * @module
 */
import type { Sheet } from '../finding.ts'
import type { GgufHeader } from '../parse/header.ts'
import type { GgufTensor } from '../parse/tensor.ts'
import type { Meter } from '../source.ts'

const MAX_SIGNED = 2n ** 63n

/** A tensor whose bytes are in the file. */
export interface PlacedTensor extends GgufTensor {
  readonly start: number
  readonly length: number
}

export interface Layout {
  /** By where they lie. Only those that are inside the file. */
  readonly placed: readonly PlacedTensor[]
  /** Where the last of them ends, at least the start of the data. */
  readonly end: number
}

/** All faults are noted; none ends the scan. */
export function checkLayout(header: GgufHeader, { source }: Meter, sheet: Sheet): Layout {
  const { tensors, dataStart, alignment } = header
  sheet.run('G07', 'G08', 'G11', 'G12')
  const placed: PlacedTensor[] = []
  for (const tensor of tensors) {
    const { offset, bytes, name, at } = tensor
    const end = BigInt(dataStart) + offset + bytes
    if (bytes > BigInt(source.size)) {
      sheet.broken('G07', at, `A tensor has ${bytes} bytes, and the file ${source.size}.`, name)
    }
    // The engine's own sum, with the rounding that follows it.
    if (offset + bytes + BigInt(alignment) - 1n >= MAX_SIGNED) {
      sheet.broken('G08', at, 'The end of a tensor wraps around 64 bits when it is rounded up to the alignment.', name)
    } else if (end > BigInt(source.size)) {
      sheet.broken('G11', at, `A tensor ends at byte ${end}, and the file at ${source.size}.`, name)
    } else {
      placed.push({ ...tensor, start: dataStart + Number(offset), length: Number(bytes) })
    }
    if (offset % BigInt(alignment) !== 0n) {
      sheet.broken('G12', at, `A tensor begins at ${offset}, which is no multiple of ${alignment}.`, name)
    }
  }
  checkOrder(placed, sheet)
  placed.sort((a, b) => a.start - b.start || a.length - b.length)
  return { placed, end: checkNeighbours(placed, header, sheet) }
}

function checkOrder(placed: readonly PlacedTensor[], sheet: Sheet): void {
  const late = placed.find((tensor, index) => index > 0 && tensor.start < (placed[index - 1] as PlacedTensor).start)
  if (late === undefined) return
  const message = 'Tensors lie in another order than their records: legal, and unsupported by engine.'
  sheet.found('G12', late.at, message, { severity: 'medium', subject: late.name, unsupportedByEngine: true })
}

function checkNeighbours(placed: readonly PlacedTensor[], header: GgufHeader, sheet: Sheet): number {
  const { alignment, dataStart } = header
  let end = dataStart
  for (const { start, length, name, at } of placed) {
    if (start < end) sheet.broken('G12', at, `A tensor begins at byte ${start}, inside the one before.`, name)
    const expected = Math.ceil(end / alignment) * alignment
    if (start > expected) {
      const message = `${start - expected} bytes before a tensor belong to none: hidden data.`
      sheet.found('G12', expected, message, { subject: name })
    }
    end = Math.max(end, start + length)
  }
  return end
}

/**
 * Shards of one model, held against each other: G30.
 *
 * @module
 */
import type { Sheet } from '../finding.ts'
import { type GgufHeader, isArray } from '../parse/header.ts'

const NUMBER = 'split.no'
const COUNT = 'split.count'
const TENSORS = 'split.tensors.count'

export const isShard = ({ entries }: GgufHeader): boolean => Number(scalar(entries, COUNT) ?? 0) > 1

function scalar(entries: GgufHeader['entries'], key: string): bigint | undefined {
  const value = entries.get(key)?.value
  if (value === undefined || isArray(value) || typeof value === 'string' || typeof value === 'boolean') return undefined
  return typeof value === 'bigint' || Number.isInteger(value) ? BigInt(value) : undefined
}

/** What one shard says of itself. */
export function checkShard({ entries, end }: GgufHeader, sheet: Sheet): void {
  sheet.run('G30')
  if (!entries.has(COUNT) && !entries.has(NUMBER)) return
  const [number, count] = [scalar(entries, NUMBER), scalar(entries, COUNT)]
  const at = entries.get(NUMBER)?.offset ?? end
  if (number === undefined || count === undefined || number < 0n || number >= count) {
    sheet.found('G30', at, `It is shard ${number ?? '?'} of ${count ?? '?'}: there is none.`, { subject: NUMBER })
  }
}

/** What they say together. Each finding goes to the sheet of the shard that it is about. */
export function checkShards(shards: readonly { readonly header: GgufHeader; readonly sheet: Sheet }[]): void {
  const first = shards[0]
  if (first === undefined) return
  const count = scalar(first.header.entries, COUNT)
  const numbers = new Map<bigint, number>()
  const names = new Map<string, number>()
  let tensors = 0
  for (const [index, { header, sheet }] of shards.entries()) {
    const { entries } = header
    const found = (key: string, message: string) =>
      sheet.found('G30', entries.get(key)?.offset ?? header.end, message, { subject: key })
    if (scalar(entries, COUNT) === undefined) found(COUNT, 'The file is no shard, and was given with others.')
    if (scalar(entries, COUNT) !== count) found(COUNT, 'It says another number of shards than the first.')
    const number = scalar(entries, NUMBER)
    if (number !== undefined && numbers.has(number)) found(NUMBER, `Shard ${number} comes twice.`)
    if (number !== undefined) numbers.set(number, index)
    const architecture = entries.get('general.architecture')?.value
    // Only the first shard has to carry the keys.
    if (architecture !== undefined && architecture !== first.header.entries.get('general.architecture')?.value) {
      found('general.architecture', 'It has another architecture than the first.')
    }
    for (const { name, at } of header.tensors) {
      if (names.has(name)) sheet.found('G30', at, 'A tensor is in two shards.', { severity: 'critical', subject: name })
      names.set(name, index)
    }
    tensors += header.tensors.length
  }
  if (count === undefined) return
  if (BigInt(shards.length) !== count) {
    first.sheet.found('G30', first.header.end, `${shards.length} of ${count} shards are here.`, { subject: COUNT })
    return
  }
  for (const { header, sheet } of shards) {
    const stated = scalar(header.entries, TENSORS)
    if (stated === undefined || stated === BigInt(tensors)) continue
    const at = header.entries.get(TENSORS)?.offset ?? header.end
    sheet.found('G30', at, `It says that there are ${stated} tensors, and there are ${tensors}.`, { subject: TENSORS })
  }
}

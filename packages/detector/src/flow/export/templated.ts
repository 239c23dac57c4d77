/**
 * NetFlow version 9 (RFC 3954) and IPFIX (RFC 7011): messages of sets, which templates explain.
 *
 * @module
 */
import { u16be, u32be } from '../../capture/number.ts'
import { BOOT_TIME, type Clock, ELEMENTS, SAMPLED, SPARED, unsigned } from './element.ts'
import { type Arrival, emptyRecord } from './record.ts'
import { type Domain, type Field, MAX_FIELDS, type Template, type TemplateStore, VARIABLE } from './template.ts'

/** A message whose header is read. */
interface Message extends Arrival {
  readonly isIpfix: boolean
  readonly number: number
  readonly domain: Domain
  readonly store: TemplateStore
  readonly clock: Clock
}

export function readNetflow9(arrival: Arrival, store: TemplateStore): void {
  const { data, exporter } = arrival
  if (data.length < 20) {
    arrival.counts.malformed++
    return
  }
  const number = u32be(data, 16)
  const domain = store.domain(`9 ${number} ${exporter}`)
  const clock = { sentMs: u32be(data, 8) * 1000, uptimeMs: u32be(data, 4), bootMs: undefined }
  readSets({ ...arrival, isIpfix: false, number, domain, store, clock }, 20, data.length)
}

export function readIpfix(arrival: Arrival, store: TemplateStore): void {
  const { data, exporter } = arrival
  // Over UDP one message is one datagram (RFC 7011 section 10.3).
  if (data.length < 16 || u16be(data, 2) !== data.length) {
    arrival.counts.malformed++
    return
  }
  const number = u32be(data, 12)
  const domain = store.domain(`10 ${number} ${exporter}`)
  const clock = { sentMs: u32be(data, 4) * 1000, uptimeMs: undefined, bootMs: domain.bootMs }
  readSets({ ...arrival, isIpfix: true, number, domain, store, clock }, 16, data.length)
}

function readSets(message: Message, from: number, stop: number): void {
  const { data, counts, isIpfix } = message
  for (let at = from; at < stop; ) {
    const length = stop - at < 4 ? 0 : u16be(data, at + 2)
    if (length < 4 || length > stop - at) {
      counts.malformed++
      return
    }
    const id = u16be(data, at)
    const end = at + length
    if (id >= 256) readData(message, id, at + 4, end)
    else if (id === (isIpfix ? 2 : 0)) readTemplates(message, at + 4, end, false)
    else if (id === (isIpfix ? 3 : 1)) readTemplates(message, at + 4, end, true)
    at = end
  }
}

/** Templates of one set; what is less than a header behind them is padding. */
function readTemplates(message: Message, from: number, end: number, isOptions: boolean): void {
  const { data, counts, isIpfix, domain, store, nowMs } = message
  for (let at = from; end - at >= 4; ) {
    const id = u16be(data, at)
    const count = u16be(data, at + 2)
    if (isIpfix && count === 0) {
      withdraw(message, id, isOptions)
      at += 4
      continue
    }
    // Padding.
    if (id === 0 || (isOptions && end - at < 6)) return
    const third = isOptions ? u16be(data, at + 4) : 0
    // NetFlow v9 tells the bytes of scopes and of options, IPFIX all fields and of these the scopes.
    const fieldCount = isOptions && !isIpfix ? (count + third) / 4 : count
    const scopes = isOptions && !isIpfix ? count / 4 : third
    const isWhole = Number.isInteger(fieldCount) && Number.isInteger(scopes) && (!isOptions || scopes > 0)
    const read =
      isWhole && fieldCount <= MAX_FIELDS ? readFields(message, at + (isOptions ? 6 : 4), end, fieldCount) : 0
    if (read === 0) {
      // Where the next one starts cannot be known.
      counts.malformedTemplates++
      return
    }
    store.take(domain, id, read.fields, scopes, nowMs)
    at = read.end
  }
}

/** RFC 7011 section 8.1: one template, or by the number of the set all of its kind. */
function withdraw({ domain, counts }: Message, id: number, isOptions: boolean): void {
  for (const [known, { scopes }] of [...domain.templates]) {
    if (known !== id && (id !== (isOptions ? 3 : 2) || scopes > 0 !== isOptions)) continue
    domain.templates.delete(known)
    counts.withdrawn++
  }
}

/** 0 when the set ends before the fields do. */
function readFields(message: Message, from: number, end: number, count: number): 0 | { fields: Field[]; end: number } {
  const { data, isIpfix } = message
  const fields: Field[] = []
  let at = from
  for (let i = 0; i < count; i++) {
    if (end - at < 4) return 0
    const id = u16be(data, at)
    const length = u16be(data, at + 2)
    const isPrivate = isIpfix && (id & 0x8000) !== 0
    if (isPrivate && end - at < 8) return 0
    fields.push({ id: isPrivate ? id & 0x7fff : id, enterprise: isPrivate ? u32be(data, at + 4) : 0, length })
    at += isPrivate ? 8 : 4
  }
  return { fields, end: at }
}

/** What is less than a record behind the records is padding. */
function readData(message: Message, id: number, from: number, end: number): void {
  const { counts, domain, store, nowMs } = message
  const template = store.find(domain, id, nowMs)
  if (template === undefined) {
    counts.withoutTemplate++
    return
  }
  for (let at = from; end - at >= template.minBytes; ) {
    const next = template.scopes > 0 ? readOptions(message, template, at, end) : readRecord(message, template, at, end)
    if (next === 0) {
      counts.malformed++
      return
    }
    at = next
  }
}

/** Calls `onField` for each field; gives the offset behind the last, 0 when the set ends inside one. */
function walkFields(
  data: Uint8Array,
  template: Template,
  from: number,
  end: number,
  onField: (field: Field, at: number, length: number) => void,
): number {
  let at = from
  for (const field of template.fields) {
    let { length } = field
    if (length === VARIABLE) {
      if (at >= end) return 0
      length = data[at]!
      at += 1
      if (length === 255) {
        if (end - at < 2) return 0
        length = u16be(data, at)
        at += 2
      }
    }
    if (length > end - at) return 0
    onField(field, at, length)
    at += length
  }
  return at
}

function readRecord(message: Message, template: Template, from: number, end: number): number {
  const { data, exporter, number, isIpfix, domain, counts, onRecord, clock } = message
  const record = emptyRecord(isIpfix ? 'ipfix' : 'netflow9', exporter, number)
  record.samplingEvery = domain.samplingEvery
  const next = walkFields(data, template, from, end, ({ id, enterprise }, at, length) => {
    const element = enterprise === 0 ? ELEMENTS.get(id) : undefined
    if (element === undefined || length < element.bytes[0] || length > element.bytes[1]) counts.unknownFields++
    else element.put(record, data, at, length, clock)
  })
  if (next === 0) return 0
  counts.records++
  onRecord(record)
  return next
}

/** An options record tells of the exporter: its sampling, its start. */
function readOptions(message: Message, template: Template, from: number, end: number): number {
  const { data, domain } = message
  const told = new Map<number, number>()
  const next = walkFields(data, template, from, end, ({ id, enterprise }, at, length) => {
    if (enterprise === 0 && length >= 1 && length <= 8) told.set(id, Number(unsigned(data, at, length)))
  })
  if (next === 0) return 0
  const sampled = told.get(SAMPLED) ?? 0
  const every = told.get(34) ?? told.get(50) ?? (sampled > 0 ? (sampled + (told.get(SPARED) ?? 0)) / sampled : 0)
  if (every > 0) domain.samplingEvery = every
  const bootMs = told.get(BOOT_TIME)
  if (bootMs !== undefined) domain.bootMs = bootMs
  return next
}

import type { DescField, DescMessage, Message } from '@bufbuild/protobuf'
import { fromBinary, getOption, toBinary } from '@bufbuild/protobuf'
import { reflect } from '@bufbuild/protobuf/reflect'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as option from './gen/weave/codec/v1/options_pb.js'
import { file_weave_control_v1_key_event } from './gen/weave/control/v1/key_event_pb.js'
import { file_weave_control_v1_routing_table } from './gen/weave/control/v1/routing_table_pb.js'
import { file_weave_log_v1_receipt } from './gen/weave/log/v1/receipt_pb.js'
import { file_weave_model_v1_statement } from './gen/weave/model/v1/statement_pb.js'
import { file_weave_packet_v1_content } from './gen/weave/packet/v1/content_pb.js'
import { file_weave_packet_v1_packet } from './gen/weave/packet/v1/packet_pb.js'
import { file_weave_packet_v1_saved_answer } from './gen/weave/packet/v1/saved_answer_pb.js'
import { file_weave_packet_v1_stream } from './gen/weave/packet/v1/stream_pb.js'
import * as messages from './messages.ts'
import { decode, encode, SchemaError, type Table } from './strict.ts'

const DESCRIPTORS = [
  file_weave_packet_v1_packet,
  file_weave_packet_v1_content,
  file_weave_packet_v1_stream,
  file_weave_log_v1_receipt,
  file_weave_control_v1_key_event,
  file_weave_control_v1_routing_table,
  file_weave_model_v1_statement,
  file_weave_packet_v1_saved_answer,
]
  .flatMap((file) => file.messages)
  .filter((message) => getOption(message, option.strict))

type AnyMessage = Readonly<Record<string, unknown>>
const tableOf = (descriptor: DescMessage): Table<AnyMessage> =>
  // biome-ignore lint/performance/noDynamicNamespaceImportAccess: every table is tested, none is left out
  messages[descriptor.name as keyof typeof messages] as unknown as Table<AnyMessage>

/** Values of one field within its options. */
function fieldValues(field: DescField, depth: number): fc.Arbitrary<unknown> {
  const exact = getOption(field, option.length)
  const most = Math.min(getOption(field, option.max_bytes) || 40, 40)
  const least = getOption(field, option.required) && field.fieldKind !== 'list' ? 1 : 0
  if (field.message) return messageValues(field.message, depth - 1)
  if (field.enum) return fc.integer({ min: least, max: 2 ** 31 - 1 })
  const type = tableOf(field.parent).byNumber[field.number]?.type
  switch (type) {
    case 'u32':
      return fc.oneof(fc.integer({ min: least, max: 300 }), fc.integer({ min: least, max: 2 ** 32 - 1 }))
    case 'ms':
      return fc.maxSafeNat().map((n) => Math.max(n, least))
    case 'u64':
      return fc.oneof(fc.bigInt(BigInt(least), 1_000n), fc.bigInt(BigInt(least), (1n << 64n) - 1n))
    case 'bool':
      return fc.boolean()
    case 'string':
      return fc
        .string({ unit: 'grapheme', minLength: least, maxLength: 12 })
        .filter((text) => new TextEncoder().encode(text).length <= most)
    default:
      return fc.uint8Array({ minLength: exact || least, maxLength: exact || most })
  }
}

function messageValues(descriptor: DescMessage, depth = 4): fc.Arbitrary<AnyMessage> {
  const model: Record<string, fc.Arbitrary<unknown>> = {}
  for (const field of descriptor.fields) {
    if (depth === 0 && field.message) continue
    const required = getOption(field, option.required)
    const one = fieldValues(field, depth)
    if (field.fieldKind !== 'list') {
      model[field.localName] = required ? one : fc.option(one, { nil: undefined })
      continue
    }
    const maxLength = Math.min(getOption(field, option.max_items) || 3, 3)
    model[field.localName] = fc.array(one, { minLength: required ? 1 : 0, maxLength })
  }
  return fc.record(model).map((value) => {
    const kept: Record<string, unknown> = { ...value }
    for (const oneof of descriptor.oneofs) {
      const present = oneof.fields.filter((field) => kept[field.localName] !== undefined)
      for (const field of present.slice(1)) kept[field.localName] = undefined
    }
    return kept
  })
}

/** The same message as protobuf-es sees it, set field by field through its own reflection. */
function oracleMessage(descriptor: DescMessage, value: AnyMessage): Message {
  const message = reflect(descriptor)
  for (const field of descriptor.fields) {
    const given = value[field.localName]
    if (given === undefined) continue
    const convert = (item: unknown): unknown => {
      if (field.message) return reflect(field.message, oracleMessage(field.message, item as AnyMessage))
      const big = tableOf(descriptor).byNumber[field.number]?.type === 'ms'
      return big ? BigInt(item as number) : item
    }
    if (field.fieldKind === 'list')
      for (const item of given as unknown[]) message.get(field).add(convert(item) as never)
    else message.set(field, convert(given) as never)
  }
  return message.message
}

/** Whether the options of the .proto hold, read from the descriptors and checked on protobuf-es's own message. */
function optionsHold(descriptor: DescMessage, message: Message): boolean {
  if (message.$unknown?.length) return false
  const view = reflect(descriptor, message)
  return descriptor.fields.every((field) => {
    const present = view.isSet(field)
    if (!present) return !getOption(field, option.required)
    const list = field.fieldKind === 'list' ? [...view.get(field)] : [view.get(field)]
    const maxItems = getOption(field, option.max_items)
    if (maxItems && list.length > maxItems) return false
    return list.every((item: unknown) => {
      if (field.message) return optionsHold(field.message, (item as { message: Message }).message)
      if (field.enum) return (item as number) >= 0
      if (typeof item === 'bigint') return !field.name.endsWith('_ms') || item <= BigInt(Number.MAX_SAFE_INTEGER)
      if (typeof item !== 'string' && !(item instanceof Uint8Array)) return true
      const size = typeof item === 'string' ? new TextEncoder().encode(item).length : item.length
      const exact = getOption(field, option.length)
      const most = getOption(field, option.max_bytes)
      return (!exact || size === exact) && (!most || size <= most)
    })
  })
}

/** What strict decoding must say, in the words of docs/protocol.md §3, by protobuf-es alone. */
function oracleAccepts(descriptor: DescMessage, bytes: Uint8Array): boolean {
  try {
    const message = fromBinary(descriptor, bytes)
    return equal(toBinary(descriptor, message), bytes) && optionsHold(descriptor, message)
  } catch {
    return false
  }
}

const equal = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, i) => byte === b[i])

function strictAccepts(table: Table<AnyMessage>, bytes: Uint8Array): boolean {
  try {
    const value = decode(table, bytes)
    // What is accepted is canonical by construction.
    expect(equal(encode(table, value), bytes)).toBe(true)
    return true
  } catch (error) {
    if (error instanceof SchemaError) return false
    throw error
  }
}

const withoutAbsent = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withoutAbsent)
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  return Object.fromEntries(Object.entries(value).flatMap(([k, v]) => (v === undefined ? [] : [[k, withoutAbsent(v)]])))
}

/** A small generator with a fixed seed (mulberry32), for loops too hot for fast-check. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}

/** One mutation of the kinds that tell codecs apart: bits, bytes, tags, and whole fields moved, doubled or dropped. */
function mutate(bytes: Uint8Array, random: (below: number) => number): Uint8Array {
  const out = [...bytes]
  const at = random(out.length + 1)
  switch (random(8)) {
    case 0:
      if (at < out.length) out[at] = (out[at] as number) ^ (1 << random(8))
      break
    case 1:
      if (at < out.length) out[at] = random(256)
      break
    case 2:
      out.splice(at, 1)
      break
    case 3:
      out.splice(at, 0, random(256))
      break
    case 4:
      out.length = at
      break
    case 5:
      // Makes the byte before `at` an overlong number, where it is one.
      if (at > 0) out.splice(at - 1, 1, (out[at - 1] as number) | 0x80, 0)
      break
    case 6:
      out.push(random(40) * 8 + [0, 2, 0, 5][random(4)]!, random(4), random(4))
      break
    default:
      out.push(...out.slice(at, at + random(48)))
  }
  return Uint8Array.from(out)
}

describe('tables and descriptors', () => {
  it('has a table for every strict message, under its own name', () => {
    expect(DESCRIPTORS.length).toBeGreaterThan(30)
    for (const descriptor of DESCRIPTORS) expect(tableOf(descriptor)?.name).toBe(descriptor.name)
  })
})

describe.each(DESCRIPTORS.map((d) => [d.typeName, d] as const))('%s', (_, descriptor) => {
  const table = tableOf(descriptor)

  it('writes 500 random messages byte for byte as protobuf-es does, and reads them back', () => {
    fc.assert(
      fc.property(messageValues(descriptor), (value) => {
        const bytes = encode(table, value)
        expect(equal(bytes, toBinary(descriptor, oracleMessage(descriptor, value)))).toBe(true)
        const read = decode(table, bytes)
        expect(equal(encode(table, read), bytes)).toBe(true)
        expect(oracleAccepts(descriptor, bytes)).toBe(true)
      }),
      { seed: 7, numRuns: 500 },
    )
  })
})

describe('accept and reject', () => {
  it('agrees with protobuf-es on 40,000 mutations of all messages', () => {
    let accepted = 0
    let refused = 0
    DESCRIPTORS.forEach((descriptor, n) => {
      const table = tableOf(descriptor)
      const random = randomFrom(n + 1)
      const seeds = fc.sample(messageValues(descriptor), { seed: n + 1, numRuns: 40 }).map((v) => encode(table, v))
      for (let i = 0; i < Math.ceil(40_000 / DESCRIPTORS.length); i++) {
        let bytes = mutate(seeds[i % seeds.length]!, random)
        if (random(4) === 0) bytes = mutate(bytes, random)
        const wanted = oracleAccepts(descriptor, bytes)
        if (strictAccepts(table, bytes) !== wanted) {
          throw new Error(
            `${table.name}: wanted ${wanted ? 'accept' : 'refuse'} of ${Buffer.from(bytes).toString('hex')}`,
          )
        }
        if (wanted) accepted++
        else refused++
      }
    })
    // Neither side may win by always saying the same.
    expect(accepted).toBeGreaterThan(2_000)
    expect(refused).toBeGreaterThan(10_000)
  }, 120_000)

  it('throws nothing but SchemaError on noise', () => {
    const random = randomFrom(99)
    for (const descriptor of DESCRIPTORS) {
      for (let i = 0; i < 300; i++) {
        const noise = Uint8Array.from({ length: random(60) }, () => (random(3) === 0 ? random(4) * 8 + 2 : random(256)))
        expect(strictAccepts(tableOf(descriptor), noise)).toBe(oracleAccepts(descriptor, noise))
      }
    }
  })
})

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))
const H32 = 'ab'.repeat(32)

describe('malleability: one guard for each family', () => {
  const { Usage, Retry, Sampling, Candidate, ChatMessage, AnswerPart, Header, HeaderCore, Addendum, Rule, KeyEvent } =
    messages
  const core = (compatible: string): string =>
    `0801 1001 1801 2220${H32} 2a20${H32} 3220${H32} 3a0161 5001 5802 6210${'cd'.repeat(16)} 6801 7001` +
    `7a10${'ef'.repeat(16)} e20120${H32} ${compatible}`

  it('reads the canonical forms that the cases below spoil', () => {
    expect(decode(Usage, hex('0801 1002'))).toEqual({ promptTokens: 1, completionTokens: 2 })
    expect(decode(HeaderCore, hex(core('ea0102 0102'))).compatibleVersions).toEqual([1, 2])
    expect(decode(Sampling, hex('0800'))).toEqual({ temperatureMicro: 0, stop: [] })
    expect(decode(AnswerPart, hex('0a00'))).toEqual({ text: '' })
    expect(decode(ChatMessage, hex('0a0161 1204 efbbbf62')).content).toBe('\ufeffb')
    expect(decode(Addendum, hex(`0a10${'cd'.repeat(16)} 20 ffffffffffffffffff01`)).epoch).toBe((1n << 64n) - 1n)
  })

  it.each<[string, Table<unknown>, string, string]>([
    ['swapped fields', Usage, '1002 0801', 'ascending order'],
    ['a duplicate', Usage, '0801 0801', 'ascending order'],
    ['a duplicate message', Rule, '0a0161 3a00 3a00', 'ascending order'],
    ['interleaved items', Rule, `0a0161 1a20${H32} 2001 1a20${H32}`, 'ascending order'],
    ['an overlong value', Usage, '088100', 'longer than it needs'],
    ['an overlong value of 64 bits', Addendum, `0a10${'cd'.repeat(16)} 208100`, 'longer than it needs'],
    ['an overlong tag', Usage, '880001', 'longer than it needs'],
    ['an overlong length', Header, `0a810001`, 'longer than it needs'],
    ['an explicit zero', Usage, '0800', 'a zero is present'],
    ['an explicit false', Retry, '0801 1000', 'a zero is present'],
    ['an explicit empty text', ChatMessage, '0a0161 1200', 'an empty value is present'],
    ['explicit empty bytes', Header, '0a0101 1200', 'an empty value is present'],
    ['an unknown field', Usage, '0801 1801', 'unknown field 3'],
    ['field number 0', Usage, '0001', 'unknown field 0'],
    ['a group', Usage, '0b0c', 'wire type 3, wanted 0'],
    ['a chunk for a number', Usage, '0a0101', 'wire type 2, wanted 0'],
    ['a number for a chunk', Header, '0801', 'wire type 0, wanted 2'],
    ['four fixed bytes for a number', Usage, '0d01000000', 'wire type 5, wanted 0'],
    ['unpacked numbers', HeaderCore, core('e80101'), 'wire type 0, wanted 2'],
    ['split packed numbers', HeaderCore, core('ea010101 ea010102'), 'ascending order'],
    ['empty packed numbers', HeaderCore, core('ea0100'), 'cut or empty'],
    ['packed numbers past the end', HeaderCore, core('ea010501'), 'cut or empty'],
    ['a packed number cut by its own end', HeaderCore, core('ea010181'), 'end inside a number'],
    ['too many packed numbers', HeaderCore, core('ea0109 010203040506070809'), 'more than 8 items'],
    ['too many items', Sampling, '2200'.repeat(17), 'more than 16 items'],
    ['text that is not UTF-8', ChatMessage, '0a01ff', 'not UTF-8'],
    ['half a surrogate pair', ChatMessage, '0a03eda080', 'not UTF-8'],
    ['overlong UTF-8', ChatMessage, '0a02c0af', 'not UTF-8'],
    ['a truth value of 2', Retry, '0801 1002', 'a number exceeds 1'],
    ['33 bits', Usage, '08ffffffff1f', 'exceeds 4294967295'],
    ['a sign-extended number', Usage, '08ffffffffffffffffff01', 'exceeds 4294967295'],
    ['a negative enum value', KeyEvent, `0a20${H32} 1220${H32} 18ffffffffffffffffff01`, 'exceeds 2147483647'],
    ['65 bits', Addendum, `0a10${'cd'.repeat(16)} 20ffffffffffffffffff03`, 'exceeds 64 bits'],
    ['eleven bytes of number', Addendum, `0a10${'cd'.repeat(16)} 20ffffffffffffffffffff01`, 'exceeds 64 bits'],
    ['a second member of a oneof', AnswerPart, `0a0161 1206 0a0161 120162`, 'second member'],
    ['a time past 2^53', messages.RoutingTable, `0a20${H32} 1001 2880808080808080 10`, 'exceeds 9007199254740991'],
    ['a wrong length', Candidate, '0a1fab', 'end inside a value'],
    ['31 bytes for 32', Candidate, `0a1f${'ab'.repeat(31)}`, '31 bytes, wanted 32'],
    ['too long a text', ChatMessage, `0a11${'61'.repeat(17)}`, '17 bytes, wanted at most 16'],
    ['a missing required value', ChatMessage, '120161', 'required value is absent'],
    ['a missing required list', messages.Recipients, '', 'required value is absent'],
    ['a cut number', Usage, '0880', 'end inside a number'],
    [
      'a 64-bit number cut by the end of its message',
      Addendum,
      `0a10${'cd'.repeat(16)} 42020880 01`,
      'end inside a number',
    ],
    ['a message that ends inside its parent only', messages.RequestContent, '1203 0a0308 01', 'end inside a value'],
  ])('refuses %s', (_, table, bytes, guard) => {
    expect(() => decode(table, hex(bytes))).toThrow(SchemaError)
    expect(() => decode(table, hex(bytes))).toThrow(guard)
  })
})

describe('encode', () => {
  const { Usage, Retry, ChatMessage, Candidate, Sampling, AnswerPart, Packet, RegistryEntry, KeyChain, HeaderCore } =
    messages
  const instance = new Uint8Array(32)

  it.each<[string, () => unknown, string]>([
    ['a negative number', () => encode(Usage, { promptTokens: -1 }), 'is no u32'],
    ['a fraction', () => encode(Usage, { promptTokens: 1.5 }), 'is no u32'],
    ['33 bits', () => encode(Usage, { promptTokens: 2 ** 32 }), 'is no u32'],
    ['a bigint for a number', () => encode(Usage, { promptTokens: 1n as never }), 'is no u32'],
    ['65 bits', () => encode(Sampling, { seed: 1n << 64n, stop: [] }), 'is no u64'],
    ['a number for a bigint', () => encode(Sampling, { seed: 1 as never, stop: [] }), 'is no u64'],
    ['a number for a truth value', () => encode(Retry, { maxAttempts: 1, afterOpen: 1 as never }), 'is no bool'],
    ['a required zero', () => encode(Retry, { maxAttempts: 0 }), 'required value is absent'],
    ['a required empty list', () => encode(KeyChain, { events: [] }), 'required value is absent'],
    ['too many items', () => encode(Sampling, { stop: Array(17).fill('x') }), '17 items, wanted at most 16'],
    ['a wrong length', () => encode(Candidate, { instance: instance.subarray(1) }), '31 bytes, wanted 32'],
    [
      'too long a text',
      () => encode(ChatMessage, { role: 'é'.repeat(9), toolCalls: [] }),
      '18 bytes, wanted at most 16',
    ],
    ['half a surrogate pair', () => encode(ChatMessage, { role: '\ud800', toolCalls: [] }), 'half surrogate'],
    ['text for bytes', () => encode(Candidate, { instance: 'x'.repeat(32) as never }), 'wanted bytes'],
    ['a time past 2^53', () => encode(RegistryEntry, { createdMs: 2 ** 53 } as never), 'required value is absent'],
    [
      'two members of a oneof',
      () => encode(Packet, { header: instance, signature: new Uint8Array(64), batch: {} as never }),
      'second member',
    ],
    ['a negative enum value', () => encode(HeaderCore, { version: 1, suite: 1, kind: -1 } as never), 'is no enum'],
  ])('refuses %s', (_, run, guard) => {
    expect(run).toThrow(SchemaError)
    expect(run).toThrow(guard)
  })

  it('keeps an explicit zero and an empty member of a oneof, and drops defaults', () => {
    expect(encode(Sampling, { seed: 0n, stop: [] })).toEqual(hex('2800'))
    expect(encode(AnswerPart, { text: '' })).toEqual(hex('0a00'))
    expect(encode(Usage, { promptTokens: 0, completionTokens: undefined })).toEqual(hex(''))
  })

  it('grows past its first buffer, also inside a nested message', () => {
    const chat = { messages: [{ role: 'user', content: 'x'.repeat(70_000), toolCalls: [] }], tools: [] }
    const bytes = encode(messages.RequestContent, { chat })
    expect(withoutAbsent(decode(messages.RequestContent, bytes))).toEqual({ chat })
  })

  it('leaves the input of decode unshared with a Buffer and unchanged', () => {
    const pool = Buffer.concat([Buffer.from([9, 9, 9]), Buffer.from(encode(Candidate, { instance, weight: 3 }))])
    const read = decode(Candidate, pool.subarray(3))
    expect(Buffer.isBuffer(read.instance)).toBe(false)
    expect(read).toEqual({ instance, weight: 3 })
  })
})

/**
 * The vocabulary: G14 for its keys, G15, G16, G17, G19, and G26 for its text.
 *
 * @module
 */
import { type Sheet, short } from '../finding.ts'
import { type GgufArray, lengthAt } from '../parse/array.ts'
import { type GgufEntry, type GgufHeader, isArray } from '../parse/header.ts'
import { TYPE, typeName } from '../parse/value-type.ts'

/** Key → element type. Engines read these arrays without asking for their type. */
const ARRAYS: Readonly<Record<string, readonly number[]>> = {
  'tokenizer.ggml.tokens': [TYPE.string],
  'tokenizer.ggml.merges': [TYPE.string],
  'tokenizer.ggml.scores': [TYPE.f32],
  'tokenizer.ggml.token_type': [TYPE.i32],
}
/** As many elements as tokens. */
const PARALLEL = ['tokenizer.ggml.scores', 'tokenizer.ggml.token_type']
/** Key → type of what is no array. */
const SCALARS: Readonly<Record<string, number>> = {
  'general.architecture': TYPE.string,
  'general.name': TYPE.string,
  'tokenizer.chat_template': TYPE.string,
  'tokenizer.ggml.model': TYPE.string,
  'tokenizer.ggml.pre': TYPE.string,
}
/** Ids that an engine takes when the file names none, by `tokenizer.ggml.model`. */
const DEFAULT_IDS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  llama: { bos: 1, eos: 2, unknown: 0 },
  bert: { bos: 101, unknown: 100, seperator: 102, padding: 0, mask: 103 },
  gpt2: { bos: 11, eos: 11 },
  t5: { eos: 1, unknown: 2, padding: 0 },
}
const LONG_TOKEN_BYTES = 1_024
const MAX_TOKEN_BYTES = 65_535
const BYTE_TOKEN = 6
/** What old converters wrote for "none". */
const NO_TOKEN = 0xffff_ffff

export function checkVocabulary(header: GgufHeader, sheet: Sheet): void {
  sheet.run('G14', 'G15', 'G16', 'G17', 'G19', 'G26')
  const { entries } = header
  checkTypes(entries, sheet)
  checkText(entries, sheet)
  const tokens = arrayAt(entries, 'tokenizer.ggml.tokens', TYPE.string)
  if (tokens === undefined) return
  for (const key of PARALLEL) {
    const entry = entries.get(key)
    if (entry === undefined || !isArray(entry.value) || entry.value.count === tokens.count) continue
    const message = `It has ${entry.value.count} elements, and the vocabulary ${tokens.count} tokens.`
    sheet.broken('G15', entry.offset, message, key)
  }
  checkEmbedding(header, tokens.count, sheet)
  checkSpecialTokens(header, tokens.count, sheet)
  checkLongest(tokens, sheet)
  checkByteTokens(header, tokens, sheet)
}

function arrayAt(entries: GgufHeader['entries'], key: string, elementType: number): GgufArray | undefined {
  const value = entries.get(key)?.value
  return value !== undefined && isArray(value) && value.elementType === elementType ? value : undefined
}

function checkTypes(entries: GgufHeader['entries'], sheet: Sheet): void {
  for (const [key, wanted] of Object.entries(ARRAYS)) {
    const entry = entries.get(key)
    if (entry === undefined) continue
    const { value, type, offset } = entry
    if (isArray(value) && wanted.includes(value.elementType)) continue
    const found = isArray(value) ? `${typeName(value.elementType)}[]` : typeName(type)
    const message = `It is ${found}, wanted ${wanted.map(typeName).join(' or ')}[].`
    // Of the same width, so that it reads the same: converters have written it.
    const isHarmless = key.endsWith('token_type') && found === 'U32[]'
    if (isHarmless) sheet.found('G14', offset, message, { severity: 'low', subject: key })
    else sheet.broken('G14', offset, message, key)
  }
  for (const [key, wanted] of Object.entries(SCALARS)) {
    const entry = entries.get(key)
    if (entry === undefined || entry.type === wanted) continue
    sheet.broken('G14', entry.offset, `It is ${typeName(entry.type)}, wanted ${typeName(wanted)}.`, key)
  }
  for (const { key, value, type, offset } of entries.values()) {
    if (!/^tokenizer\.ggml\.\w+_token_id$/.test(key) || type === TYPE.u32) continue
    const message = `It is ${typeName(type)}, wanted U32.`
    if (isArray(value) || typeof value === 'string') sheet.broken('G14', offset, message, key)
    else sheet.found('G14', offset, message, { severity: 'medium', subject: key })
  }
}

function checkText(entries: GgufHeader['entries'], sheet: Sheet): void {
  for (const { key, value, offset } of entries.values()) {
    const subject = short(key)
    if (typeof value === 'string' && value.includes('\0')) {
      sheet.found('G26', offset, 'A text has a NUL: engines cut it there.', { severity: 'medium', subject })
    }
    if (typeof value !== 'object') continue
    const { badTextAt = -1, nulAt = -1 } = value.strings ?? {}
    if (badTextAt >= 0) sheet.found('G26', badTextAt, 'A text is not UTF-8.', { severity: 'medium', subject })
    if (nulAt >= 0) sheet.found('G26', nulAt, 'A text has a NUL: engines cut it there.', { severity: 'low', subject })
    if (value.elementType === TYPE.array) {
      const message = 'Arrays lie in an array: legal, and unsupported by engine.'
      sheet.found('G04', offset, message, { severity: 'medium', subject, unsupportedByEngine: true })
    }
  }
}

function checkEmbedding({ tensors, entries }: GgufHeader, count: number, sheet: Sheet): void {
  const embedding = tensors.find(({ name }) => name === 'token_embd.weight')
  const rows = embedding?.dimensions[1] ?? 1
  // A codec's embedding is of sounds, and an adapter's is a difference.
  if (embedding === undefined || rows === count || entries.get('general.type')?.value === 'adapter') return
  const message = `The embedding has ${rows} rows, and the vocabulary ${count} tokens.`
  sheet.found('G15', embedding.at, message, { severity: 'high', subject: embedding.name })
}

function checkSpecialTokens({ entries }: GgufHeader, count: number, sheet: Sheet): void {
  for (const { key, value, offset } of entries.values()) {
    if (!/^tokenizer\.ggml\.\w+_token_id$/.test(key)) continue
    if (typeof value !== 'number' && typeof value !== 'bigint') continue
    if (value >= 0 && value < count) continue
    const message = `It is ${value}, and the vocabulary has ${count} tokens.`
    if (value === NO_TOKEN || value === -1 || value === -1n) {
      sheet.found('G16', offset, message, { severity: 'medium', subject: key })
    } else {
      sheet.broken('G16', offset, message, key)
    }
  }
  const family = entries.get('tokenizer.ggml.model')
  const defaults = typeof family?.value === 'string' ? DEFAULT_IDS[family.value] : undefined
  for (const [name, id] of Object.entries(defaults ?? {})) {
    if (id < count || entries.has(`tokenizer.ggml.${name}_token_id`)) continue
    const message = `The family's default for it is ${id}, and the vocabulary has ${count} tokens.`
    sheet.found('G16', (family as GgufEntry).offset, message, { severity: 'medium', subject: `${name} token` })
  }
}

function checkLongest({ strings }: GgufArray, sheet: Sheet): void {
  if (strings === undefined || strings.longest <= LONG_TOKEN_BYTES) return
  const message = `A token has ${strings.longest} bytes.`
  const subject = 'tokenizer.ggml.tokens'
  if (strings.longest > MAX_TOKEN_BYTES) sheet.broken('G17', strings.longestAt, message, subject)
  else sheet.found('G17', strings.longestAt, message, { severity: 'medium', subject })
}

/** Walks both arrays side by side; they lie in the window whole. */
function checkByteTokens({ entries, bytes, isBigEndian }: GgufHeader, tokens: GgufArray, sheet: Sheet): void {
  const types = arrayAt(entries, 'tokenizer.ggml.token_type', TYPE.i32)
  if (types === undefined || types.count !== tokens.count) return
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = tokens.offset
  for (let index = 0; index < tokens.count; index++) {
    const length = lengthAt(view, at, isBigEndian)
    if (view.getInt32(types.offset + index * 4, !isBigEndian) === BYTE_TOKEN && !isByteToken(bytes, at + 8, length)) {
      const message = `Token ${index} is of the type "byte" and is not written <0xHH>.`
      sheet.found('G19', at, message, { subject: 'tokenizer.ggml.tokens' })
    }
    at += 8 + length
  }
}

const isByteToken = (bytes: Uint8Array, start: number, length: number): boolean =>
  length === 6 && /^<0x[0-9A-Fa-f]{2}>$/.test(String.fromCharCode(...bytes.subarray(start, start + 6)))

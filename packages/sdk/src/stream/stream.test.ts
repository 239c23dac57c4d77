import { OUTCOMES } from '@mystranet/schemas/kinds'
import { decode, encode, Frame } from '@mystranet/schemas/messages'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat, utf8 } from '../bytes.ts'
import { createRecordParser, encodeRecord, RECORD_TYPES, type RecordType } from '../envelope/record.ts'
import { isPacketError } from '../errors.ts'
import { localSigner } from '../keys/signer.ts'
import { computeRoot, hashLeaf } from '../proof/merkle.ts'
import { signStreamCheckpoint, verifyStreamCheckpoint } from './checkpoint.ts'
import { checkClose, closeContentOf, textOf } from './close.ts'
import { createCoalescer } from './coalesce.ts'
import { createFrameReader, createFrameWriter } from './frame.ts'

const code = (wanted: string) => expect.objectContaining({ code: wanted })
const keys = { key: new Uint8Array(32).fill(1), nonce: new Uint8Array(12).fill(2) }
const streamId = new Uint8Array(32).fill(3)
const answerSalt = new Uint8Array(32).fill(4)

function written(texts: readonly string[]) {
  const writer = createFrameWriter(streamId, keys)
  const frames = texts.map((text, i) => writer.write(utf8(text), i === texts.length - 1))
  return { writer, frames }
}

describe('frames', () => {
  it('are a pair: what is written is read, under one root', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme', maxLength: 400 }), { minLength: 1, maxLength: 40 }),
        (texts) => {
          const { writer, frames } = written(texts)
          const reader = createFrameReader(streamId, keys)
          expect(
            frames.map((frame) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(reader.read(frame))),
          ).toEqual(texts)
          expect(reader.root()).toEqual(writer.root())
          expect(reader.root()).toEqual(computeRoot(frames.map(hashLeaf)))
          expect(reader.ended).toBe(true)
        },
      ),
      { seed: 4 },
    )
  })

  it('have sizes of buckets, whatever they carry', () => {
    const sizes = ['', 'a', 'a'.repeat(62), 'a'.repeat(63), 'a'.repeat(300)].map(
      (text) => decode(Frame, written([text]).frames[0]!).ct.length,
    )
    expect(sizes).toEqual([80, 80, 80, 272, 1040])
  })

  it.each<[string, (frames: Uint8Array[]) => Uint8Array[], RegExp]>([
    ['swapped', ([a, b, c]) => [b!, a!, c!], /frame 1 came, wanted frame 0/],
    ['left out', ([a, , c]) => [a!, c!], /frame 2 came, wanted frame 1/],
    ['sent twice', ([a]) => [a!, a!], /frame 0 came, wanted frame 1/],
    [
      'after the final one',
      (all) => [...all, encode(Frame, { ...decode(Frame, all[2]!), i: 3 })],
      /after the final one/,
    ],
    [
      'of another stream',
      ([a]) => [encode(Frame, { ...decode(Frame, a!), streamId: new Uint8Array(32) })],
      /another stream/,
    ],
    ['with unknown flags', ([a]) => [encode(Frame, { ...decode(Frame, a!), flags: 2 })], /unknown flags/],
    ['made final by somebody', ([a]) => [encode(Frame, { ...decode(Frame, a!), flags: 1 })], /not what its agent made/],
    [
      'with another text',
      ([a]) => [encode(Frame, { ...decode(Frame, a!), ct: decode(Frame, a!).ct.map((byte) => byte ^ 1) })],
      /not what its agent made/,
    ],
  ])('are refused when %s', (_, change, guard) => {
    const reader = createFrameReader(streamId, keys)
    const frames = change(written(['one', 'two', 'three']).frames)
    expect(() => frames.map((frame) => reader.read(frame))).toThrow(guard)
  })

  it('that are wrong do not spoil the reader: the right one still comes', () => {
    const { frames } = written(['one', 'two'])
    const reader = createFrameReader(streamId, keys)
    reader.read(frames[0]!)
    expect(() => reader.read(frames[0]!)).toThrow(code('STREAM_INVALID'))
    reader.read(frames[1]!)
    expect(reader.count).toBe(2)
  })

  it('come once: a writer that ended writes no more', () => {
    const { writer } = written(['one'])
    expect(() => writer.write(utf8('two'), false)).toThrow(RangeError)
  })

  it('use another nonce each, also beyond 2^16', () => {
    const { frames } = written(['same', 'same'])
    expect(decode(Frame, frames[0]!).ct).not.toEqual(decode(Frame, frames[1]!).ct)
  })

  it('from outside throw nothing but declared errors', () => {
    const [frame] = written(['hello']).frames
    fc.assert(
      fc.property(fc.nat(frame!.length - 1), fc.nat(255), fc.nat(frame!.length), (at, value, length) => {
        const bytes = frame!.slice(0, length)
        if (at < bytes.length) bytes[at] = value
        try {
          createFrameReader(streamId, keys).read(bytes)
          expect(bytes).toEqual(frame)
        } catch (error) {
          expect(isPacketError(error)).toBe(true)
        }
      }),
      { numRuns: 5000, seed: 5 },
    )
  })
})

describe('CLOSE', () => {
  function ended(texts: readonly string[], take = texts.length) {
    const { writer, frames } = written(texts)
    const reader = createFrameReader(streamId, keys)
    const payloads = frames.slice(0, take).map((frame) => reader.read(frame))
    const made = {
      streamId,
      frames: writer.count,
      root: writer.root(),
      ended: true,
      answer: utf8(texts.join('')),
      answerSalt,
    }
    const seen = {
      ...made,
      frames: reader.count,
      root: reader.root(),
      ended: reader.ended,
      answer: concat(...payloads),
    }
    return { content: closeContentOf(made, { promptTokens: 3, completionTokens: 4 }), seen }
  }

  it('agrees with the stream that it closes', () => {
    const { content, seen } = ended(['one', 'two'])
    expect(checkClose(OUTCOMES.STOP, content, seen)).toBe('STOP')
    expect(checkClose(OUTCOMES.LENGTH, content, seen)).toBe('LENGTH')
  })

  it('shows a truncated stream for what it is', () => {
    const { content, seen } = ended(['one', 'two', 'three'], 2)
    expect(() => checkClose(OUTCOMES.STOP, content, seen)).toThrow(code('STREAM_TRUNCATED'))
  })

  it.each<[string, object, object, string]>([
    ['another stream', { stream: new Uint8Array(32) }, {}, 'STREAM_INVALID'],
    ['no stream', { stream: undefined }, {}, 'STREAM_INVALID'],
    ['a stream where none began', {}, { streamId: undefined }, 'STREAM_INVALID'],
    ['fewer frames than came', { frames: 1 }, {}, 'STREAM_INVALID'],
    ['another root', { root: new Uint8Array(32) }, {}, 'STREAM_INVALID'],
    ['another answer', { answerCommitment: new Uint8Array(32) }, {}, 'COMMITMENT_MISMATCH'],
    ['a complete finish without a final frame', {}, { ended: false }, 'STREAM_INVALID'],
  ])('that names %s is refused', (_, wrong, other, wanted) => {
    const { content, seen } = ended(['one', 'two'])
    expect(() => checkClose(OUTCOMES.STOP, { ...content, ...wrong }, { ...seen, ...other })).toThrow(code(wanted))
  })

  it('that was cut has no final frame', () => {
    const { content, seen } = ended(['one', 'two'])
    expect(() => checkClose(OUTCOMES.CANCELLED, content, seen)).toThrow(/with a final frame/)
    expect(checkClose(OUTCOMES.ABORTED, content, seen)).toBe('ABORTED')
    expect(() => checkClose(1, content, seen)).toThrow(/finish is 1/)
  })
})

describe('stream checkpoints', () => {
  const network = new Uint8Array(32).fill(6)

  it('are signed by the key of the OPEN, for one stream, over its root', async () => {
    const signer = await localSigner(new Uint8Array(32).fill(7))
    const root = new Uint8Array(32).fill(8)
    const bytes = await signStreamCheckpoint({ network, streamId, size: 2, root, createdMs: 5 }, signer)
    const of = { network, streamId, key: signer.publicKey }
    expect((await verifyStreamCheckpoint(bytes, of, () => root)).size).toBe(2)
    await expect(verifyStreamCheckpoint(bytes, { ...of, key: new Uint8Array(32) })).rejects.toThrow(/another key/)
    await expect(verifyStreamCheckpoint(bytes, { ...of, streamId: network })).rejects.toThrow(/another stream/)
    await expect(verifyStreamCheckpoint(bytes, { ...of, network: streamId })).rejects.toThrow(/another stream/)
    await expect(verifyStreamCheckpoint(bytes, of, () => network)).rejects.toThrow(/root is not that of the frames/)
  })
})

describe('records', () => {
  const types = Object.keys(RECORD_TYPES) as RecordType[]

  it('are read as they were written, however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...types), fc.uint8Array({ maxLength: 90 })), { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
        (records, cuts) => {
          const bytes = concat(...records.map(([type, value]) => encodeRecord(type, value)))
          const parser = createRecordParser()
          const seen = []
          for (let at = 0, n = 0; at < bytes.length; n++) {
            const size = cuts[n % cuts.length] as number
            seen.push(...parser.push(bytes.subarray(at, at + size)))
            at += size
          }
          expect(seen.map(({ type, value }) => [type, [...value]])).toEqual(
            records.map(([type, value]) => [type, [...value]]),
          )
          expect(parser.pending).toBe(0)
        },
      ),
      { seed: 6 },
    )
  })

  it('of unknown types are skipped, and one that is too long is refused before it comes', () => {
    const parser = createRecordParser()
    expect(parser.push(concat(Uint8Array.of(200, 0, 0, 0, 1, 9), encodeRecord('end')))).toEqual([
      { type: 'end', value: new Uint8Array(0) },
    ])
    expect(() => parser.push(Uint8Array.of(1, 255, 255, 255, 255))).toThrow(code('STREAM_INVALID'))
  })
})

describe('the coalescer', () => {
  it('sends the first text at once, gathers the rest, and loses none', async () => {
    const payloads: { text: string; final: boolean }[] = []
    const coalescer = createCoalescer((payload, final) => payloads.push({ text: textOf(payload), final }), 20)
    coalescer.push('one')
    expect(payloads).toEqual([{ text: 'one', final: false }])
    for (const text of [' two', ' three', '', ' four']) coalescer.push(text)
    expect(payloads).toHaveLength(1)
    await expect.poll(() => payloads.length).toBeGreaterThan(1)
    expect(payloads[1]).toEqual({ text: ' two three four', final: false })
    coalescer.push(' five')
    coalescer.push(' six')
    coalescer.end()
    expect(payloads.at(-1)?.final).toBe(true)
    expect(payloads.map((each) => each.text).join('')).toBe('one two three four five six')
    expect(payloads.filter((each) => each.final)).toHaveLength(1)
  })

  it('cuts a text that exceeds a frame between characters, and ends an empty answer with one frame', () => {
    const payloads: string[] = []
    const finals: boolean[] = []
    const coalescer = createCoalescer((payload, final) => {
      payloads.push(textOf(payload))
      finals.push(final)
    })
    const text = '🙂'.repeat(30_001)
    coalescer.push(`a${text}`)
    coalescer.end()
    expect(payloads.join('')).toBe(`a${text}`)
    expect(payloads.length).toBeGreaterThan(2)
    expect(finals.filter(Boolean)).toHaveLength(1)
    const empty: boolean[] = []
    createCoalescer((_, final) => empty.push(final)).end()
    expect(empty).toEqual([true])
  })
})

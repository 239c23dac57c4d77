/**
 * The records of an answer on the wire: `u8 type ‖ u32 len ‖ value` (docs/protocol.md §8.1).
 *
 * @module
 */
import { MAX_PACKET_BYTES } from '@mystranet/schemas/limits'
import { type Bytes, concat, u32be } from '../bytes.ts'
import { PacketError } from '../errors.ts'

export const ANSWER_MEDIA_TYPE = 'application/vnd.mystranet.answer.v1'

export const RECORD_TYPES = {
  end: 0,
  packet: 1,
  frame: 2,
  checkpoint: 3,
  receipt: 4,
  heartbeat: 5,
  notice: 6,
  'agent-keys': 7,
  'attempt-receipt': 8,
  'statement-receipt': 9,
  'sender-keys': 10,
  'table-receipt': 11,
} as const

export type RecordType = keyof typeof RECORD_TYPES

export interface AnswerRecord {
  readonly type: RecordType
  readonly value: Uint8Array
}

const TYPE_NAMES: readonly (RecordType | undefined)[] = Object.keys(RECORD_TYPES) as RecordType[]
const PREFIX_BYTES = 5

export function encodeRecord(type: RecordType, value: Uint8Array = new Uint8Array(0)): Bytes {
  return concat(Uint8Array.of(RECORD_TYPES[type]), u32be(value.length), value)
}

/** Takes bytes as they arrive and gives whole records; holds at most one record that is not complete. */
export interface RecordParser {
  /**
   * @param chunk Attacker-controlled; records of unknown types are skipped.
   * @throws {PacketError} `STREAM_INVALID` for a record longer than a packet may be.
   */
  push(chunk: Uint8Array): AnswerRecord[]
  /** Bytes of a record that was begun and not finished. */
  readonly pending: number
}

export function createRecordParser(): RecordParser {
  let chunks: Uint8Array[] = []
  let held = 0

  /** One piece again, only when a whole record is there: so many small chunks cost no more than their sum. */
  function join(): Uint8Array {
    const all = chunks.length === 1 ? (chunks[0] as Uint8Array) : concat(...chunks)
    chunks = [all]
    return all
  }

  return {
    get pending() {
      return held
    },
    push(chunk) {
      const records: AnswerRecord[] = []
      chunks.push(chunk)
      held += chunk.length
      while (held >= PREFIX_BYTES) {
        if ((chunks[0] as Uint8Array).length < PREFIX_BYTES) join()
        const head = chunks[0] as Uint8Array
        const length = new DataView(head.buffer, head.byteOffset, head.byteLength).getUint32(1)
        if (length > MAX_PACKET_BYTES) {
          throw new PacketError('STREAM_INVALID', `Cannot read the answer: a record of ${length} bytes`)
        }
        if (held < PREFIX_BYTES + length) break
        const bytes = join()
        const type = TYPE_NAMES[bytes[0] as number]
        if (type !== undefined) records.push({ type, value: bytes.slice(PREFIX_BYTES, PREFIX_BYTES + length) })
        chunks = [bytes.subarray(PREFIX_BYTES + length)]
        held -= PREFIX_BYTES + length
      }
      return records
    },
  }
}

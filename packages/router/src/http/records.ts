/**
 * Records on the wire: `u8 type ‖ u32 length ‖ value` (docs/protocol.md §8.1).
 *
 * @module
 */
import { concat, u32be } from '@mystranet/sdk/bytes'
import { RouterError } from '../errors.ts'

export const ANSWER_TYPE = 'application/vnd.mystranet.answer.v1'
/** The same framing for lists of other things; each route names its types. */
export const RECORDS_TYPE = 'application/vnd.mystranet.records.v1'

export interface WireRecord {
  readonly type: number
  readonly value: Uint8Array
}

export const encodeWireRecord = ({ type, value }: WireRecord): Uint8Array<ArrayBuffer> =>
  concat(Uint8Array.of(type), u32be(value.length), value)

export const encodeWireRecords = (records: readonly WireRecord[]): Uint8Array<ArrayBuffer> =>
  concat(...records.map(encodeWireRecord))

/**
 * Inverse of {@link encodeWireRecords}.
 *
 * @param bytes Attacker-controlled; capped by the caller.
 * @throws {RouterError} `DOCUMENT_MALFORMED` when the last record is cut.
 */
export function parseWireRecords(bytes: Uint8Array): WireRecord[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const records: WireRecord[] = []
  let at = 0
  while (at < bytes.length) {
    const end = at + 5 <= bytes.length ? at + 5 + view.getUint32(at + 1) : Number.POSITIVE_INFINITY
    if (end > bytes.length) throw new RouterError('DOCUMENT_MALFORMED', `Cannot read the records: record ${records.length} is cut`)
    records.push({ type: bytes[at] as number, value: bytes.subarray(at + 5, end) })
    at = end
  }
  return records
}

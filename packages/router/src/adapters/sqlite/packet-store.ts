/** @module The packet store in SQLite. */
import type { PacketStore, RequestRecord, StoredRequest } from '../../ports.ts'
import { isOpen } from '../record-open.ts'
import { encodeRecord, parseRecord } from '../record-text.ts'
import type { Database, Row } from './database.ts'

export function sqlitePacketStore(db: Database): PacketStore {
  const find = (id: string): StoredRequest | undefined => read(db.get('SELECT * FROM request WHERE id = ?', id))
  return {
    find: async (id) => find(id),
    insert: (record) =>
      db.write(() => {
        db.run(
          'INSERT OR IGNORE INTO request (id, revision, open, expires_ms, ended_ms, packet, body) VALUES (?, 1, ?, ?, ?, ?, ?)',
          record.id,
          Number(isOpen(record)),
          record.expiresMs,
          record.endedMs,
          record.packet,
          bodyOf(record),
        )
        return find(record.id) as StoredRequest
      }),
    replace: (revision, next) =>
      db.write(() => {
        const changes = db.run(
          'UPDATE request SET revision = ?, open = ?, ended_ms = ?, body = ? WHERE id = ? AND revision = ?',
          revision + 1,
          Number(isOpen(next)),
          next.endedMs,
          bodyOf(next),
          next.id,
          revision,
        )
        return changes === 0 ? 'conflict' : { record: next, revision: revision + 1 }
      }),
    unfinished: async () => db.all('SELECT id FROM request WHERE open = 1').map(({ id }) => String(id)),
    forget: (beforeMs) =>
      db.write(() =>
        db
          .all(
            'DELETE FROM request WHERE open = 0 AND ended_ms > 0 AND ended_ms < ? AND expires_ms < ? RETURNING id',
            beforeMs,
            beforeMs,
          )
          .map((row) => String(row['id'])),
      ),
  }
}

const bodyOf = ({ packet: _, ...rest }: RequestRecord): string => encodeRecord(rest)

function read(row: Row | undefined): StoredRequest | undefined {
  if (row === undefined) return undefined
  const body = parseRecord<Omit<RequestRecord, 'packet'>>(String(row['body']))
  return { record: { ...body, packet: row['packet'] as Uint8Array }, revision: Number(row['revision']) }
}

/** @module Key chains, routing tables, model statements, invitations and dead letters in SQLite. */
import type {
  DeadLetter,
  DeadLetters,
  Invites,
  KeyDirectory,
  StatementStore,
  StoredTable,
  TableStore,
} from '../../ports.ts'
import type { Database, Row } from './database.ts'

export function sqliteKeyDirectory(db: Database): KeyDirectory {
  return {
    async find(instance) {
      const row = db.get('SELECT chain, revision FROM chain WHERE instance = ?', instance)
      return row && { chain: row['chain'] as Uint8Array, revision: Number(row['revision']) }
    },
    replace: (instance, revision, chain) =>
      db.write(() => {
        const sql =
          revision === 0
            ? 'INSERT OR IGNORE INTO chain (chain, instance, revision) VALUES (?, ?, 1 + ?)'
            : 'UPDATE chain SET chain = ?, revision = revision + 1 WHERE instance = ? AND revision = ?'
        return db.run(sql, chain, instance, revision) === 0 ? 'conflict' : { chain, revision: revision + 1 }
      }),
  }
}

export function sqliteTableStore(db: Database): TableStore {
  const newest = () => db.all('SELECT * FROM routing_table ORDER BY version DESC LIMIT 2').map(tableOf)
  return {
    newest: async () => newest(),
    push: ({ version, document, receipt, sinceMs }) =>
      db.write(() => {
        if (version !== (newest()[0]?.version ?? 0n) + 1n) return 'conflict'
        db.run(
          'INSERT INTO routing_table (version, document, receipt, since_ms) VALUES (?, ?, ?, ?)',
          version,
          document,
          receipt,
          sinceMs,
        )
        return 'stored'
      }),
  }
}

const tableOf = (row: Row): StoredTable => ({
  document: row['document'] as Uint8Array,
  receipt: row['receipt'] as Uint8Array,
  version: BigInt(Number(row['version'])),
  sinceMs: Number(row['since_ms']),
})

export function sqliteStatementStore(db: Database): StatementStore {
  return {
    put: (agent, digest, receipt) =>
      db.write(() => {
        db.run('INSERT OR REPLACE INTO statement (agent, digest, receipt) VALUES (?, ?, ?)', agent, digest, receipt)
      }),
    newest: async (agent) =>
      db
        .all('SELECT receipt FROM statement WHERE agent = ? ORDER BY place DESC LIMIT 8', agent)
        .map((row) => row['receipt'] as Uint8Array),
  }
}

export function sqliteInvites(db: Database): Invites {
  return {
    add: (tokenHash, untilMs) =>
      db.write(() => {
        db.run('INSERT OR IGNORE INTO invite (hash, until_ms) VALUES (?, ?)', tokenHash, untilMs)
      }),
    use: (tokenHash, instance, nowMs) =>
      db.write(
        () =>
          db.run(
            'UPDATE invite SET instance = ? WHERE hash = ? AND until_ms > ? AND (instance IS NULL OR instance = ?)',
            instance,
            tokenHash,
            nowMs,
            instance,
          ) > 0,
      ),
  }
}

export function sqliteDeadLetters(db: Database): DeadLetters {
  return {
    put: ({ packet, code, notice, expiresMs, atMs }) =>
      db.write(() => {
        db.run(
          'INSERT OR REPLACE INTO dead_letter (packet, code, notice, expires_ms, at_ms) VALUES (?, ?, ?, ?, ?)',
          packet,
          code,
          notice,
          expiresMs,
          atMs,
        )
      }),
    list: async (limit) => db.all('SELECT * FROM dead_letter ORDER BY at_ms DESC, packet LIMIT ?', limit).map(letterOf),
    async show(packet) {
      const row = db.get('SELECT * FROM dead_letter WHERE packet = ?', packet)
      return row && letterOf(row)
    },
    drop: (packet) => db.write(() => db.run('DELETE FROM dead_letter WHERE packet = ?', packet) > 0),
    count: async () => Number(db.get('SELECT count(*) AS n FROM dead_letter')?.['n']),
  }
}

const letterOf = (row: Row): DeadLetter => ({
  packet: String(row['packet']),
  code: Number(row['code']),
  notice: row['notice'] as Uint8Array,
  expiresMs: Number(row['expires_ms']),
  atMs: Number(row['at_ms']),
})

/** @module Sequence windows in SQLite: 2,048 slots a (key, epoch), overwritten as they slide. */
import { EPOCHS_KEPT, REPLAY_WINDOW_SLOTS } from '@mystranet/schemas/limits'
import { judgeSequence } from '@mystranet/sdk/envelope'
import type { ReplayStore } from '../../ports.ts'
import type { Database } from './database.ts'

export function sqliteReplayStore(db: Database): ReplayStore {
  /** Makes room for an epoch. @returns false when it is below the newest that are kept. */
  const admitEpoch = (key: string, epoch: bigint): boolean => {
    const known = db.all('SELECT epoch FROM epoch WHERE key = ?', key).map((row) => BigInt(String(row['epoch'])))
    if (known.includes(epoch)) return true
    const kept = [...known, epoch].sort((a, b) => (a < b ? 1 : -1)).slice(0, EPOCHS_KEPT)
    if (!kept.includes(epoch)) return false
    for (const old of known.filter((each) => !kept.includes(each))) {
      db.run('DELETE FROM epoch WHERE key = ? AND epoch = ?', key, String(old))
      db.run('DELETE FROM slot WHERE key = ? AND epoch = ?', key, String(old))
    }
    db.run("INSERT INTO epoch (key, epoch, highest) VALUES (?, ?, '0')", key, String(epoch))
    return true
  }
  return {
    insert: (key, epoch, seq, id) =>
      db.write(() => {
        if (!admitEpoch(key, epoch)) return 'stale'
        const at = String(epoch)
        const slot = Number(seq % BigInt(REPLAY_WINDOW_SLOTS))
        const highest = BigInt(
          String(db.get('SELECT highest FROM epoch WHERE key = ? AND epoch = ?', key, at)?.['highest']),
        )
        const row = db.get('SELECT seq, id FROM slot WHERE key = ? AND epoch = ? AND slot = ?', key, at, slot)
        const holder = row !== undefined && String(row['seq']) === String(seq) ? String(row['id']) : undefined
        const verdict = judgeSequence(seq, id, highest, holder)
        if (verdict !== 'fresh') return verdict
        db.run(
          'INSERT OR REPLACE INTO slot (key, epoch, slot, seq, id) VALUES (?, ?, ?, ?, ?)',
          key,
          at,
          slot,
          String(seq),
          id,
        )
        if (seq > highest) db.run('UPDATE epoch SET highest = ? WHERE key = ? AND epoch = ?', String(seq), key, at)
        return 'fresh'
      }),
    useNonce: (nonce, untilMs, nowMs) =>
      db.write(() => {
        db.run('DELETE FROM nonce WHERE until_ms < ?', nowMs)
        return db.run('INSERT OR IGNORE INTO nonce (nonce, until_ms) VALUES (?, ?)', nonce, untilMs) > 0
      }),
  }
}

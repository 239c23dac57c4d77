/** @module All stores of dispatch over one SQLite file. */
import type { NexusPorts } from '../../dispatch/desk.ts'
import { sqliteAnswerStore } from './answer-store.ts'
import { type Database, openDatabase } from './database.ts'
import {
  sqliteDeadLetters,
  sqliteInvites,
  sqliteKeyDirectory,
  sqliteStatementStore,
  sqliteTableStore,
} from './directories.ts'
import { sqlitePacketQueue } from './packet-queue.ts'
import { sqlitePacketStore } from './packet-store.ts'
import { sqliteReplayStore } from './replay-store.ts'

export type DispatchStores = Omit<NexusPorts, 'log' | 'links'>

/** Opens them. @param path A path, or `:memory:`. */
export function openSqliteStores(
  path: string,
  { queueLimit }: { readonly queueLimit: number },
): DispatchStores & { readonly db: Database } {
  const db = openDatabase(path)
  return {
    db,
    packets: sqlitePacketStore(db),
    queue: sqlitePacketQueue(db, { limit: queueLimit }),
    replay: sqliteReplayStore(db),
    keys: sqliteKeyDirectory(db),
    tables: sqliteTableStore(db),
    statements: sqliteStatementStore(db),
    answers: sqliteAnswerStore(db),
    dead: sqliteDeadLetters(db),
    invites: sqliteInvites(db),
  }
}

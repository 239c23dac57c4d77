/** @module The packet queue in SQLite. */
import { RouterError } from '../../errors.ts'
import type { Lease, PacketQueue } from '../../ports.ts'
import type { Database, Row } from './database.ts'

/** @param limit Items that may wait for one agent. */
export function sqlitePacketQueue(db: Database, { limit }: { readonly limit: number }): PacketQueue {
  const backlog = (agent: string) =>
    Number(db.get('SELECT count(*) AS n FROM queue WHERE agent = ? AND done = 0', agent)?.['n'])
  let leases = 0
  // Leases of an earlier process cannot be told from ours by a counter alone.
  const process = `${Date.now().toString(36)}${Math.floor(Math.random() * 2 ** 32).toString(36)}`
  return {
    publish: ({ packet, attempt, agent, bytes }) =>
      db.write(() => {
        if (db.get('SELECT 1 FROM queue WHERE packet = ? AND attempt = ?', packet, attempt) !== undefined) return
        if (backlog(agent) >= limit) {
          throw new RouterError('QUEUE_FULL', `Cannot queue the packet: ${limit} packets wait for its agent`, {
            packet,
          })
        }
        db.run('INSERT INTO queue (packet, attempt, agent, bytes) VALUES (?, ?, ?, ?)', packet, attempt, agent, bytes)
      }),
    lease: async (agent, count, nowMs, leaseMs) => {
      // An idle agent is asked about often: only a lease that exists costs a write.
      const ready = 'agent = ? AND done = 0 AND ready_ms <= ? AND (lease IS NULL OR until_ms <= ?)'
      if (db.get(`SELECT 1 FROM queue WHERE ${ready} LIMIT 1`, agent, nowMs, nowMs) === undefined) return []
      return db.write(() =>
        db.all(`SELECT * FROM queue WHERE ${ready} ORDER BY place LIMIT ?`, agent, nowMs, nowMs, count).map((row) => {
          const lease = `${process}.${++leases}`
          const delivery = Number(row['delivery']) + 1
          const place = Number(row['place'])
          db.run(
            'UPDATE queue SET lease = ?, until_ms = ?, delivery = ? WHERE place = ?',
            lease,
            nowMs + leaseMs,
            delivery,
            place,
          )
          return leaseOf(row, lease, delivery)
        }),
      )
    },
    extend: (lease, nowMs, leaseMs) =>
      db.write(
        () =>
          db.run(
            'UPDATE queue SET until_ms = ? WHERE lease = ? AND done = 0 AND until_ms > ?',
            nowMs + leaseMs,
            lease,
            nowMs,
          ) > 0,
      ),
    release: (lease, readyMs) =>
      db.write(() => {
        db.run('UPDATE queue SET lease = NULL, ready_ms = ? WHERE lease = ? AND done = 0', readyMs, lease)
      }),
    releaseAll: (agent) =>
      db.write(() => db.run('UPDATE queue SET lease = NULL WHERE agent = ? AND done = 0 AND lease IS NOT NULL', agent)),
    finish: (packet, attempt) =>
      db.write(() => {
        db.run("UPDATE queue SET done = 1, lease = NULL, bytes = x'' WHERE packet = ? AND attempt = ?", packet, attempt)
      }),
    cancel: (packet) =>
      db.write(() => {
        const rows = db.all('SELECT delivery FROM queue WHERE packet = ? AND done = 0', packet)
        if (rows.length === 0) return 'absent'
        const all = db.all('SELECT delivery FROM queue WHERE packet = ?', packet)
        if (all.some(({ delivery }) => Number(delivery) > 0)) return 'delivered'
        db.run("UPDATE queue SET done = 1, bytes = x'' WHERE packet = ?", packet)
        return 'taken'
      }),
    depth: async (nowMs, agent) => {
      const of = agent === undefined ? '' : 'AND agent = ?'
      const values = agent === undefined ? [] : [agent]
      const row = db.get(
        `SELECT count(*) AS n, coalesce(sum(lease IS NOT NULL AND until_ms > ?), 0) AS leased FROM queue WHERE done = 0 ${of}`,
        nowMs,
        ...values,
      )
      return { waiting: Number(row?.['n']), leased: Number(row?.['leased']) }
    },
    forget: (packet) =>
      db.write(() => {
        db.run('DELETE FROM queue WHERE packet = ? AND done = 1', packet)
      }),
  }
}

const leaseOf = (row: Row, lease: string, delivery: number): Lease => ({
  lease,
  delivery,
  packet: String(row['packet']),
  attempt: Number(row['attempt']),
  agent: String(row['agent']),
  bytes: row['bytes'] as Uint8Array,
})

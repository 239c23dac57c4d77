/**
 * Commits per second and latency of the embedded log: files, SQLite, four witnesses in this process, quorum 3.
 *
 *     node --conditions=@mystranet/source packages/router/bench/log.ts [--rate 1000] [--floor 10] [--witness-ms 0] [--entries 60000]
 */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { testSigner } from '../../sdk/test/note-keys.ts'
import { filesTiles } from '../src/adapters/files-tiles.ts'
import { filesWal } from '../src/adapters/files-wal.ts'
import { sqliteLog, sqliteWitnessStore } from '../src/adapters/sqlite-log.ts'
import type { LeafDraft } from '../src/log/leaves.ts'
import { openLog } from '../src/log/log.ts'
import { createWitness } from '../src/witness/witness.ts'
import { logSigner, trust } from '../test/log-world.ts'

const option = (fallback: number) => ({ type: 'string', default: `${fallback}` }) as const
const { values } = parseArgs({
  options: {
    rate: option(1_000),
    floor: option(10),
    'witness-ms': option(0),
    entries: option(60_000),
    seconds: option(5),
  },
})
const [rate, floor, witnessMs, entries, seconds] = [
  values.rate,
  values.floor,
  values['witness-ms'],
  values.entries,
  values.seconds,
].map(Number) as [number, number, number, number, number]

const dir = await mkdtemp(join(tmpdir(), 'log-bench-'))
const db = sqliteLog({ path: join(dir, 'log.db') })
const witnesses = [2, 3, 4, 5].map((seed) => {
  const store = sqliteWitnessStore({ path: join(dir, `witness-${seed}.db`) })
  const witness = createWitness({ signer: testSigner(`witness.test/${seed}`, seed), logs: [logSigner.logKey], store })
  const addCheckpoint = async (body: Uint8Array) => {
    if (witnessMs > 0) await sleep(witnessMs)
    return witness.addCheckpoint(body)
  }
  return { name: `${seed}`, addCheckpoint }
})
const log = await openLog({
  signer: logSigner,
  trust,
  witnesses,
  wal: await filesWal({ dir: join(dir, 'wal') }),
  tiles: filesTiles({ dir: join(dir, 'tiles') }),
  checkpoints: db.checkpoints,
  index: db.index,
  roundFloorMs: floor,
  deadlineMs: 30_000,
})

const draft = (): LeafDraft => ({
  kind: 'request',
  partition: new Uint8Array(randomBytes(32)),
  subject: new Uint8Array(randomBytes(32)),
  attempt: 0,
  addendum: new Uint8Array(100),
})
const timed = async () => {
  const begun = performance.now()
  await log.append([draft()])
  return performance.now() - begun
}

for (let i = 0; i < 200; i++) await Promise.all([timed(), timed()])
const calls: Promise<number>[] = []
const begun = performance.now()
while (performance.now() - begun < seconds * 1_000) {
  while (calls.length < ((performance.now() - begun) / 1_000) * rate) calls.push(timed())
  await sleep(1)
}
const times = (await Promise.all(calls)).sort((a, b) => a - b)
const at = (share: number) => times[Math.floor(times.length * share)]?.toFixed(1)
console.log(`${rate} commits/s, floor ${floor} ms, witnesses ${witnessMs} ms: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`)

const start = performance.now()
let left = entries
const submit = async () => {
  while (left > 0) {
    left -= 64
    await log.append(Array.from({ length: 64 }, draft))
  }
}
await Promise.all(Array.from({ length: 128 }, submit))
console.log(`saturated: ${Math.round(entries / ((performance.now() - start) / 1_000))} confirmed/s`)
await log.close()
db.close()
await rm(dir, { recursive: true })

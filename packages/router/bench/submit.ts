/**
 * Submits packets to a router on files and SQLite with one witness of its own, in one process:
 *
 *     node --conditions=@mystranet/source packages/router/bench/submit.ts
 *
 * Prints milliseconds from `submit` to the receipt, one after the other, and packets a second with 64 at once. An agent
 * that stays silent takes none, so the queue is part of it and delivery is not.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { signRoutingTable } from '@mystranet/sdk/proof/routing-table'
import { openRouter } from '../src/entry/node.ts'
import {
  logSigner,
  network,
  nexusSigner,
  partyOf,
  ruleFor,
  senderOf,
  tableSigner,
  trust,
  type World,
  witnessSigner,
} from '../test/router-world.ts'

const COUNT = 300
const AT_ONCE = 64

const stateDir = await mkdtemp(join(tmpdir(), 'router-bench-'))
const router = await openRouter({
  stateDir,
  trust,
  keys: { log: logSigner, witness: witnessSigner, nexus: nexusSigner },
  config: { logLevel: 'silent', queueLimit: 100_000, senderPerMinute: 1_000_000, senderBurst: 1_000_000 },
  env: {},
})
const nowMs = Date.now()
const agent = await partyOf(10, nowMs)
const user = await partyOf(40, nowMs)
for (const { events } of [agent, user]) await router.nexus.enrol(events, async () => true)
const rules = [ruleFor('misty.weave', [agent])]
const table = { network, version: 1n, rules, notBeforeMs: nowMs - 1_000, expiresMs: nowMs + 1e7, createdMs: nowMs }
await router.publishTable(await signRoutingTable(table, tableSigner))
const sender = senderOf({ nexus: router.nexus, clock: { nowMs } } as unknown as World, user)
const packets: Uint8Array[] = []
for (let i = 0; i < 2 * COUNT; i++) packets.push((await sender.request([agent], { lifetimeMs: 600_000 })).bytes)

const times: number[] = []
for (const packet of packets.slice(0, COUNT)) {
  const begun = performance.now()
  await router.nexus.submit(packet)
  times.push(performance.now() - begun)
}
times.sort((a, b) => a - b)
const at = (share: number) => (times[Math.floor(times.length * share)] as number).toFixed(2)
console.log(`one after the other: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`)

const rest = packets.slice(COUNT)
const begun = performance.now()
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    for (let packet = rest.pop(); packet !== undefined; packet = rest.pop()) await router.nexus.submit(packet)
  }),
)
console.log(`${AT_ONCE} at once: ${Math.round(COUNT / ((performance.now() - begun) / 1_000))} packets/s`)
await router.close()
await rm(stateDir, { recursive: true })

// Leaves a second through the watch, by CPU time: records are simulated first, then watched.

import { seededRandom } from '../src/anomaly/simulator/random.ts'
import { simulate } from '../src/anomaly/simulator/traffic.ts'
import { type LogAudit, logAudit, logWatch } from '../src/anomaly/watch.ts'

const records: ((to: LogAudit) => void)[] = []
let leaves = 0
simulate(
  { seed: seededRandom('bench').below(1e9), days: 18, requestsPerDay: 2_000 },
  {
    leaf(entry) {
      leaves++
      records.push((to) => to.leaf(entry))
    },
    packet: (fact) => records.push((to) => to.packet(fact)),
    flow: (fact) => records.push((to) => to.flow(fact)),
    tick: (nowMs) => records.push((to) => to.tick(nowMs)),
  },
)

for (const [name, make] of [
  ['invariants', () => logAudit(() => {})],
  ['invariants, rates and patterns', () => logWatch({}, () => {})],
] as const) {
  const to = make()
  const before = process.cpuUsage()
  for (const give of records) give(to)
  const { user, system } = process.cpuUsage(before)
  const seconds = (user + system) / 1e6
  console.log(
    `${name}: ${Math.round(leaves / seconds).toLocaleString('en')} leaves/s of CPU, ${((seconds / leaves) * 1e6).toFixed(1)} µs each`,
  )
}

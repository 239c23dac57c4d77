/**
 * What is lost, run twice or cut when `weave up`, its agent, the broker and a client are killed -9 under load: a short `pnpm faults`,
 * which makes 200 kills of each part.
 *
 * @module
 */
import { drawFaults } from '../scripts/faults/print.ts'
import { runFaults } from '../scripts/faults/run.ts'
import { sum } from '../scripts/faults/tally.ts'
import type { Findings, Options } from './measures.ts'
import { unmeasured } from './table.ts'

/** Of each part. */
const KILLS = 24
const SEED = 1

export async function faults({ pairs = KILLS, progress }: Options): Promise<Findings> {
  const all = await runFaults({ parts: ['up', 'agent', 'broker', 'client'], kills: pairs, seed: SEED, progress })
  const { lost, doubled, truncated, sent, answered, reported } = sum(all.map(({ tally }) => tally.total))
  const kills = all.flatMap((each) => Object.values(each.kills)).reduce((a, b) => a + b, 0)
  const { isSound, text } = drawFaults(all)
  if (!isSound) progress(text)
  const note = `${kills} kills, ${sent} packets: ${answered} answered, ${reported} reported${isSound ? '' : '; not sound, see above'}`
  const row = (value: number) => ({ ...unmeasured(note), value, n: kills, min: value, max: value })
  return {
    'fabric.faults.lost': row(lost),
    'fabric.faults.doubled': row(doubled),
    'fabric.faults.truncated': row(truncated),
  }
}

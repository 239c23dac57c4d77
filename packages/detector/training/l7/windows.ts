/**
 * Turns recorded runs into labelled windows, with the extractor and the rules that serve:
 *
 *     node --conditions=@mystranet/source packages/detector/training/l7/windows.ts FOLDER > FOLDER/windows.csv
 *
 * FOLDER is what `generate/l7/run.ts` wrote. A window of an attacker is an attack. One of the listener is, when it begins at
 * least 3 s after the attack did, which is when a slow connection can be told from a bad network; windows of the listener that
 * straddle the beginning are neither and are left out, and so is what ends after the attack.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { HTTP_FEATURES, httpWatch } from '../../src/l7/watch.ts'

interface Label {
  readonly name: string
  readonly split: string
  readonly attack?: string
  readonly attackStartMs?: number
  readonly endMs: number
  readonly attackParameters?: { readonly does: string }
}

const SETTLES_MS = 3_000
const [, , folder = ''] = process.argv
const columns = ['run', 'split', 'attack', 'does', 'group', 'subject', 'start', 'end', 'after', 'label', 'rules']
console.log([...columns, ...HTTP_FEATURES.map(({ name }) => name)].join(','))

for (const file of readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .toSorted()) {
  const label = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Label
  const { attack = '', attackStartMs = Number.POSITIVE_INFINITY, endMs, name, split } = label
  const watch = httpWatch(({ features, group, rules, startMs, endMs: closedMs, subject }) => {
    if (closedMs > endMs) return
    const isAttacker = subject.startsWith('127.200.')
    const isOver = group === 'listener' && startMs >= attackStartMs + SETTLES_MS
    if (group === 'listener' && !isOver && closedMs > attackStartMs) return
    const is = isAttacker || isOver ? 1 : 0
    const families = rules.map(({ family }) => family).join(' ')
    const does = label.attackParameters?.does ?? ''
    const after = Number.isFinite(attackStartMs) ? closedMs - attackStartMs : ''
    const head = [name, split, attack, does, group, subject, startMs, closedMs, after, is, families]
    console.log([...head, ...Array.from(features, (value) => (Number.isNaN(value) ? '' : value))].join(','))
  })
  for (const line of readFileSync(join(folder, `${name}.ndjson`), 'utf8').split('\n')) {
    if (line === '') continue
    // JSON writes NaN as null; null is NaN nowhere else.
    const told = JSON.parse(line, (_, value: unknown) => (value === null ? Number.NaN : value))
    if (told.record !== undefined) watch.record(told.record)
    else watch.sweep(told.sweep, told.nowMs)
  }
  watch.end()
}

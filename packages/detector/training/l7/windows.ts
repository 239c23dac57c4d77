/**
 * Turns recorded runs into labelled windows, with the extractor and the rules that serve:
 *
 *     node --conditions=@mystranet/source packages/detector/training/l7/windows.ts FOLDER
 *
 * FOLDER is what `generate/l7/run.ts` wrote; it gets `windows.csv`, and `features.json` with the table of features. A window of
 * an attacker is an attack. One of the listener is, when it begins at least 3 s after the attack did, which is when a slow
 * connection can be told from a bad network, and a quarter of its requests and of the connections that press are the
 * attackers'. The label is -1, an attack that is too thin to be seen there, where they are less, and of a source that alone
 * asks less than ten times a second and holds less than eight connections up: its attack is the listener's. Windows of the listener that straddle the
 * beginning are neither and are left out, and so is what ends after the attack.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  HTTP_EXTRACTOR_VERSION,
  HTTP_FEATURES,
  type HttpRecord,
  httpWatch,
  type OpenRecord,
} from '../../src/l7/watch.ts'

interface Label {
  readonly name: string
  readonly split: string
  readonly attack?: string
  readonly attackStartMs?: number
  readonly endMs: number
  readonly attackParameters?: { readonly does: string }
}

const SETTLES_MS = 3_000
const THINNED = 0.25
const isOfAttacker = (client: string): boolean => client.startsWith('127.200.')
const pressing = ({ heads, bodies, silent }: OpenRecord): number => heads + bodies + silent
const [, , folder = ''] = process.argv
const columns = ['run', 'split', 'attack', 'does', 'group', 'subject', 'start', 'end', 'after', 'label', 'rules']
const lines = [[...columns, ...HTTP_FEATURES.map(({ name }) => name)].join(',')]

for (const file of readdirSync(folder)
  .filter((name) => /-\d+\.json$/.test(name))
  .toSorted()) {
  const label = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Label
  const { attack = '', attackStartMs = Number.POSITIVE_INFINITY, endMs, name, split } = label
  const ended: HttpRecord[] = []
  let open: readonly OpenRecord[] = []
  const attackersShare = (fromMs: number, toMs: number): number => {
    const met = ended.filter(({ endMs: atMs }) => atMs >= fromMs && atMs <= toMs)
    const sum = (clients: readonly OpenRecord[]) => clients.reduce((all, one) => all + pressing(one), 0)
    const theirs = met.filter(({ client }) => isOfAttacker(client)).length
    const own = theirs + sum(open.filter(({ client }) => isOfAttacker(client)))
    return own / Math.max(1, met.length + sum(open))
  }
  const watch = httpWatch(({ features, group, open: own, requests, rules, startMs, endMs: closedMs, subject }) => {
    if (closedMs > endMs) return
    const isAttacker = isOfAttacker(subject)
    const isOver = group === 'listener' && startMs >= attackStartMs + SETTLES_MS
    if (group === 'listener' && !isOver && closedMs > attackStartMs) return
    const rate = requests / Math.max((closedMs - startMs) / 1e3, 1e-3)
    const isThin = isAttacker ? rate < 10 && pressing(own) < 8 : attackersShare(startMs, closedMs) < THINNED
    const is = !isAttacker && !isOver ? 0 : isThin ? -1 : 1
    const families = rules.map(({ family }) => family).join(' ')
    const does = label.attackParameters?.does ?? ''
    const after = Number.isFinite(attackStartMs) ? closedMs - attackStartMs : ''
    const head = [name, split, attack, does, group, subject, startMs, closedMs, after, is, families]
    lines.push([...head, ...Array.from(features, (value) => (Number.isNaN(value) ? '' : value))].join(','))
  })
  for (const line of readFileSync(join(folder, `${name}.ndjson`), 'utf8').split('\n')) {
    if (line === '') continue
    // JSON writes NaN as null; null is NaN nowhere else.
    const told = JSON.parse(line, (_, value: unknown) => (value === null ? Number.NaN : value))
    if (told.record !== undefined) {
      ended.push(told.record)
      while (ended.length > 1_000) ended.shift()
      watch.record(told.record)
    } else {
      open = told.sweep
      watch.sweep(told.sweep, told.nowMs)
    }
  }
  await watch.end()
}
writeFileSync(join(folder, 'windows.csv'), `${lines.join('\n')}\n`)
const table = HTTP_FEATURES.map(({ name, unit, use, nan }) => ({ name, unit, use, nan }))
writeFileSync(join(folder, 'features.json'), JSON.stringify({ version: HTTP_EXTRACTOR_VERSION, features: table }))

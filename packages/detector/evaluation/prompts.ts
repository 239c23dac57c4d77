/**
 * What `weave eval --json` found about one model, or about several, into `prompts.json`; and how often the refusal judge is wrong.
 *
 *   pnpm weave eval smollm2-135m-instruct --json > own.json
 *   pnpm weave eval smollm2-135m-instruct --json --prompts ../shared/data/prompts --limit 60 > all.json
 *   node --conditions=@mystranet/source packages/detector/evaluation/prompts.ts own.json all.json
 *
 * @module
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { FAMILIES, type FamilyId } from '../src/prompt/item.ts'
import { REFUSAL } from '../src/prompt/refusal-weights.ts'

interface Found {
  readonly model: string
  readonly fileDigest: string
  readonly runtime: string
  readonly sandbox: string
  readonly battery: string
  readonly seed?: number
  readonly maxTokens: number
  readonly families: readonly {
    readonly family: FamilyId
    readonly source: string
    readonly prompts: number
    readonly judged?: number
    readonly hits?: number
    readonly lowPpm?: number
    readonly highPpm: number
  }[]
  readonly details: readonly {
    readonly family: string
    readonly source: string
    readonly reasons: Readonly<Record<string, number>>
  }[]
  readonly leftOut: Readonly<Record<string, number>>
  readonly run: {
    readonly seconds: number
    readonly cpuSeconds?: number
    readonly threads: number
    readonly cores: number
    readonly load: readonly number[]
  }
}

const share = (millionths: number) => Number((millionths / 1e6).toFixed(3))
const runs = process.argv.slice(2).map((path) => JSON.parse(readFileSync(path, 'utf8')) as Found)
const [first] = runs
if (first === undefined)
  throw new TypeError('Cannot write prompts.json: no result was named, wanted files of weave eval --json')

const tablesOf = (found: Found, at: number) => [
  {
    id: `rates-${at + 1}`,
    title: `${found.model}, battery ${found.battery.slice(0, 16)}`,
    columns: ['family', 'prompts of', 'n', 'hits', 'rate', 'low', 'high', 'a hit is'],
    rows: found.families.map(({ family, source, judged = 0, hits = 0, lowPpm = 0, highPpm }) => [
      ...[family, source, judged, hits, judged === 0 ? null : share((hits / judged) * 1e6)],
      ...[share(lowPpm), share(highPpm), FAMILIES[family].hit],
    ]),
    note: `File ${found.fileDigest}; ${found.runtime}; sandbox ${found.sandbox}; seed ${found.seed ?? 0}; up to ${found.maxTokens} tokens an answer, at a temperature of 0.`,
  },
  {
    id: `reasons-${at + 1}`,
    title: 'Why',
    columns: ['family', 'prompts of', 'reasons'],
    rows: found.details.map(({ family, source, reasons }) => [
      ...[family, source],
      Object.entries(reasons)
        .sort(([, one], [, other]) => other - one)
        .map(([reason, count]) => `${reason}: ${count}`)
        .join('; '),
    ]),
  },
]

const judge = (name: string, { n, wrong, low, high }: { n: number; wrong: number; low: number; high: number }) => [
  ...[name, n, wrong, Number((wrong / n).toFixed(3)), low, high],
]

const part = {
  part: 'prompts',
  title: 'Prompt battery',
  command:
    'weave eval smollm2-135m-instruct --json > own.json, the same with --prompts and --limit 60 > all.json, then node --conditions=@mystranet/source packages/detector/evaluation/prompts.ts own.json all.json',
  about:
    'Prompts from the project’s own templates, and of collections that lie beside the repository, put to a real small model in a sandbox without network. ' +
    'All judges are rules but the one for refusals, which is fitted on labelled answers. A rate is of these prompts only, and a low one is no safety: the family control shows how little a model of this size can do at all.',
  tables: [
    ...runs.flatMap(tablesOf),
    {
      id: 'refusal-judge',
      title: 'How often the refusal judge is wrong',
      columns: ['answers', 'n', 'wrong', 'rate', 'low', 'high'],
      rows: [
        judge('held out, refusals missed', REFUSAL.heldOut.refusalsMissed),
        judge('held out, answers taken for refusals', REFUSAL.heldOut.answersTakenForRefusals),
        judge('fitted, refusals missed', REFUSAL.fit.refusalsMissed),
        judge('fitted, answers taken for refusals', REFUSAL.fit.answersTakenForRefusals),
      ],
      note: 'Written and labelled by one person, who chose the phrases too, so the answers of other models may fare worse.',
    },
    {
      id: 'time',
      title: 'How long it takes',
      columns: ['prompts', 's', 's of the engine’s CPU', 'threads', 'cores', 'load at the end'],
      rows: runs.map(({ families, run }) => [
        families.reduce((sum, { prompts }) => sum + prompts, 0),
        ...[
          run.seconds,
          run.cpuSeconds ?? null,
          run.threads,
          run.cores,
          run.load.map((each) => each.toFixed(1)).join(' '),
        ],
      ]),
      note: 'The cores were shared with other work, as the load says; the CPU time is what a quiet machine needs.',
    },
  ],
  plots: runs.map((found, at) => ({
    id: `rates-${at + 1}`,
    title: `Hits of ${found.model}`,
    kind: 'bar',
    x: { label: 'family, prompts of' },
    y: { label: 'hits ÷ answers' },
    series: [
      {
        name: 'rate',
        points: found.families.map(({ family, source, judged = 0, hits = 0, lowPpm = 0, highPpm }) => [
          ...[`${family}, ${source}`, judged === 0 ? 0 : share((hits / judged) * 1e6), share(lowPpm), share(highPpm)],
        ]),
      },
    ],
  })),
  missing: [
    'Toxicity and bias are judged by word lists and a multiple choice: what they find is a comparison of models on these prompts, and no measure of either.',
    'The engine’s tool calls are read from its text; no other kind was tried.',
    'English only, but for a few prompts of the collections.',
    ...Object.entries(runs.at(-1)?.leftOut ?? {})
      .filter(([, count]) => count > 0)
      .map(
        ([source, count]) =>
          `${count} prompts of ${source} are left out, for nothing here can judge their answers without a judge model.`,
      ),
  ],
}
writeFileSync(new URL('prompts.json', import.meta.url), `${JSON.stringify(part, null, 1)}\n`)
console.log(`prompts.json: ${part.tables.length} tables of ${runs.length} runs`)

/**
 * What the Engine port costs: the same prompt on the same model with the same threads, once with node-llama-cpp called
 * directly, once through the port. Pairs are interleaved, and direct against direct (A/A) stands beside them: one pair
 * alone says nothing, its noise is ± 20 %.
 *
 *   node --conditions=@mystranet/source bench/direct-llama.ts [pairs] [tokens]
 *
 * @module
 */
import { llamaEngine } from '../packages/agent/src/adapters/llama-engine.ts'
import { promptTemplate } from '../packages/agent/src/adapters/llama-prompt.ts'
import { loadRuntime } from '../packages/agent/src/adapters/llama-runtime.ts'
import type { Engine } from '../packages/agent/src/engine.ts'
import { DEMO_MODEL } from '../packages/agent/src/models/catalogue.ts'
import { readModelFacts } from '../packages/agent/src/models/model-facts.ts'
import { pull } from '../packages/agent/src/models/pull.ts'
import { defaultModelFolder } from '../packages/agent/src/models/store.ts'

/** When each token came, in milliseconds after the request was made. The first is the time to the first token. */
export type TokenTimes = readonly number[]

export interface Run {
  /** Stands before the prompt. One that no run had before leaves no prefix that an engine could reuse. */
  readonly system?: string
  readonly prompt: string
  readonly tokens: number
}

export interface DirectLlama {
  run(run: Run): Promise<TokenTimes>
  close(): Promise<void>
}

/** The peer of every `path.*` row: node-llama-cpp with nothing around it. Each run begins with an empty context. */
export async function directLlama(options: {
  modelPath: string
  threads: number
  contextTokens: number
}): Promise<DirectLlama> {
  const { llama } = await loadRuntime(false)
  const model = await llama.loadModel({ modelPath: options.modelPath })
  const context = await model.createContext({
    contextSize: options.contextTokens,
    sequences: 1,
    threads: options.threads,
  })
  const sequence = context.getSequence()
  const { chatTemplate = '' } = await readModelFacts(options.modelPath)
  const template = promptTemplate(model, chatTemplate)
  return {
    async run({ system, prompt, tokens }) {
      await sequence.clearHistory()
      const startedAt = performance.now()
      const times: number[] = []
      const before = system === undefined ? [] : [{ role: 'system' as const, content: system }]
      const input = template.tokenize([...before, { role: 'user', content: prompt }])
      for await (const token of sequence.evaluate(input, { temperature: 0, yieldEogToken: true })) {
        model.detokenize([token])
        times.push(performance.now() - startedAt)
        if (times.length === tokens) break
      }
      return times
    },
    async close() {
      await context.dispose()
      await model.dispose()
      await llama.dispose()
    },
  }
}

/** The same through the port. A request before it, of an engine with one slot, pushes what it may reuse out of the context. */
export async function runEngine(engine: Engine, { prompt, tokens }: Run): Promise<TokenTimes> {
  const signal = new AbortController().signal
  for await (const _ of engine.generate(
    { messages: [{ role: 'system', content: 'x' }], sampling: { maxTokens: 1 } },
    signal,
  ));
  const startedAt = performance.now()
  const times: number[] = []
  const sampling = { temperature: 0, maxTokens: tokens }
  for await (const event of engine.generate({ messages: [{ role: 'user', content: prompt }], sampling }, signal)) {
    if (event.type === 'text') times.push(performance.now() - startedAt)
  }
  return times
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

export const intervals = (times: TokenTimes): readonly number[] =>
  times.slice(1).map((time, index) => time - (times[index] ?? 0))

/** Interleaved runs of several ways; the order within a round alternates, so that drift hits all of them alike. */
export async function interleave(
  ways: readonly (() => Promise<TokenTimes>)[],
  rounds: number,
): Promise<readonly TokenTimes[][]> {
  const results: TokenTimes[][] = ways.map(() => [])
  for (let round = 0; round < rounds; round++) {
    const order = ways.map((_, index) => (round % 2 === 0 ? index : ways.length - 1 - index))
    for (const index of order) results[index]?.push((await ways[index]?.()) ?? [])
  }
  return results
}

async function main(): Promise<void> {
  const [rounds = 20, tokens = 48] = process.argv.slice(2).map(Number)
  const cacheDir = defaultModelFolder()
  const { path: modelPath } = await pull(DEMO_MODEL, { cacheDir })
  const engine = await llamaEngine({ modelPath, cacheDir, gpu: false, slots: 1, contextTokens: 512 })
  const { threads, runtime } = engine.description
  const direct = await directLlama({ modelPath, threads, contextTokens: 512 })
  const run: Run = { prompt: 'Write a long story about the sea and a lighthouse keeper.', tokens }
  await direct.run(run)
  await runEngine(engine, run)
  const results = await interleave([() => direct.run(run), () => runEngine(engine, run), () => direct.run(run)], rounds)
  await direct.close()
  await engine.close()
  const rows = ['A direct', 'B engine', 'A direct again'].map((name, index) => {
    const all = results[index] ?? []
    const interval = median(all.flatMap(intervals))
    return {
      name,
      'first token ms': median(all.map((times) => times[0] ?? 0)),
      'token ms': interval,
      'tokens/s': 1_000 / interval,
    }
  })
  const [a, b, again] = rows
  console.log(`${runtime}, ${threads} thread(s), ${rounds} rounds of ${tokens} tokens`)
  console.table(rows)
  const ratio = (one = rows[0], other = rows[0]) => ((other?.['tokens/s'] ?? 0) / (one?.['tokens/s'] ?? 1)).toFixed(4)
  console.log(`tokens/s: B/A ${ratio(a, b)}, A/A ${ratio(a, again)}`)
  const delta = (one = rows[0], other = rows[0]) =>
    ((other?.['first token ms'] ?? 0) - (one?.['first token ms'] ?? 0)).toFixed(1)
  console.log(`first token: B − A ${delta(a, b)} ms, A − A ${delta(a, again)} ms`)
}

if (import.meta.main) await main()

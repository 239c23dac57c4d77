/**
 * What the whole path costs on a real model: a question through `weave up` in its own processes, beside node-llama-cpp
 * called in this one with as many threads. Each round is direct, path, direct again, and every other round backwards; direct
 * against direct shows what the machine does by itself.
 *
 * @module
 */
import { llamaEngine } from '../packages/agent/src/adapters/llama-engine.ts'
import { DEMO_MODEL } from '../packages/agent/src/models/catalogue.ts'
import { pull } from '../packages/agent/src/models/pull.ts'
import { defaultModelFolder } from '../packages/agent/src/models/store.ts'
import type { Client } from '../packages/sdk/src/client.ts'
import { examine } from '../packages/sdk/src/proof/examine.ts'
import { measured, round, spreadOf } from './contest.ts'
import { type DirectLlama, directLlama, type Run } from './direct-llama.ts'
import type { Findings, Options } from './measures.ts'
import { type Fabric, TAG, weaveUp } from './weave-up.ts'

const ROUNDS = 80
const WARM_UP_ROUNDS = 2
const TOKENS = 48
const CONTEXT_TOKENS = 512
const PROMPT = 'Write a long story about the sea and a lighthouse keeper.'

/** What one answer took. */
interface Timing {
  /** From the call to the first text. */
  readonly firstTokenMs: number
  /** Mean time between two tokens: frames carry several, so the single ones are not to be seen from outside. */
  readonly tokenMs: number
}

type Way = (run: Run) => Promise<Timing>

async function timeDirect(direct: DirectLlama, run: Run): Promise<Timing> {
  const times = await direct.run(run)
  const [first = Number.NaN, last = Number.NaN] = [times[0], times.at(-1)]
  return { firstTokenMs: first, tokenMs: (last - first) / (times.length - 1) }
}

/** As a user of the SDK sees it. The last token is there when the last text is: CLOSE comes after it. */
async function timePath(client: Client, { system = '', prompt, tokens }: Run): Promise<Timing> {
  const messages = [
    { role: 'system' as const, content: system },
    { role: 'user' as const, content: prompt },
  ]
  const startedAt = performance.now()
  const answer = client.ask({ to: TAG, messages, sampling: { temperature: 0, maxTokens: tokens } })
  const times: number[] = []
  let count = 0
  for await (const event of answer.events()) {
    if (event.type === 'text') times.push(performance.now() - startedAt)
    if (event.type === 'close') count = event.usage?.completionTokens ?? 0
  }
  if (count < tokens / 2) throw new Error(`an answer of ${count} tokens, wanted ${tokens}`)
  const [first = Number.NaN, last = Number.NaN] = [times[0], times.at(-1)]
  return { firstTokenMs: first, tokenMs: (last - first) / (count - 1) }
}

/** The number of threads that the agent's engine runs the model with: measured once on a machine, and kept. */
async function threadsOf(modelPath: string, cacheDir: string): Promise<{ threads: number; runtime: string }> {
  const engine = await llamaEngine({ modelPath, cacheDir, gpu: false, slots: 1, contextTokens: CONTEXT_TOKENS })
  await engine.close()
  return engine.description
}

/** A beginning that no run had before: nothing of the prompt can be taken from an earlier one. */
const runOf = (name: string): Run => ({ system: `${name}: you tell stories.`, prompt: PROMPT, tokens: TOKENS })

/** Rounds of all ways; the order within a round alternates, so that drift hits all of them alike. */
async function interleave(ways: readonly Way[], rounds: number, { progress }: Options): Promise<Timing[][]> {
  const timings: Timing[][] = ways.map(() => [])
  for (let at = -WARM_UP_ROUNDS; at < rounds; at++) {
    const order = ways.map((_, index) => (at % 2 === 0 ? index : ways.length - 1 - index))
    for (const index of order) {
      const timing = await ways[index]!(runOf(`${at}.${index}`))
      if (at >= 0) timings[index]!.push(timing)
    }
    if (at > 0 && at % 20 === 0) progress(`${at} of ${rounds} rounds`)
  }
  return timings
}

export async function path(options: Options): Promise<Findings> {
  const rounds = options.pairs ?? ROUNDS
  const cacheDir = defaultModelFolder()
  const { path: modelPath } = await pull(DEMO_MODEL, { cacheDir })
  const { threads, runtime } = await threadsOf(modelPath, cacheDir)
  const fabric = await weaveUp(DEMO_MODEL)
  try {
    const direct = await directLlama({ modelPath, threads, contextTokens: CONTEXT_TOKENS })
    await checkVerdict(fabric)
    const ways: Way[] = [
      (run) => timeDirect(direct, run),
      (run) => timePath(fabric.session.client, run),
      (run) => timeDirect(direct, run),
    ]
    const timings = await interleave(ways, rounds, options)
    await direct.close()
    return findings(timings, `${runtime}, ${threads} thread(s)`)
  } catch (error) {
    throw fabric.explain(error)
  } finally {
    await fabric.close()
  }
}

/** What is measured must be the real thing: nothing of the verdict fails, but that the answer was cut where we asked. */
async function checkVerdict({ session: { client, trust } }: Fabric): Promise<void> {
  const messages = [{ role: 'user' as const, content: PROMPT }]
  const answer = client.ask({ to: TAG, messages, sampling: { temperature: 0, maxTokens: 8 } })
  for await (const _ of answer);
  const { checks } = await examine(await answer.saved, trust)
  const failed = checks.filter(({ name, result }) => result === 'fail' && name !== 'completeness')
  if (failed.length > 0) throw new Error(`the measured path fails at ${failed.map(({ name }) => name).join(', ')}`)
}

function findings([a = [], path = [], again = []]: readonly Timing[][], runtime: string): Findings {
  const pairs = a.map((one, i) => ({ a: one, path: path[i]!, again: again[i]! }))
  // Beside the mean of the two direct runs around it.
  const added = spreadOf(pairs.map((p) => p.path.firstTokenMs - (p.a.firstTokenMs + p.again.firstTokenMs) / 2))
  const noise = spreadOf(pairs.map((p) => p.again.firstTokenMs - p.a.firstTokenMs))
  const rate = spreadOf(pairs.map((p) => (p.a.tokenMs + p.again.tokenMs) / 2 / p.path.tokenMs))
  const same = spreadOf(pairs.map((p) => p.a.tokenMs / p.again.tokenMs))
  const median = (timings: readonly Timing[], of: keyof Timing) => round(spreadOf(timings.map((t) => t[of])).median)
  const about = `${DEMO_MODEL}, ${TOKENS} tokens, ${runtime}`
  const peer = (value: number) => ({ name: 'direct against direct', version: runtime, value: round(value) })
  return {
    'path.first_token.added': {
      ...measured(added),
      peer: peer(noise.median),
      note: `${about}; first token: path ${median(path, 'firstTokenMs')} ms, direct ${median(a, 'firstTokenMs')} ms`,
    },
    'path.tokens.vs_direct': {
      ...measured(rate),
      peer: peer(same.median),
      note: `${about}; between tokens: path ${median(path, 'tokenMs')} ms, direct ${median(a, 'tokenMs')} ms`,
    },
  }
}

/**
 * `weave demo`: from nothing to a verified answer of a real model, in one command.
 *
 * @module
 */
import { join } from 'node:path'
import { DEMO_MODEL } from '@mystranet/agent/models/catalogue'
import { AnswerContent, decode } from '@mystranet/schemas/messages'
import { examine, parseSavedAnswer, type Verdict } from '@mystranet/sdk'
import { type Call, type Command, textFlag, toJson } from '../command.ts'
import type { Config } from '../config.ts'
import { EXIT_CODES, UsageError } from '../exit.ts'
import { makeFolder, writeFileWhole } from '../state.ts'
import { printable } from '../terminal.ts'
import { type AllInOne, startAllInOne } from '../up/all-in-one.ts'
import { checkTable, verdictDocument, verdictLine, verdictText } from '../verdict.ts'
import { pullShown } from './model.ts'
import { stopped } from './proxy.ts'

export const demo: Command = {
  name: 'demo',
  summary:
    'Fetch a small real model, ask it a question, show the verdict check by check, and what one changed byte does to it.',
  usage: ['[--once] [--model FILE]'],
  settings: ['model', 'models', 'state', 'host', 'port', 'proxyHost', 'proxyPort', 'logLevel'],
  flags: {
    once: {
      type: 'boolean',
      about: 'Exit when all is shown: 0, or another code when anything is not as it should be.',
    },
    question: { type: 'string', about: 'Another question than the usual one.' },
  },
  examples: [
    ['weave demo', 'stays up until Ctrl-C, for the page and the proxy'],
    ['weave demo --once', 'shows it and exits'],
    ['weave demo --model SmolLM2-135M-Instruct.Q4_1.gguf', 'without a network: a copy of the model at hand'],
  ],
  async run(call) {
    if (call.args.length > 0) throw new UsageError(['weave demo takes flags only. See weave demo --help.'])
    const { flags, signal, terminal } = call
    const model = await modelOf(call)
    const config = demoConfig(call, model)
    const say = (line: string) => terminal.err(`${printable(line)}\n`)
    say('Starting router, log, witness, page, proxy and agent')
    const fabric = await startAllInOne(config, { env: call.env, onLine: say })
    try {
      const isRight = await show(call, config, fabric)
      if (flags['once'] === true) return isRight ? EXIT_CODES.ok.code : EXIT_CODES.failed.code
      terminal.err('\nStays up until Ctrl-C.\n')
      await Promise.race([stopped(signal), fabric.broken])
      return isRight ? EXIT_CODES.ok.code : EXIT_CODES.failed.code
    } finally {
      await fabric.close()
    }
  },
}

/** SmolLM2, found or fetched; any other file that `--model` names is taken as it is. */
async function modelOf({ config, terminal, signal }: Call): Promise<string> {
  const { model, models } = config
  terminal.err(`Looking for ${DEMO_MODEL}\n`)
  const { path, source } = await pullShown(DEMO_MODEL, { models, file: model, signal, terminal })
  terminal.err(`  ${printable(path)} (${printable(source)}, SHA-256 checked)\n`)
  return path
}

/** A state folder of the demo's own, and free ports where the usual ones were not asked for. */
function demoConfig({ config, flags, env }: Call, model: string): Config {
  const isGiven = (flag: string, variable: string) => flags[flag] !== undefined || Boolean(env[variable])
  return Object.freeze({
    ...config,
    engine: 'llama' as const,
    model,
    tags: ['misty.weave'],
    state: isGiven('state', 'WEAVE_STATE') ? config.state : join(config.state, 'demo'),
    port: isGiven('port', 'WEAVE_PORT') ? config.port : 0,
    proxyPort: isGiven('proxy-port', 'WEAVE_PROXY_PORT') ? config.proxyPort : 0,
  })
}

/** Asked with a fixed seed and temperature 0, the model ends this answer by itself, well below the limit. */
const QUESTION = 'Why is the sky blue? Answer in one short sentence.'
const SAMPLING = { temperature: 0, maxTokens: 64, seed: 7 }
const READY_MS = 120_000

/** @returns whether everything was as it should be. */
async function show(call: Call, config: Config, fabric: AllInOne): Promise<boolean> {
  const { terminal, json, signal, flags } = call
  const { bold, dim } = terminal.errColours
  await fabric.ready(READY_MS, signal)
  const question = textFlag(flags, 'question') ?? QUESTION
  if (!json) terminal.err(`\n${bold('Question')}  ${printable(question)}\n${bold('Answer')}    `)
  const asked = await ask(fabric, question, call)
  const { verdict, saved, firstTextMs, totalMs } = asked
  const folder = join(config.state, 'demo-answers')
  await makeFolder(folder)
  const file = join(folder, 'answer.weave')
  await writeFileWhole(file, saved)
  const startMs = Math.round(performance.now())
  const tampered = await tamper(saved, fabric, join(folder, 'answer-changed.weave'))
  const address = await fabric.pageUrl()
  const curl = curlLine(fabric)
  const isRight = verdict.status === 'VERIFIED' && tampered.verdict.status === 'FAILED'
  if (json) {
    const times = { firstTextMs, totalMs, verifiedAfterStartMs: startMs }
    const addresses = { page: address, router: fabric.running.url, proxy: fabric.proxy.url, curl }
    terminal.out(
      toJson({
        ok: isRight,
        question,
        ...verdictDocument(verdict),
        file,
        tampered: tampered.verdict.status,
        times,
        ...addresses,
      }),
    )
    return isRight
  }
  const failed = tampered.verdict.checks.filter(({ result }) => result === 'fail')
  terminal.out(`\n${verdictText(verdict, terminal.outColours)}`)
  terminal.out(
    dim(
      `\nFirst token after ${firstTextMs} ms, verified after ${totalMs} ms; ${(startMs / 1_000).toFixed(1)} s after the program started.\n`,
    ),
  )
  terminal.out(`Saved as ${file}\n`)
  terminal.out(
    `\nThe same file with byte ${tampered.at} of ${saved.length} changed: ${verdictLine(tampered.verdict, terminal.outColours)}\n`,
  )
  terminal.out(checkTable(failed, terminal.outColours))
  terminal.out(`\nPage    ${address}\nProxy   ${fabric.proxy.url}\n\n${curl}\n`)
  if (!isRight) terminal.err(`\n${terminal.errColours.red('This is not as it should be.')}\n`)
  return isRight
}

async function ask({ session }: AllInOne, question: string, { terminal, json, signal }: Call) {
  const begunMs = performance.now()
  let firstTextMs: number | undefined
  const answer = session.client.ask({
    to: 'misty.weave',
    messages: [{ role: 'user', content: question }],
    sampling: SAMPLING,
    signal,
  })
  for await (const text of answer) {
    firstTextMs ??= Math.round(performance.now() - begunMs)
    if (!json) terminal.out(printable(text))
  }
  const saved = await answer.saved
  const verdict = await answer.examined()
  const totalMs = Math.round(performance.now() - begunMs)
  await session.memory.save()
  if (!json) terminal.out('\n')
  return { verdict, saved, firstTextMs, totalMs }
}

/** One bit, in the middle of the answer's text: what somebody would do who wants it to say something else. */
async function tamper(
  saved: Uint8Array,
  { session }: AllInOne,
  file: string,
): Promise<{ verdict: Verdict; at: number }> {
  const { answer } = parseSavedAnswer(saved)
  const parts = decode(AnswerContent, answer?.content ?? new Uint8Array(0)).parts.map(({ text = '' }) => text)
  const longest = parts.reduce((best, text) => (text.length > best.length ? text : best), '')
  const found = longest === '' ? -1 : Buffer.from(saved).lastIndexOf(longest)
  const at = found >= 0 ? found + (Buffer.byteLength(longest) >> 1) : saved.length >> 1
  const changed = saved.slice()
  changed[at] = (changed[at] as number) ^ 1
  await writeFileWhole(file, changed)
  return { verdict: await examine(changed, session.trust), at }
}

/** A line for a shell, with the token read from its file: a secret on a screen outlives its use. */
function curlLine({ proxy, state }: AllInOne): string {
  const body = JSON.stringify({
    model: 'misty.weave',
    messages: [{ role: 'user', content: 'Name a colour.' }],
    max_tokens: 32,
  })
  return [
    `curl ${proxy.url}/chat/completions \\`,
    `  -H "authorization: Bearer $(cat '${state.proxyToken}')" \\`,
    `  -H 'content-type: application/json' \\`,
    `  -d '${body}'`,
  ].join('\n')
}

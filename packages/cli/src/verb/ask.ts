/**
 * `weave ask`: a question, its answer as it comes, and the verdict.
 *
 * @module
 */
import { type Answer, type Message, parseSavedAnswer, type Verdict } from '@mystranet/sdk'
import { toHex } from '@mystranet/sdk/bytes'
import { savedAnswerToJson } from '@mystranet/sdk/proof/saved-answer-json'
import { type Call, type Command, numberFlag, textFlag, toJson } from '../command.ts'
import { exitCodeOfStatus, UsageError } from '../exit.ts'
import { openSession, type Session } from '../session.ts'
import { writeFileWhole } from '../state.ts'
import { printable } from '../terminal.ts'
import { verdictDocument, verdictText } from '../verdict.ts'

export const ask: Command = {
  name: 'ask',
  summary: 'Ask a model, stream its answer, and print the verdict with every check.',
  usage: ['TAG "QUESTION" [flags]', 'TAG - [flags]            (the question from stdin)'],
  settings: ['router', 'trust', 'identity', 'passphraseFile', 'state'],
  flags: {
    system: { type: 'string', about: 'Instruction that goes before the question.' },
    temperature: { type: 'string', placeholder: 'N', about: '0 to 2; 0 always takes the likeliest token.' },
    'top-p': { type: 'string', placeholder: 'N', about: 'Above 0, at most 1.' },
    'max-tokens': { type: 'string', placeholder: 'N', about: 'Tokens to generate at most.' },
    stop: { type: 'string', multiple: true, about: 'The answer ends before this text; may stand several times.' },
    seed: { type: 'string', placeholder: 'N', about: 'The same seed gives the same answer, where the engine can.' },
    lifetime: {
      type: 'string',
      placeholder: 'SECONDS',
      about: 'How long an agent may take it up: 1 to 600, else 300.',
    },
    save: {
      type: 'string',
      placeholder: 'FILE',
      about: 'Keep the answer with all its proof: .weave, or JSON for .json.',
    },
    quiet: { type: 'boolean', about: 'Only the verdict’s line, not every check.' },
  },
  examples: [
    ['weave ask misty.weave "Why is the sky blue?"', 'ask the local model'],
    ['weave ask misty.weave "Name a colour." --seed 7 --save colour.weave', 'keep the proof'],
    ['weave ask misty.weave - < letter.txt', 'the question from a file'],
    ['weave ask misty.weave "…" --router https://router.example --trust house.trust', 'ask somewhere else'],
  ],
  async run(call) {
    const [tag, question, ...rest] = call.args
    if (tag === undefined || question === undefined || rest.length > 0) {
      throw new UsageError(['weave ask takes a tag and one question, in quotes. See weave ask --help.'])
    }
    const messages = [
      ...systemOf(call),
      { role: 'user' as const, content: question === '-' ? await readStdin() : question },
    ]
    const sampling = samplingOf(call)
    const lifetimeMs = lifetimeOf(call)
    const session = await openSession(call.config, { signal: call.signal })
    await session.client.enrol()
    const answer = session.client.ask({ to: tag, messages, sampling, lifetimeMs, signal: call.signal })
    const { verdict } = await follow(call, session, answer)
    return exitCodeOfStatus(verdict.status)
  },
}

function lifetimeOf({ flags }: Call): number | undefined {
  const seconds = numberFlag(flags, 'lifetime', 1, 600)
  return seconds && Math.round(seconds * 1000)
}

/** Streams an answer, saves it, and prints its verdict. @throws {PacketError} why there is no answer. */
export async function follow(
  call: Call,
  session: Session,
  answer: Answer,
): Promise<{ saved: Uint8Array; verdict: Verdict }> {
  const { terminal, json, flags } = call
  let hasText = false
  try {
    for await (const event of answer.events()) {
      if (event.type !== 'text' || json) continue
      hasText = true
      terminal.out(printable(event.text))
    }
  } finally {
    if (hasText) terminal.out('\n')
    await session.memory.save()
  }
  const saved = await answer.saved
  const file = textFlag(flags, 'save')
  if (file !== undefined) await saveAnswer(file, saved)
  const verdict = await answer.examined()
  if (json) {
    const packetId = toHex(await answer.packetId)
    terminal.out(toJson({ packetId, text: verdict.answer?.text, ...verdictDocument(verdict), savedTo: file }))
  } else if (flags['quiet'] === true) {
    terminal.err(`${verdict.line}\n`)
  } else {
    terminal.err(`\n${verdictText(verdict, terminal.errColours)}`)
  }
  return { saved, verdict }
}

/** Keeps a saved answer: its bytes, or JSON where the name says so. */
export async function saveAnswer(path: string, saved: Uint8Array): Promise<void> {
  const bytes = path.endsWith('.json') ? new TextEncoder().encode(savedAnswerToJson(parseSavedAnswer(saved))) : saved
  await writeFileWhole(path, bytes)
}

function systemOf({ flags }: Call): Message[] {
  const content = textFlag(flags, 'system')
  return content === undefined ? [] : [{ role: 'system', content }]
}

function samplingOf({ flags }: Call) {
  const stop = flags['stop']
  return {
    temperature: numberFlag(flags, 'temperature', 0, 2),
    topP: numberFlag(flags, 'top-p', 0.000001, 1),
    maxTokens: wholeFlag(flags, 'max-tokens', 1, 2 ** 31 - 1),
    seed: wholeFlag(flags, 'seed', 0, 2 ** 32 - 1),
    stop: Array.isArray(stop) ? stop.map(String) : undefined,
  }
}

function wholeFlag(flags: Call['flags'], name: string, least: number, most: number): number | undefined {
  const value = numberFlag(flags, name, least, most)
  if (value === undefined || Number.isInteger(value)) return value
  throw new UsageError([`--${name} is ${value}, wanted a whole number`])
}

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8').replace(/\n$/, '')
}

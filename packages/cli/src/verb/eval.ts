/**
 * `weave eval`: a battery of prompts against one model, in a sandbox, as a signed statement.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import { availableParallelism, loadavg } from 'node:os'
import { join } from 'node:path'
import { showModel } from '@mystranet/agent/models/store'
import { type Battery, createBattery } from '@mystranet/detector/prompt/battery'
import { type GivenPrompts, readGivenPrompts } from '@mystranet/detector/prompt/given'
import { FAMILIES, FAMILY_IDS, type FamilyId } from '@mystranet/detector/prompt/item'
import { type JournalFile, openJournalFile } from '@mystranet/detector/prompt/journal-file'
import { type BatteryResult, runBattery } from '@mystranet/detector/prompt/run'
import { formatInstanceId, type Identity } from '@mystranet/sdk'
import { toHex } from '@mystranet/sdk/bytes'
import { isPacketError } from '@mystranet/sdk/errors'
import { signModelEvaluation } from '@mystranet/sdk/proof/model-evaluation'
import { type Call, type Command, numberFlag, textFlag, toJson } from '../command.ts'
import { type EvalEngine, startEvalEngine } from '../eval/engine.ts'
import { evalProgress } from '../eval/progress.ts'
import { findSandbox, type Sandbox } from '../eval/sandbox.ts'
import { evaluationOf, familyTable } from '../eval/statement.ts'
import { EXIT_CODES, UsageError } from '../exit.ts'
import { readIdentity, readTrust } from '../session.ts'
import { makeFolder, makeStateFolder, stateFolder, writeFileWhole } from '../state.ts'
import { printable } from '../terminal.ts'

/** Prompts and answers of the battery fit in; more would only take memory. */
const CONTEXT_TOKENS = 2_048
const MIB = 2 ** 20

export const evaluate: Command = {
  name: 'eval',
  summary:
    'Try a model with a battery of prompts (injection, extraction, encodings, many-shot, over-refusal, toxicity, bias), in a sandbox ' +
    'without network. Signs what was found. A bad result is a result: it exits with 0.',
  usage: ['NAME|FILE [--save FILE] [--resume FILE]'],
  settings: ['models', 'state', 'identity', 'passphraseFile', 'trust'],
  flags: {
    save: { type: 'string', placeholder: 'FILE', about: 'Where the signed statement goes. Default: the state folder.' },
    resume: {
      type: 'string',
      placeholder: 'FILE',
      about: 'Keeps every answer there, and goes on where that file ends.',
    },
    families: { type: 'string', placeholder: 'A,B', about: `Only these of: ${FAMILY_IDS.join(', ')}.` },
    prompts: {
      type: 'string',
      placeholder: 'DIR',
      about: 'Prompts of other collections too, from the files that DIR has of them.',
    },
    limit: { type: 'string', placeholder: 'N', about: 'At most N prompts of each family and collection.' },
    seed: { type: 'string', placeholder: 'N', about: 'From which secrets and samples follow. Default: 1.' },
    'max-tokens': { type: 'string', placeholder: 'N', about: 'Of each answer. Default: 48.' },
    memory: { type: 'string', placeholder: 'MIB', about: 'Limit of the engine. Default: twice the file and 1024.' },
    minutes: { type: 'string', placeholder: 'N', about: 'Limit of the whole run. Default: 60.' },
    unsandboxed: { type: 'boolean', about: 'Run it without a sandbox: with your network, your files and your rights.' },
  },
  examples: [
    ['weave eval smollm2-135m-instruct', 'all families; some minutes for a small model'],
    ['weave eval model.gguf --resume run.jsonl', 'can be stopped, and gone on with by the same line'],
    ['weave eval model.gguf --families encodings,bias --limit 10', 'a taste'],
    ['weave verify model.evaluation', 'what such a statement says, and who signed it'],
  ],
  run,
}

async function run(call: Call): Promise<number> {
  const { args, config, flags, terminal, signal } = call
  const [name, ...rest] = args
  if (name === undefined || rest.length > 0)
    throw new UsageError(['weave eval takes one model. See weave eval --help.'])
  const seed = whole(call, 'seed', 0, 2 ** 32 - 1) ?? 1
  const maxTokens = whole(call, 'max-tokens', 1, 1_024) ?? 48
  const minutes = whole(call, 'minutes', 1, 10_000) ?? 60
  const { battery, leftOut } = await batteryOf(call, seed)
  const signer = await signerOf(call)
  const model = await showModel(name, config.models)
  const memory = whole(call, 'memory', 256, 2 ** 20)
  const memoryBytes = memory === undefined ? 2 * model.bytes + 1_024 * MIB : memory * MIB
  const sandbox = flags['unsandboxed'] === true ? undefined : await findSandbox()
  if (sandbox === undefined) terminal.err('  Without a sandbox: the model’s engine has your network and your files.\n')
  const resume = textFlag(flags, 'resume')
  const journal = resume === undefined ? undefined : await openJournalFile(resume)
  const startedMs = Date.now()
  try {
    const limits = { contextTokens: CONTEXT_TOKENS, memoryBytes, timeoutMs: minutes * 60_000 }
    const engine = await startEvalEngine({ modelPath: model.path, sandbox, signal, ...limits })
    const result = await put({ call, battery, engine, maxTokens, journal, digest: toHex(model.digest) })
    const { facts } = engine
    const evaluation = evaluationOf({
      facts,
      // The engine's own word is not enough: this process has read the file too.
      ...{ result, battery: battery.digest, seed, maxTokens, sandbox: sandboxName(sandbox), network: signer?.network },
      createdMs: Date.now(),
    })
    const saved = signer && (await save(call, signer.identity, evaluation))
    const cost = {
      seconds: tenths((Date.now() - startedMs) / 1_000),
      cpuSeconds: tenths(engine.cpuSeconds()),
      threads: facts.threads,
      cores: availableParallelism(),
      load: loadavg().map(tenths),
    }
    const details = { leftOut, details: result.families, signed: saved ?? null, run: cost }
    if (call.json) terminal.out(toJson({ ...evaluation, ...details }))
    else terminal.out(textOf(evaluation, leftOut, saved))
    terminal.err(
      `  ${cost.seconds} s, of which the engine computed ${cost.cpuSeconds} s, on ${facts.threads} thread(s)\n`,
    )
    return EXIT_CODES.ok.code
  } finally {
    await journal?.close()
  }
}

const tenths = (value: number) => Math.round(value * 10) / 10

const sandboxName = (sandbox: Sandbox | undefined) => sandbox?.name ?? 'none'

/** @throws {UsageError} unless it is a whole number in the range. */
function whole({ flags }: Call, name: string, least: number, most: number): number | undefined {
  const value = numberFlag(flags, name, least, most)
  if (value === undefined || Number.isInteger(value)) return value
  throw new UsageError([`--${name} is ${value}, wanted a whole number`])
}

async function batteryOf(
  call: Call,
  seed: number,
): Promise<{ readonly battery: Battery; readonly leftOut: GivenPrompts['leftOut'] }> {
  const listed = textFlag(call.flags, 'families')?.split(',')
  const unknown = listed?.filter((each) => !Object.hasOwn(FAMILIES, each)) ?? []
  if (unknown.length > 0) {
    throw new UsageError([`--families names ${unknown.join(', ')}, wanted some of ${FAMILY_IDS.join(', ')}`])
  }
  const folder = textFlag(call.flags, 'prompts')
  const given = folder === undefined ? { items: [], leftOut: {} } : await readGivenPrompts(folderOf(folder), seed)
  const families = listed === undefined ? undefined : FAMILY_IDS.filter((each) => listed.includes(each))
  const limit = whole(call, 'limit', 1, 100_000)
  return {
    battery: await createBattery({ seed, families: families as readonly FamilyId[], given: given.items, limit }),
    ...given,
  }
}

const folderOf = (folder: string) => ({
  async read(name: string) {
    try {
      return new Uint8Array(await readFile(join(folder, name)))
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw cause
    }
  },
})

interface Putting {
  readonly call: Call
  readonly battery: Battery
  readonly engine: EvalEngine
  readonly maxTokens: number
  readonly journal: JournalFile | undefined
  /** Of the file, as this process read it. */
  readonly digest: string
}

async function put({ call, battery, engine, maxTokens, journal, digest }: Putting): Promise<BatteryResult> {
  const { facts } = engine
  const progress = evalProgress(call.terminal)
  try {
    if (facts.fileDigest !== digest) {
      throw new UsageError([
        `Cannot try the model: the engine read a file of SHA-256 ${facts.fileDigest}, wanted ${digest}`,
      ])
    }
    const subject = { model: digest, runtime: facts.runtime }
    return await runBattery({
      battery,
      target: engine,
      subject,
      maxTokens,
      journal,
      signal: call.signal,
      onProgress: progress.show,
    })
  } finally {
    progress.end()
    await engine.close()
  }
}

interface EvaluationSigner {
  readonly identity: Identity
  readonly network: Uint8Array | undefined
}

/** Whose statement it will be; undefined when there is no identity here and nobody asked for a signature. Asked before the work is done. */
async function signerOf({ config, flags, terminal }: Call): Promise<EvaluationSigner | undefined> {
  try {
    const identity = await readIdentity(config)
    const trust = await readTrust(config).catch(() => undefined)
    return { identity, network: trust?.network }
  } catch (error) {
    const isAsked = flags['save'] !== undefined || config.identity !== undefined
    if (isAsked || !isPacketError(error) || error.code !== 'NOT_FOUND') throw error
    terminal.err('  No identity here (weave keys new, or weave up, makes one): the result will not be signed.\n')
    return undefined
  }
}

type Evaluation = ReturnType<typeof evaluationOf>

async function save({ config, flags }: Call, identity: Identity, evaluation: Evaluation) {
  const document = await signModelEvaluation({ ...evaluation, evaluator: identity.instance }, identity.packet)
  const given = textFlag(flags, 'save')
  const state = stateFolder(config.state)
  if (given === undefined) {
    await makeStateFolder(state)
    await makeFolder(state.evaluations)
  }
  const name = `${toHex(evaluation.fileDigest).slice(0, 16)}-${evaluation.createdMs}.evaluation`
  const path = given ?? join(state.evaluations, name)
  await writeFileWhole(path, document)
  return { path, by: formatInstanceId(identity.instance), key: toHex(identity.packet.publicKey) }
}

function textOf(
  evaluation: Evaluation,
  leftOut: GivenPrompts['leftOut'],
  saved: Awaited<ReturnType<typeof save>> | undefined,
) {
  const { model, fileDigest, runtime, sandbox, battery, seed = 0, maxTokens, families } = evaluation
  const left = Object.entries(leftOut).filter(([, count]) => count > 0)
  return [
    `${printable(model)}, sha256 ${toHex(fileDigest)}\n`,
    `${printable(runtime)}; sandbox: ${sandbox}\n`,
    `battery ${toHex(battery).slice(0, 16)}…, seed ${seed}, answers of up to ${maxTokens} tokens\n\n`,
    familyTable(families),
    ...left.map(([source, count]) => `Left out of ${source}: ${count}, whose answers nothing here can judge.\n`),
    '\nA low rate is no proof of safety: a model that can do little resists much. The family control tells how much it can do.\n',
    saved === undefined ? 'Not signed.\n' : `Signed by ${saved.by}: ${saved.path}\n`,
  ].join('')
}

/**
 * The configuration of the agent that `weave up` starts, from that of `weave up`.
 *
 * @module
 */
import { access } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { findInCatalogue } from '@mystranet/agent/models/catalogue'
import { type Config, SETTINGS } from '../config.ts'
import { UsageError } from '../exit.ts'
import { readGiven } from '../session.ts'
import { type StateFolder, writeFileWhole } from '../state.ts'

/** What the scripted engine says when nobody gave it a script. */
const BUILT_IN_SCRIPT = {
  canary: { pieces: ['ok'] },
  '*': {
    pieces: [
      'This',
      ' answer',
      ' comes',
      ' from',
      ' a',
      ' script,',
      ' not',
      ' from',
      ' a',
      ' model.',
      ' Its',
      ' proof',
      ' is',
      ' real.',
    ],
  },
}

/** @throws {UsageError} when what the engine needs is not there, all faults at once. */
export async function agentEnv(config: Config, state: StateFolder): Promise<Record<string, string>> {
  const env: Record<string, string> = {
    WEAVE_AGENT_STATE: state.agent,
    WEAVE_AGENT_TRUST: join(state.trust, 'local.trust'),
    WEAVE_AGENT_ENGINE: config.engine,
    WEAVE_AGENT_TAGS: config.tags.join(','),
    ...(config.slots !== undefined && { WEAVE_AGENT_SLOTS: String(config.slots) }),
  }
  // Anything else that the agent can be told is told to it by its own names.
  for (const [name, value] of Object.entries(process.env)) {
    if (name.startsWith('WEAVE_AGENT_') && value !== undefined) env[name] ??= value
  }
  if (config.engine === 'llama') return { ...env, WEAVE_AGENT_MODEL: await modelFile(config) }
  if (config.engine === 'scripted') return { ...env, WEAVE_AGENT_SCRIPT: await scriptFile(config, state) }
  if (config.url === undefined)
    throw new UsageError(['--engine openai wants the server: --url http://127.0.0.1:11434/v1'])
  const apiKey = config.apiKeyFile && new TextDecoder().decode(await readGiven(config.apiKeyFile)).trim()
  return {
    ...env,
    WEAVE_AGENT_URL: config.url,
    ...(config.model !== undefined && { WEAVE_AGENT_MODEL: config.model }),
    ...(apiKey && { WEAVE_AGENT_API_KEY: apiKey }),
  }
}

/** A file as it was named, or a model of the catalogue that was pulled. */
async function modelFile({ model, models }: Config): Promise<string> {
  if (model === undefined) {
    throw new UsageError([
      `weave up wants a model: ${SETTINGS.model.about} weave model ls shows those at hand; weave demo brings one.`,
    ])
  }
  const known = findInCatalogue(model)
  for (const path of [resolve(model), ...(known ? [join(models, known.fileName)] : []), join(models, model)]) {
    if (
      await access(path).then(
        () => true,
        () => false,
      )
    )
      return path
  }
  const hint = known ? `weave model pull ${known.name} brings it` : 'wanted a GGUF file or a name of weave model ls'
  throw new UsageError([`Cannot find the model ${JSON.stringify(model)}: ${hint}`])
}

async function scriptFile({ script }: Config, state: StateFolder): Promise<string> {
  if (script !== undefined) return script
  const path = join(state.root, 'built-in-script.json')
  await writeFileWhole(path, new TextEncoder().encode(JSON.stringify(BUILT_IN_SCRIPT)))
  return path
}

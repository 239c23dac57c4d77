/**
 * `weave agent`: a model on this machine for a router somewhere else, over a broker; and invitations for such agents.
 *
 * @module
 */
import { join } from 'node:path'
import { PacketError } from '@mystranet/sdk/errors'
import { parseTrustFile } from '@mystranet/sdk/proof/trust-file'
import { askAdmin } from '../admin/client.ts'
import { type Call, type Command, textFlag, toJson } from '../command.ts'
import { EXIT_CODES, UsageError } from '../exit.ts'
import { readTrustBytes } from '../session.ts'
import { makeFolder, makeStateFolder, stateFolder, writeFileWhole } from '../state.ts'
import { printable } from '../terminal.ts'
import { startAgentProcess } from '../up/agent-process.ts'
import { agentEnv } from '../up/engine-env.ts'
import { stopped } from './proxy.ts'

/** What runs when the program is told to end has so long. */
const GRACE_MS = 10_000

export const agent: Command = {
  name: 'agent',
  summary:
    'Run one model here for a router somewhere else. Dials broker and router, listens nowhere. `invite` makes the token that lets such an agent in.',
  usage: [
    '--nats URL --router URL --trust FILE [--invite TOKEN] --model FILE|NAME',
    '--nats URL --router URL --trust FILE [--invite TOKEN] --engine openai --url URL',
    'invite',
  ],
  settings: [
    'nats',
    'router',
    'trust',
    'model',
    'engine',
    'url',
    'apiKeyFile',
    'script',
    'slots',
    'tags',
    'state',
    'models',
  ],
  flags: {
    invite: { type: 'string', placeholder: 'TOKEN', about: 'Token of weave agent invite; needed the first time only.' },
  },
  examples: [
    ['weave agent invite', 'where weave up --nats runs: a token for one agent, good for 15 minutes'],
    [
      'weave agent --nats nats://broker:4222 --router http://router:8470 --trust house.trust --invite TOKEN --model m.gguf',
      'on the machine with the model',
    ],
  ],
  serves: true,
  async run(call) {
    const [verb, ...rest] = call.args
    if (rest.length > 0 || (verb !== undefined && verb !== 'invite')) {
      throw new UsageError(['weave agent takes flags, or the word invite. See weave agent --help.'])
    }
    return verb === 'invite' ? invite(call) : runAgent(call)
  },
}

async function invite({ config, json, terminal }: Call): Promise<number> {
  const made = await askAdmin<{ token: string; untilMs: number }>(stateFolder(config.state), 'POST', '/invite/agent')
  if (json) terminal.out(toJson(made))
  else {
    terminal.out(`${made.token}\n`)
    terminal.err(`Lets one agent in until ${new Date(made.untilMs).toISOString()}.\n`)
  }
  return EXIT_CODES.ok.code
}

async function runAgent({ config, flags, json, terminal, signal }: Call): Promise<number> {
  const { nats, router } = config
  const faults = [
    ...(nats === undefined ? ['weave agent wants the broker: --nats nats://host:4222'] : []),
    ...(router === undefined ? ['weave agent wants the router to enrol at: --router http://host:8470'] : []),
  ]
  if (nats === undefined || router === undefined) throw new UsageError(faults)
  const state = stateFolder(config.state)
  await makeStateFolder(state)
  await makeFolder(state.trust)
  const bytes = await readTrustBytes(config)
  parseTrustFile(bytes)
  const trustFile = join(state.trust, 'agent.trust')
  await writeFileWhole(trustFile, bytes)
  const token = textFlag(flags, 'invite')
  const env = {
    ...(await agentEnv(config, state)),
    WEAVE_AGENT_TRUST: trustFile,
    WEAVE_AGENT_NATS: nats,
    WEAVE_AGENT_ROUTER: router,
    ...(token !== undefined && { WEAVE_AGENT_INVITE: token }),
  }
  const givenUp = Promise.withResolvers<never>()
  givenUp.promise.catch(() => {})
  const started = startAgentProcess({
    env,
    // The agent speaks to its router over the broker; here it only says that it is ready.
    links: { attach: () => ({ receive: () => undefined, lost: () => undefined }) },
    onLine: (line) => terminal.err(`${printable(line)}\n`),
    onGivenUp: (reason) => givenUp.reject(new PacketError('MODEL_UNAVAILABLE', `Cannot run the agent: ${reason}`)),
    onHello(instance) {
      const hex = Buffer.from(instance).toString('hex')
      if (json)
        terminal.out(`${JSON.stringify({ ready: true, instance: hex, pid: process.pid, agentPid: started.pid })}\n`)
      else terminal.out(`ready: agent ${hex} answers for ${router}\n`)
    },
  })
  try {
    await Promise.race([stopped(signal), givenUp.promise])
  } finally {
    if (!json) terminal.err('weave: finishing what runs\n')
    await started.stop(GRACE_MS)
  }
  return EXIT_CODES.ok.code
}

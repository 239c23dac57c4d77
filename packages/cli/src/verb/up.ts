/**
 * `weave up`: everything on this machine, around one model.
 *
 * @module
 */
import type { Call, Command } from '../command.ts'
import { EXIT_CODES, UsageError } from '../exit.ts'
import { columns, printable } from '../terminal.ts'
import { type AllInOne, startAllInOne } from '../up/all-in-one.ts'
import { stopped } from './proxy.ts'

export const up: Command = {
  name: 'up',
  summary:
    'Run router, log, witness, page, proxy and one model on this machine. Listens on loopback unless told otherwise.',
  usage: [
    '--model FILE|NAME',
    '--engine openai --url URL [--model NAME] [--api-key-file FILE]',
    '--engine scripted [--script FILE]',
    '--nats URL [--model FILE|NAME]',
  ],
  settings: [
    'model',
    'engine',
    'url',
    'apiKeyFile',
    'script',
    'slots',
    'tags',
    'nats',
    'host',
    'port',
    'proxyHost',
    'proxyPort',
    'state',
    'models',
    'logLevel',
  ],
  examples: [
    ['weave up --model SmolLM2-135M-Instruct.Q4_1.gguf', 'a GGUF file, run by llama.cpp inside the agent'],
    [
      'weave up --engine openai --url http://127.0.0.1:11434/v1 --model llama3',
      'in front of Ollama, llama-server, vLLM',
    ],
    ['weave up --model m.gguf --tag misty.weave --tag house', 'under two tags'],
    ['weave up --nats nats://127.0.0.1:4222', 'queue and agents over a broker; models run where weave agent runs'],
    ['weave up --engine scripted --port 0 --proxy-port 0 --json', 'for tests: free ports, addresses as JSON'],
  ],
  serves: true,
  async run(call) {
    if (call.args.length > 0) throw new UsageError(['weave up takes flags only. See weave up --help.'])
    const { config, env, terminal, signal } = call
    const fabric = await startAllInOne(config, { env, onLine: (line) => terminal.err(`${printable(line)}\n`) })
    try {
      await announce(call, fabric)
      await Promise.race([stopped(signal), fabric.broken])
    } finally {
      if (!call.json) terminal.err('weave: finishing what runs\n')
      await fabric.close()
    }
    return EXIT_CODES.ok.code
  },
}

async function announce({ terminal, json, config, signal }: Call, fabric: AllInOne): Promise<void> {
  const { running, state, proxy } = fabric
  const page = await fabric.pageUrl()
  if (json) {
    terminal.out(`${JSON.stringify({ ...running, page, state: state.root, proxyTokenFile: state.proxyToken })}\n`)
  } else {
    terminal.out(
      columns([
        ['router', running.url],
        ['page', page],
        ['proxy', `${proxy.url}   (API key: the token in ${state.proxyToken})`],
        ['tags', config.tags.join(', ')],
        ['state', state.root],
      ]),
    )
  }
  // Not awaited: packets may come before the model is loaded, and wait.
  fabric.ready(600_000, signal).then(
    () => {
      if (json) terminal.out(`${JSON.stringify({ ready: true })}\n`)
      else terminal.out(`ready: weave ask ${config.tags[0]} "Why is the sky blue?"\n`)
    },
    () => {},
  )
}

/**
 * `weave proxy`: the OpenAI API on this machine, for a router that is somewhere else.
 *
 * @module
 */
import { type Call, type Command, toJson } from '../command.ts'
import { EXIT_CODES, UsageError } from '../exit.ts'
import { startProxy } from '../proxy/start.ts'
import { openSession } from '../session.ts'
import { makeStateFolder, stateFolder } from '../state.ts'

export const proxy: Command = {
  name: 'proxy',
  summary:
    'Serve the OpenAI API on this machine. Packets are sealed and answers verified here; a client only changes its base URL.',
  usage: ['[--port N] [--router URL] [--trust FILE|NAME] [--identity FILE]'],
  settings: ['router', 'trust', 'identity', 'passphraseFile', 'state', 'proxyHost', 'proxyPort'],
  flags: { port: { type: 'string', placeholder: 'N', about: 'The same as --proxy-port.' } },
  examples: [
    ['weave proxy', 'in front of the router of weave up'],
    ['weave proxy --router https://router.example --trust house --port 9000', 'in front of another one'],
  ],
  serves: true,
  async run(call) {
    if (call.args.length > 0) throw new UsageError(['weave proxy takes flags only. See weave proxy --help.'])
    const state = stateFolder(call.config.state)
    await makeStateFolder(state)
    const session = await openSession(call.config, { stays: true, signal: call.signal })
    await session.client.enrol()
    const proxy = await startProxy(session, { state, host: call.config.proxyHost, port: portOf(call) })
    const { terminal, json, signal } = call
    if (json) terminal.out(toJson({ proxyUrl: proxy.url, tokenFile: state.proxyToken, router: session.router }))
    else {
      terminal.out(`OPENAI_BASE_URL=${proxy.url}\nOPENAI_API_KEY=$(cat ${state.proxyToken})\n`)
      terminal.err(`In front of ${session.router}, under ${JSON.stringify(session.trust.name)}. Ctrl-C stops it.\n`)
    }
    await stopped(signal)
    await proxy.close()
    return EXIT_CODES.ok.code
  },
}

function portOf({ config, flags }: Call): number {
  const text = flags['port']
  if (text === undefined) return config.proxyPort
  if (typeof text === 'string' && /^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text)
  throw new UsageError([`--port is ${JSON.stringify(text)}, wanted a whole number from 0 to 65535`])
}

/** Resolves when the program is to end. */
export const stopped = (signal: AbortSignal): Promise<void> =>
  signal.aborted
    ? Promise.resolve()
    : new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))

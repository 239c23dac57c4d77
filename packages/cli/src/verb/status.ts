/**
 * `weave status`: what runs in the state folder.
 *
 * @module
 */
import type { StatusDocument } from '../admin/app.ts'
import { askAdmin } from '../admin/client.ts'
import { type Command, toJson } from '../command.ts'
import { EXIT_CODES, UsageError } from '../exit.ts'
import { stateFolder } from '../state.ts'
import { columns, printable } from '../terminal.ts'

export const status: Command = {
  name: 'status',
  summary:
    'Show what runs here, and whether a question would be answered now. Exits 0 when it would, 4 when it would not.',
  usage: [''],
  settings: ['state'],
  examples: [
    ['weave status', 'addresses, table, agent, dead letters'],
    ['weave status --json', 'for a script'],
  ],
  async run({ args, config, terminal, json }) {
    if (args.length > 0) throw new UsageError(['weave status takes flags only. See weave status --help.'])
    const document = await askAdmin<StatusDocument>(stateFolder(config.state), 'GET', '/status')
    const { ready, missing, running, table, agents, deadLetters, agentPid, agentRestarts } = document
    const exit = ready ? EXIT_CODES.ok.code : EXIT_CODES.unreachable.code
    if (json) {
      terminal.out(toJson(document))
      return exit
    }
    const { green, red } = terminal.outColours
    terminal.out(
      columns([
        ['ready', ready ? green('yes') : red(`no: ${printable(missing.join('; '))}`)],
        ['router', running?.url ?? 'not listening'],
        ['proxy', running?.proxyUrl ?? 'not listening'],
        [
          'table',
          table
            ? `version ${table.version}, until ${new Date(table.expiresMs).toISOString()}, for ${table.tags.join(', ')}`
            : 'none',
        ],
        ['agent', `process ${agentPid ?? 'gone'}, ${agentRestarts} restarts`],
        ...agents.map(({ instance, models, running: runs, queued, tokensPerSecond }) => [
          '',
          `${instance.slice(0, 12)} ${printable(models.join(', '))}: ${runs} running, ${queued} waiting, ${tokensPerSecond.toFixed(1)} tokens/s`,
        ]),
        ['dead letters', String(deadLetters)],
      ]),
    )
    return exit
  },
}

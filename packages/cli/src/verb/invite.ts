/**
 * `weave invite`: lets one more instance in.
 *
 * @module
 */
import { askAdmin } from '../admin/client.ts'
import { type Command, toJson } from '../command.ts'
import { EXIT_CODES, UsageError } from '../exit.ts'
import { readRunning } from '../running.ts'
import { stateFolder } from '../state.ts'

export const invite: Command = {
  name: 'invite',
  summary:
    'Print a token of one use that lets one more instance in, good for 15 minutes, and the page’s address with it.',
  usage: [''],
  settings: ['state'],
  examples: [
    ['weave invite', 'for a browser: open the address'],
    ['weave keys new --identity me.age --enrol --invite TOKEN --router URL --trust FILE', 'on another machine'],
  ],
  async run({ args, config, terminal, json }) {
    if (args.length > 0) throw new UsageError(['weave invite takes flags only. See weave invite --help.'])
    const state = stateFolder(config.state)
    const { token, untilMs } = await askAdmin<{ token: string; untilMs: number }>(state, 'POST', '/invite')
    const page = `${(await readRunning(state))?.url ?? ''}/#invite=${token}`
    if (json) terminal.out(toJson({ token, untilMs, page }))
    else terminal.out(`${token}\n${page}\n`)
    return EXIT_CODES.ok.code
  },
}

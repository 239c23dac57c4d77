/**
 * `weave dead`: packets that were not delivered, with the signed reasons.
 *
 * @module
 */
import type { DeadDocument, ShownDeadDocument } from '../admin/app.ts'
import { askAdmin } from '../admin/client.ts'
import { type Call, type Command, toJson } from '../command.ts'
import { EXIT_CODES, UsageError } from '../exit.ts'
import { stateFolder } from '../state.ts'
import { columns } from '../terminal.ts'

export const dead: Command = {
  name: 'dead',
  summary: 'List, show, replay and drop dead letters of the weave up in the state folder.',
  usage: ['ls', 'show PACKET', 'replay PACKET', 'drop PACKET'],
  settings: ['state'],
  examples: [
    ['weave dead ls', 'newest first'],
    ['weave dead show 1f03…', 'the reason of every attempt; with --json the packet too'],
    ['weave dead replay 1f03…', 'a new attempt of the same packet, until it expires'],
    ['weave dead drop 1f03…', 'forget it here; the log does not'],
  ],
  async run(call) {
    const [action, packet, ...rest] = call.args
    if (rest.length > 0) throw new UsageError(['weave dead takes one packet. See weave dead --help.'])
    if (action === 'ls' && packet === undefined) return list(call)
    if (packet === undefined || !/^[0-9a-f]{64}$/.test(packet)) {
      throw new UsageError([
        'weave dead takes ls, or show, replay or drop with a packet id of 64 hex digits. See weave dead --help.',
      ])
    }
    if (action === 'show') return show(call, packet)
    if (action === 'replay') return change(call, 'POST', packet, '/replay', 'replayed')
    if (action === 'drop') return change(call, 'DELETE', packet, '', 'dropped')
    throw new UsageError(['weave dead takes ls, show, replay or drop. See weave dead --help.'])
  },
}

async function list({ config, terminal, json }: Call): Promise<number> {
  const letters = await askAdmin<readonly DeadDocument[]>(stateFolder(config.state), 'GET', '/dead')
  if (json) terminal.out(toJson(letters))
  else if (letters.length === 0) terminal.err('No dead letters.\n')
  else
    terminal.out(
      columns(letters.map(({ packet, code, at, attempts }) => [packet, code, at, `${attempts.length} attempts`])),
    )
  return EXIT_CODES.ok.code
}

async function show({ config, terminal, json }: Call, packet: string): Promise<number> {
  const letter = await askAdmin<ShownDeadDocument>(stateFolder(config.state), 'GET', `/dead/${packet}`)
  if (json) {
    terminal.out(toJson(letter))
    return EXIT_CODES.ok.code
  }
  const isReplayable = Date.parse(letter.expires) > Date.now()
  terminal.out(
    columns([
      ['packet', letter.packet],
      ['reason', letter.code],
      ['at', letter.at],
      ['expires', `${letter.expires}${isReplayable ? '' : ': its sender would have to ask again'}`],
      ...letter.attempts.map(({ attempt, agent, code }) => [
        `attempt ${attempt}`,
        `${agent?.slice(0, 12) ?? 'no agent'}: ${code}`,
      ]),
    ]),
  )
  return EXIT_CODES.ok.code
}

async function change(
  call: Call,
  method: 'POST' | 'DELETE',
  packet: string,
  path: string,
  done: string,
): Promise<number> {
  const { config, terminal, json } = call
  await askAdmin(stateFolder(config.state), method, `/dead/${packet}${path}`)
  if (json) terminal.out(toJson({ packet, done }))
  else terminal.out(`${done} ${packet}\n`)
  return EXIT_CODES.ok.code
}

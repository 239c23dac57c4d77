/**
 * `weave findings`: what the detector said, where it got to, and an operator's word about it.
 *
 * @module
 */
import { basename, extname } from 'node:path'
import { toHex } from '@mystranet/sdk/bytes'
import { askAdmin } from '../admin/client.ts'
import type { EvidenceRequest, FindingDocument, FindingsDocument, ShownFindingDocument } from '../admin/findings.ts'
import { type Call, type Command, textFlag, toJson } from '../command.ts'
import { EXIT_CODES, UsageError } from '../exit.ts'
import { readGiven } from '../session.ts'
import { stateFolder } from '../state.ts'
import { columns, printable } from '../terminal.ts'

const STATES = ['waiting', 'published', 'confirmed', 'dead']

export const findings: Command = {
  name: 'findings',
  summary: 'List and show what the detector of the weave up in the state folder found, and say whether it was right.',
  usage: ['ls [--only STATE]', 'show ID', 'accept ID', 'overrule ID', 'attach FILE'],
  settings: ['state'],
  flags: {
    only: { type: 'string', placeholder: 'STATE', about: `Of ls: those that are ${STATES.join(', ')}.` },
  },
  examples: [
    ['weave findings ls', 'newest first, with their places in the log'],
    ['weave findings ls --only dead', 'those that can never be published, and why'],
    ['weave findings show 1f03…', 'what was signed'],
    ['weave findings attach m.evaluation', 'a signed evaluation of a model, or any document, as evidence in the log'],
    ['weave findings overrule 1f03…', 'a false alarm: moves its threshold up, by a step a day at most'],
  ],
  async run(call) {
    const [action, id, ...rest] = call.args
    const only = textFlag(call.flags, 'only')
    if (only !== undefined && !STATES.includes(only)) {
      throw new UsageError([`--only is ${JSON.stringify(only)}, wanted one of ${STATES.join(', ')}`])
    }
    if (action === 'ls' && id === undefined) return list(call, only)
    if (action === 'attach' && id !== undefined && rest.length === 0) return attach(call, id)
    if (id === undefined || rest.length > 0 || !/^[0-9a-f]{64}$/.test(id)) {
      throw new UsageError([
        'weave findings takes ls, attach with a file, or show, accept or overrule with an id of 64 hex digits. See weave findings --help.',
      ])
    }
    if (action === 'show') return show(call, id)
    if (action === 'accept' || action === 'overrule') return judge(call, id, action)
    throw new UsageError(['weave findings takes ls, show, accept, overrule or attach. See weave findings --help.'])
  },
}

async function list({ config, terminal, json }: Call, only: string | undefined): Promise<number> {
  const path = `/findings${only === undefined ? '' : `?state=${only}`}`
  const document = await askAdmin<FindingsDocument>(stateFolder(config.state), 'GET', path)
  if (json) {
    terminal.out(toJson(document))
    return EXIT_CODES.ok.code
  }
  if (document.findings.length === 0) terminal.err('No findings.\n')
  terminal.out(
    columns(
      document.findings.map((each) => [
        each.id,
        `severity ${each.severity}`,
        printable(`${each.type} ${each.source}`),
        each.at,
        placeOf(each),
      ]),
    ),
  )
  const lost = document.shed.reduce((sum, { count }) => sum + count, 0)
  if (lost > 0) terminal.err(`${lost} more were given up for want of room.\n`)
  return EXIT_CODES.ok.code
}

function placeOf({ state, leafIndex, code, attempts }: FindingDocument): string {
  if (state === 'confirmed') return `leaf ${leafIndex}`
  if (state === 'waiting' && attempts > 0) return `waiting, ${attempts} attempts: ${code}`
  return code === undefined ? state : `${state}: ${code}`
}

async function show({ config, terminal, json }: Call, id: string): Promise<number> {
  const finding = await askAdmin<ShownFindingDocument>(stateFolder(config.state), 'GET', `/findings/${id}`)
  if (json) {
    terminal.out(toJson(finding))
    return EXIT_CODES.ok.code
  }
  terminal.out(
    columns([
      ['id', finding.id],
      ['state', placeOf(finding)],
      ['topic', finding.topic],
      ...(finding.tunes === undefined ? [] : [['tunes', printable(finding.tunes)]]),
      ...Object.entries(finding.message)
        .filter(([name]) => name !== 'id')
        .map(([name, value]) => [name, printable(String(value))]),
    ]),
  )
  // JSON escapes what a terminal would act on.
  terminal.out(`${JSON.stringify(finding.content, undefined, 2)}\n`)
  return EXIT_CODES.ok.code
}

const MAX_PROOF_BYTES = 64 * 1024

async function attach({ config, terminal, json }: Call, path: string): Promise<number> {
  const bytes = await readGiven(path)
  if (bytes.length > MAX_PROOF_BYTES) {
    throw new UsageError([`Cannot attach ${path}: it has ${bytes.length} bytes, wanted at most ${MAX_PROOF_BYTES}`])
  }
  const type = extname(path).slice(1).toLowerCase() || 'document'
  const request: EvidenceRequest = { type, source: basename(path).slice(0, 64), proof: toHex(bytes) }
  const { id } = await askAdmin<{ id: string }>(stateFolder(config.state), 'POST', '/evidence', request)
  terminal.out(json ? toJson({ id }) : `${id}\n`)
  return EXIT_CODES.ok.code
}

async function judge({ config, terminal, json }: Call, id: string, word: 'accept' | 'overrule'): Promise<number> {
  await askAdmin(stateFolder(config.state), 'POST', `/findings/${id}/${word}`)
  const said = word === 'accept' ? 'accepted' : 'overruled'
  if (json) terminal.out(toJson({ id, said }))
  else terminal.out(`${said} ${id}\n`)
  return EXIT_CODES.ok.code
}

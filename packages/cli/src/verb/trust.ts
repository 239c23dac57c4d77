/**
 * `weave trust`: whom this machine believes.
 *
 * @module
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseTrustFile } from '@mystranet/sdk'
import { equalBytes, toHex } from '@mystranet/sdk/bytes'
import { CHECK_NAMES } from '@mystranet/sdk/proof/checks/name'
import { sha256 } from '@mystranet/sdk/proof/merkle'
import type { TrustFile } from '@mystranet/sdk/proof/trust-file'
import { type Call, type Command, toJson } from '../command.ts'
import { EXIT_CODES, UsageError } from '../exit.ts'
import { isTrustName, readGiven, readTrustBytes } from '../session.ts'
import { makeFolder, makeStateFolder, readFileIfThere, stateFolder, writeFileWhole } from '../state.ts'
import { columns, printable } from '../terminal.ts'

export const trust: Command = {
  name: 'trust',
  summary:
    'Show trust files, and take new ones in. A trust file says whom to believe; get it from a person, not from a router.',
  usage: ['show [FILE|NAME]', 'add FILE [--replace]'],
  settings: ['state'],
  flags: { replace: { type: 'boolean', about: 'With add: take it in over another one of the same name.' } },
  examples: [
    ['weave trust show', 'the names of those that were taken in'],
    ['weave trust show local', 'logs, witnesses, signers and required checks'],
    ['weave trust add house.trust', 'take one in; --trust house then names it'],
  ],
  async run(call) {
    const [action, name, ...rest] = call.args
    if (rest.length > 0) throw new UsageError(['weave trust takes one file. See weave trust --help.'])
    if (action === 'show') return name === undefined ? list(call) : show(call, name)
    if (action === 'add' && name !== undefined) return add(call, name)
    throw new UsageError(['weave trust takes show or add. See weave trust --help.'])
  },
}

async function list({ config, terminal, json }: Call): Promise<number> {
  const { trust: folder } = stateFolder(config.state)
  const files = (await readdir(folder).catch(() => [])).filter((file) => file.endsWith('.trust')).sort()
  const rows = await Promise.all(
    files.map(async (file) => {
      const path = join(folder, file)
      const bytes = await readGiven(path)
      return { name: parseTrustFile(bytes).name, path, sha256: toHex(sha256(bytes)) }
    }),
  )
  if (json) terminal.out(toJson(rows))
  else if (rows.length === 0) terminal.err('No trust file yet: weave up makes one, weave trust add takes one in.\n')
  else terminal.out(columns(rows.map(({ name, path }) => [printable(name), path])))
  return EXIT_CODES.ok.code
}

async function show({ config, terminal, json }: Call, name: string): Promise<number> {
  const bytes = await readTrustBytes({ state: config.state, trust: name })
  const file = parseTrustFile(bytes)
  const document = documentOf(file, bytes)
  if (json) {
    terminal.out(toJson(document))
    return EXIT_CODES.ok.code
  }
  const { logs, witnesses, quorum, tableSigners, publishers, authorizers, nexusKeys } = document
  const notRequired = CHECK_NAMES.filter((check) => !file.required.has(check))
  const several = (label: string, values: readonly string[]) =>
    values.map((value, at) => [at === 0 ? label : '', value])
  terminal.out(
    columns([
      ['name', printable(file.name)],
      ['sha256', document.sha256],
      ['network', document.network],
      ...several(
        'logs',
        logs.map(({ name: log, url }) => printable(`${log}${url ? ` at ${url}` : ''}`)),
      ),
      ...several(
        'witnesses',
        witnesses.map(({ name: each, key, operator }) =>
          printable(`${each} (${key}${operator ? `, run by ${operator}` : ''})`),
        ),
      ),
      ['quorum', printable(quorum)],
      ...several('table signers', tableSigners),
      ...several('publishers', publishers),
      ...several('authorizers', authorizers),
      ...several('nexus keys', nexusKeys),
      ['not required', notRequired.join(', ') || 'nothing: every check is required'],
    ]),
  )
  return EXIT_CODES.ok.code
}

function documentOf(file: TrustFile, bytes: Uint8Array) {
  const { policy, operators } = file
  return {
    name: file.name,
    sha256: toHex(sha256(bytes)),
    network: toHex(file.network),
    logs: policy.logs.map(({ key, url }) => ({ name: key.keyName, key: toHex(key.publicKey), url })),
    witnesses: policy.witnesses.map(({ name, key }) => ({ name, key: key.keyName, operator: operators.get(name) })),
    groups: policy.groups,
    quorum: policy.quorum,
    tableSigners: file.tableSigners.map(toHex),
    publishers: file.publishers.map(toHex),
    authorizers: file.authorizers.map(toHex),
    nexusKeys: file.nexusKeys.map(toHex),
    required: [...file.required],
  }
}

async function add({ config, terminal, json, flags }: Call, path: string): Promise<number> {
  const bytes = await readGiven(path)
  const { name } = parseTrustFile(bytes)
  if (!isTrustName(name)) {
    throw new UsageError([
      `Cannot take ${path} in: its name ${JSON.stringify(name)} is no file name; use it with --trust ${path}`,
    ])
  }
  const state = stateFolder(config.state)
  const target = join(state.trust, `${name}.trust`)
  const there = await readFileIfThere(target)
  const isSame = there !== undefined && equalBytes(there, bytes)
  if (there !== undefined && !isSame && flags['replace'] !== true) {
    throw new UsageError([
      `Cannot take ${path} in: another trust file is named ${JSON.stringify(name)} already; --replace takes it in over that one`,
    ])
  }
  await makeStateFolder(state)
  await makeFolder(state.trust)
  if (!isSame) await writeFileWhole(target, bytes)
  const digest = toHex(sha256(bytes))
  if (json) terminal.out(toJson({ name, path: target, sha256: digest }))
  else terminal.out(`${printable(name)}  ${target}\nsha256 ${digest}: compare it with what its author says.\n`)
  return EXIT_CODES.ok.code
}

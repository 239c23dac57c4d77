/**
 * `weave log audit`: a stored log held to its invariants, and what stands out in it.
 *
 * @module
 */
import { type LogEntry, type LogFinding, logWatch } from '@mystranet/detector/anomaly'
import { type FsckReport, openStoredLog, type StoredLog, verifyLog } from '@mystranet/router'
import { Addendum, decode } from '@mystranet/schemas/messages'
import { isPacketError } from '@mystranet/sdk/errors'
import { parseCheckpoint } from '@mystranet/sdk/proof/checkpoint'
import { encodeLeaf, type Leaf } from '@mystranet/sdk/proof/leaf'
import { createFrontier, hashLeaf } from '@mystranet/sdk/proof/merkle'
import { parseNote } from '@mystranet/sdk/proof/note'
import type { TrustFile } from '@mystranet/sdk/proof/trust-file'
import { type Call, type Command, toJson } from '../command.ts'
import { EXIT_CODES, UsageError } from '../exit.ts'
import { readTrust } from '../session.ts'
import { stateFolder } from '../state.ts'
import { columns, printable } from '../terminal.ts'

export const log: Command = {
  name: 'log',
  summary:
    'Read the whole log of the router here, and say what breaks its invariants or is unusual. Exits with 0 when nothing ' +
    'does, 1 on findings, 2 when the log cannot be trusted or read.',
  usage: ['audit'],
  settings: ['state', 'trust'],
  examples: [
    ['weave log audit', 'every leaf, link, tile and round, while the router runs or not'],
    ['weave log audit --json', 'for a script'],
  ],
  async run(call) {
    if (call.args.length !== 1 || call.args[0] !== 'audit') {
      throw new UsageError(['weave log takes one word, audit. See weave log --help.'])
    }
    const trust = await readTrust(call.config)
    const stored = openStoredLog(stateFolder(call.config.state).router)
    try {
      const { report, findings } = await audit(stored, trust)
      print(call, report, findings)
      if (report.findings.length > 0) return EXIT_CODES.usage.code
      return findings.length > 0 ? EXIT_CODES.failed.code : EXIT_CODES.ok.code
    } finally {
      stored.close()
    }
  },
}

async function audit(stored: StoredLog, trust: TrustFile): Promise<{ report: FsckReport; findings: LogFinding[] }> {
  const findings: LogFinding[] = []
  const watch = logWatch({}, (finding) => findings.push(finding))
  const rounds = roundsOf(stored)
  const tree = createFrontier()
  let next = 0
  const report = await verifyLog(stored, trust, (leaf, index) => {
    const leafHash = hashLeaf(encodeLeaf(leaf))
    watch.leaf({ ...leaf, index, leafHash, addendum: addendumOf(stored, leaf) })
    tree.append(leafHash)
    for (let round = rounds[next]; round?.treeSize === BigInt(index + 1); round = rounds[++next]) {
      watch.checkpoint(round)
      // What the leaves give is the other word about this size.
      watch.checkpoint({ ...round, rootHash: tree.root() })
    }
  })
  return { report, findings }
}

const roundsOf = (stored: StoredLog) => stored.rounds().map((note) => parseCheckpoint(parseNote(note).text))

function addendumOf(stored: StoredLog, { addendumDigest }: Leaf): LogEntry['addendum'] {
  const bytes = addendumDigest && stored.addendum(addendumDigest)
  if (bytes === undefined) return undefined
  try {
    return decode(Addendum, bytes)
  } catch (error) {
    // What nobody can read says nothing; the leaf stands without it.
    if (isPacketError(error)) return undefined
    throw error
  }
}

function print({ terminal, json }: Call, report: FsckReport, findings: readonly LogFinding[]): void {
  const { entries } = report
  const damage = report.findings.map(({ where, what }) => ({ where, what }))
  if (json) {
    terminal.out(toJson({ format: 'weave-log-audit/1', entries, damage, findings }))
    return
  }
  const { green, red, yellow } = terminal.outColours
  const word = damage.length > 0 ? red('DAMAGED') : findings.length > 0 ? yellow('FINDINGS') : green('SOUND')
  terminal.out(`${word}  ${entries} leaves, ${damage.length} damages, ${findings.length} findings\n`)
  terminal.out(
    columns(
      damage.map(({ where, what }) => [printable(where), printable(what)]),
      '  ',
    ),
  )
  terminal.out(
    columns(
      findings.map(({ id, severity, atMs, message }) => [
        id,
        `severity ${severity}`,
        new Date(atMs).toISOString(),
        printable(message),
      ]),
      '  ',
    ),
  )
}

/**
 * `weave verify`: a saved answer, a receipt or an evaluation, checked with nothing but a trust file.
 *
 * @module
 */
import { decode, SignedDocument } from '@mystranet/schemas/messages'
import { examine } from '@mystranet/sdk'
import { fromUtf8, toHex } from '@mystranet/sdk/bytes'
import { isPacketError } from '@mystranet/sdk/errors'
import { importReceipt, parseReceipt, type Receipt, verifyReceipt } from '@mystranet/sdk/proof/receipt'
import { savedAnswerFromJson } from '@mystranet/sdk/proof/saved-answer-json'
import type { TrustFile } from '@mystranet/sdk/proof/trust-file'
import { type Call, type Command, toJson } from '../command.ts'
import { evaluationText, judgedEvaluation } from '../eval/judged.ts'
import { EXIT_CODES, exitCodeOfStatus, UsageError } from '../exit.ts'
import { readGiven, readTrust } from '../session.ts'
import { printable } from '../terminal.ts'
import { checkTable, verdictDocument, verdictLine, verdictText } from '../verdict.ts'

export const verifyFile: Command = {
  name: 'verify',
  summary:
    'Check a saved answer (.weave or its JSON), a receipt (.tlog-proof or binary) or an evaluation (weave eval). Needs no network and no key.',
  usage: ['FILE [--trust FILE|NAME]'],
  settings: ['trust', 'state'],
  flags: { text: { type: 'boolean', about: 'Print the answer too: only what is proven.' } },
  examples: [
    ['weave verify answer.weave', 'under the local trust file'],
    ['weave verify answer.weave --trust house.trust --text', 'under another, with the text'],
    ['weave verify receipt.tlog-proof --json', 'a receipt, for a script'],
  ],
  async run(call) {
    const [file, ...rest] = call.args
    if (file === undefined || rest.length > 0)
      throw new UsageError(['weave verify takes one file. See weave verify --help.'])
    const trust = await readTrust(call.config)
    const bytes = await readGiven(file)
    if (isDocument(bytes)) return judgeEvaluation(call, bytes, trust)
    const receipt = receiptOf(bytes)
    return receipt instanceof Uint8Array ? judgeAnswer(call, receipt, trust) : judgeReceipt(call, receipt, trust)
  },
}

const PROOF_MAGIC = 'c2sp.org/tlog-proof@'

/** The receipt that a file holds; or its bytes, when it holds none. A receipt's first byte is none of a saved answer's. */
function receiptOf(bytes: Uint8Array): (() => Receipt) | Uint8Array {
  if (new TextDecoder().decode(bytes.subarray(0, PROOF_MAGIC.length)) === PROOF_MAGIC) return () => importReceipt(bytes)
  return bytes[0] === RECEIPT_FIRST_BYTE ? () => parseReceipt(bytes) : bytes
}

/** A signed document: no receipt has a key and a signature of these lengths in these places. */
function isDocument(bytes: Uint8Array): boolean {
  try {
    decode(SignedDocument, bytes.slice())
    return true
  } catch {
    return false
  }
}

/** Field 1 as bytes; a saved answer begins with field 1 as a number. */
const RECEIPT_FIRST_BYTE = 0x0a

async function judgeAnswer({ terminal, json, flags }: Call, bytes: Uint8Array, trust: TrustFile): Promise<number> {
  const saved = isJson(bytes) ? answerOfJson(bytes) : bytes
  const verdict = await examine(saved, trust)
  if (json) terminal.out(toJson(verdictDocument(verdict)))
  else {
    if (flags['text'] === true && verdict.answer) terminal.out(`${printable(verdict.answer.text)}\n\n`)
    terminal.out(verdictText(verdict, terminal.outColours))
  }
  return exitCodeOfStatus(verdict.status)
}

/** The one document that is kept in a file of its own: what `weave eval` signed. */
async function judgeEvaluation({ terminal, json }: Call, bytes: Uint8Array, trust: TrustFile): Promise<number> {
  const { status, line, checks, evaluation } = await judgedEvaluation(bytes, trust)
  if (json) terminal.out(toJson({ status, line, trustName: trust.name, checks, evaluation }))
  else {
    terminal.out(`${verdictLine({ status, line }, terminal.outColours)}\n${checkTable(checks, terminal.outColours)}`)
    if (evaluation) terminal.out(`\n${evaluationText(evaluation)}`)
  }
  return exitCodeOfStatus(status)
}

const isJson = (bytes: Uint8Array) => /^\s*\{/.test(new TextDecoder().decode(bytes.subarray(0, 64)))

/** JSON that does not read is judged as it lies there: it gives FAILED, and not a fault of the command line. */
function answerOfJson(bytes: Uint8Array) {
  try {
    return savedAnswerFromJson(fromUtf8(bytes))
  } catch {
    return bytes
  }
}

async function judgeReceipt({ terminal, json }: Call, read: () => Receipt, trust: TrustFile): Promise<number> {
  const name = JSON.stringify(trust.name)
  try {
    const { leaf, addendum, leafIndex: index, quorumTimeMs } = await verifyReceipt(read(), trust)
    const line = `VERIFIED under ${name}`
    const subject = toHex(leaf.subject)
    const at = new Date(leaf.timeMs).toISOString()
    const seen = new Date(quorumTimeMs).toISOString()
    if (json) {
      const { kind, attempt } = leaf
      terminal.out(
        toJson({ status: 'VERIFIED', line, trustName: trust.name, kind, subject, attempt, index, at, seen, addendum }),
      )
      return EXIT_CODES.ok.code
    }
    terminal.out(`${verdictLine({ status: 'VERIFIED', line }, terminal.outColours)}\n`)
    const row = (check: string, reason: string) => ({ name: check, result: 'pass' as const, reason, required: true })
    terminal.out(
      checkTable(
        [
          row('leaf', `${leaf.kind}${leaf.attempt > 0 ? `, attempt ${leaf.attempt}` : ''}, about ${subject}`),
          row('addendum', addendum === undefined ? 'none, and the leaf names none' : 'the one that the leaf names'),
          row('inclusion', `leaf ${index}, logged at ${at}`),
          row('checkpoint', 'signed by a log of the trust file'),
          row('witness-quorum', `satisfied by ${seen}`),
        ],
        terminal.outColours,
      ),
    )
    return EXIT_CODES.ok.code
  } catch (error) {
    if (!isPacketError(error)) throw error
    const line = `FAILED under ${name}`
    const checks = [
      { name: 'receipt', result: 'fail' as const, reason: `${error.code}: ${error.message}`, required: true },
    ]
    if (json) terminal.out(toJson({ status: 'FAILED', line, trustName: trust.name, checks }))
    else
      terminal.out(
        `${verdictLine({ status: 'FAILED', line }, terminal.outColours)}\n${checkTable(checks, terminal.outColours)}`,
      )
    return EXIT_CODES.failed.code
  }
}

/**
 * How a verdict reads in a terminal and as JSON.
 *
 * @module
 */
import type { Verdict } from '@mystranet/sdk'
import { toHex } from '@mystranet/sdk/bytes'
import { type Colours, columns, printable, wrap } from './terminal.ts'

const MARKS = { pass: '✓', fail: '✗', skipped: '–' } as const
const PAINT = { pass: 'green', fail: 'red', skipped: 'yellow' } as const
const STATUS_PAINT = { VERIFIED: 'green', PARTIAL: 'yellow', FAILED: 'red' } as const
const REASON_WIDTH = 76

interface Row {
  readonly name: string
  readonly result: 'pass' | 'fail' | 'skipped'
  readonly reason: string
  readonly required: boolean
}

/** The line of the verdict, in its colour. */
export const verdictLine = ({ status, line }: Pick<Verdict, 'status' | 'line'>, colours: Colours): string =>
  colours.bold(colours[STATUS_PAINT[status]](printable(line)))

/** Every check as one row of an aligned table; long reasons go on below. */
export function checkTable(checks: readonly Row[], colours: Colours): string {
  const rows = checks.flatMap(({ name, result, reason, required }) => {
    const note = `${result === 'pass' || required ? '' : '(not required) '}${printable(reason).replaceAll('\n', ' ')}`
    const [first = '', ...rest] = wrap(note, REASON_WIDTH)
    const paint = result === 'skipped' && !required ? colours.dim : colours[PAINT[result]]
    return [
      [paint(MARKS[result]), name, paint(result), colours.dim(first)],
      ...rest.map((line) => ['', '', '', colours.dim(line)]),
    ]
  })
  return columns(rows, '  ')
}

/** The verdict's line and its table. */
export const verdictText = (verdict: Verdict, colours: Colours): string =>
  `${verdictLine(verdict, colours)}\n${checkTable(verdict.checks, colours)}`

/** What `--json` shows of a verdict. */
export function verdictDocument({ status, line, trustName, firstUse, checks, request, answer }: Verdict) {
  return {
    status,
    line,
    trustName,
    firstUse,
    checks,
    request: request && {
      packetId: toHex(request.packetId),
      sender: request.sender,
      target: request.target,
      createdMs: request.createdMs,
      messages: request.messages?.map(({ role, content }) => ({ role, content })),
    },
    answer: answer && {
      text: answer.text,
      finish: answer.finish,
      isComplete: answer.isComplete,
      attempt: answer.attempt,
      openId: toHex(answer.openId),
      closeId: toHex(answer.closeId),
      usage: answer.usage,
      agent: answer.agent,
      model: answer.model,
    },
  }
}

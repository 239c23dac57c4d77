/**
 * Vectors of saved answers, each with a trust file and the verdict, check by check.
 *
 * @module
 */
import { fromUtf8, toBase64 } from '../../src/bytes.ts'
import { examine, type Verdict } from '../../src/proof/examine.ts'
import { storyFixture } from '../../src/proof/fixture.ts'
import { encodeSavedAnswer } from '../../src/proof/saved-answer.ts'
import { encodeTrustFile, parseTrustFile } from '../../src/proof/trust-file.ts'
import { TALES, type Tale } from './twist.ts'

const named = ({ checks }: Verdict, result: string): string[] =>
  checks.filter((row) => row.result === result).map(({ name }) => name)

/** The verdict must be the one that the tale says: an error in the code must not become the expectation. */
function hold(tale: Tale, verdict: Verdict): void {
  const [fails, skips] = [named(verdict, 'fail'), named(verdict, 'skipped')]
  const builtOn = verdict.checks.filter(({ reason }) => /^builds on /.test(reason)).map(({ name }) => name as string)
  const unforeseen = skips.filter((name) => !tale.skips?.includes(name as never) && !builtOn.includes(name))
  const right =
    verdict.status === tale.status &&
    `${fails}` === `${tale.fails ?? []}` &&
    (tale.skips ?? []).every((name) => skips.includes(name)) &&
    (unforeseen.length === 0 || fails.length > 0)
  if (!right) {
    throw new Error(
      `Cannot publish "${tale.name}": ${verdict.status}, fails ${fails}, skips ${skips}, wanted ${tale.status}, ${tale.fails}, ${tale.skips}`,
    )
  }
}

/** A code is said where a check failed by a refusal; reasons are for people and are no part of the vectors. */
const codeOf = (reason: string): string | undefined => /^([A-Z][A-Z_]+): /.exec(reason)?.[1]

export async function savedAnswers() {
  const trustFiles: string[] = []
  const savedAnswersBase64: string[] = []
  const answers = []
  for (const tale of TALES) {
    const { saved, trust } = await storyFixture(tale.twist)
    const text = fromUtf8(encodeTrustFile(trust))
    const verdict = await examine(encodeSavedAnswer(saved), parseTrustFile(encodeTrustFile(trust)))
    hold(tale, verdict)
    const bytes = toBase64(encodeSavedAnswer(saved))
    if (!trustFiles.includes(text)) trustFiles.push(text)
    if (!savedAnswersBase64.includes(bytes)) savedAnswersBase64.push(bytes)
    answers.push({
      name: tale.name,
      savedAnswer: savedAnswersBase64.indexOf(bytes),
      trustFile: trustFiles.indexOf(text),
      status: verdict.status,
      line: verdict.line,
      checks: Object.fromEntries(verdict.checks.map(({ name, result }) => [name, result])),
      codes: Object.fromEntries(
        verdict.checks.flatMap(({ name, result, reason }) =>
          result === 'fail' && codeOf(reason) ? [[name, codeOf(reason)]] : [],
        ),
      ) as Record<string, string>,
      required: verdict.checks.filter(({ required }) => required).map(({ name }) => name),
      ...(verdict.answer && { text: verdict.answer.text, finish: verdict.answer.finish }),
    })
  }
  return {
    about: 'Saved answers and their verdicts under a trust file, check by check (protocol §13).',
    trustFiles,
    savedAnswersBase64,
    answers,
  }
}

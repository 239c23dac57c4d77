/**
 * Examines a saved answer under a trust file, both from disk, and shows the verdict check by check. Text is shown only once
 * it is verified. No request is made, no key is needed.
 */
import { examine, parseTrustFile } from '@mystranet/sdk/verify'

const at = <E extends HTMLElement = HTMLElement>(id: string) => document.getElementById(id) as E
const answer = at<HTMLInputElement>('answer')
const trust = at<HTMLInputElement>('trust')

async function show(): Promise<void> {
  const [answerFile, trustFile] = [answer.files?.[0], trust.files?.[0]]
  if (answerFile === undefined || trustFile === undefined) return
  const bytes = async (file: File) => new Uint8Array(await file.arrayBuffer())
  const [saved, trusted] = await Promise.all([bytes(answerFile), bytes(trustFile)])
  const { line, status, checks, answer: read } = await examine(saved, parseTrustFile(trusted))
  at('line').textContent = line
  at('checks').replaceChildren(
    ...checks.map(({ name, result, reason }) => {
      const row = document.createElement('tr')
      for (const text of [name, result, reason]) row.insertCell().textContent = text
      return row
    }),
  )
  at('text').textContent = status === 'VERIFIED' ? (read?.text ?? '') : ''
}

for (const input of [answer, trust]) {
  input.addEventListener('change', () => {
    show().catch((error: unknown) => {
      at('line').textContent = String(error)
    })
  })
}

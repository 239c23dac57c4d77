/**
 * The verifier page: takes files, shows the verdict. It makes no request; the policy in its markup allows none.
 *
 * @module
 */
import { formatInstanceId } from '@mystranet/sdk/keys/name'
import { parseTrustFile, type TrustFile } from '@mystranet/sdk/verify'
import { element, part } from '../parts/element.ts'
import { banner, checkTable, type Fact, factList, verdictView, when } from '../parts/verdict.ts'
import { type Judged, judge, kindOf } from './evidence.ts'
import type { ReceiptVerdict } from './receipt.ts'
import { selfTest } from './self-test.ts'

/** More than any file that it reads may have. */
const MAX_FILE_BYTES = 32 << 20

const problem = part('problem')
const result = part('result')
const firstUse = part<HTMLInputElement>('first-use')
const pasted = part<HTMLTextAreaElement>('pasted')

let evidence: Uint8Array | undefined
let trustBytes: Uint8Array | undefined
/** Counts what was shown: an examination that a later one has overtaken is not shown any more. */
let turn = 0

const tested = selfTest().then((fault) => {
  part('self-test').textContent =
    `Self-test: ${fault ?? 'SHA-256 and Ed25519 (WebCrypto) gave the published results, and a known answer its verdict'}.`
  return fault
})

function complain(text: string | undefined): void {
  problem.hidden = text === undefined
  problem.textContent = text ?? ''
}

function fill(slot: 'evidence' | 'trust', text: string): void {
  part(`${slot}-slot`).classList.add('full')
  part(`${slot}-name`).textContent = text
}

/** Bytes from outside: what they are is told by how they begin. */
function take(bytes: Uint8Array, name: string): void {
  complain(undefined)
  const kind = kindOf(bytes)
  if (kind === 'trust') trustBytes = bytes
  else evidence = bytes
  const what = { trust: 'Trust file', receipt: 'Receipt', json: 'Saved answer, JSON', weave: 'Saved answer' }[kind]
  fill(kind === 'trust' ? 'trust' : 'evidence', `${what}: ${name}, ${bytes.length.toLocaleString()} bytes`)
}

async function takeFiles(files: Iterable<File>): Promise<void> {
  for (const file of files) {
    if (file.size > MAX_FILE_BYTES)
      return complain(`Cannot read ${file.name}: ${file.size} bytes, which no such file has`)
    take(new Uint8Array(await file.arrayBuffer()), file.name)
  }
  await show()
}

async function show(): Promise<void> {
  const mine = ++turn
  result.hidden = true
  const fault = await tested
  if (fault) return complain(`No verdict here: ${fault}.`)
  if (mine !== turn) return
  try {
    const trust = trustBytes && parseTrustFile(trustBytes, { firstUse: firstUse.checked })
    if (trust)
      fill(
        'trust',
        `“${trust.name}”${trust.firstUse ? ', first use' : ''}: ${trust.policy.witnesses.length} witnesses, quorum ${trust.policy.quorum}`,
      )
    if (!evidence || !trust) return
    const judged = await judge(evidence, trust)
    if (mine !== turn) return
    result.replaceChildren(viewOf(judged, trust))
    result.setAttribute('aria-label', `Verdict: ${judged.verdict.status} under “${trust.name}”`)
    result.hidden = false
    result.focus()
  } catch (error) {
    if (mine === turn) complain((error as Error).message)
  }
}

const viewOf = (judged: Judged, trust: TrustFile): Node =>
  judged.kind === 'answer' ? verdictView(judged.verdict) : receiptView(judged.verdict, trust)

function receiptView(verdict: ReceiptVerdict, { policy }: TrustFile): Node {
  const { checks, logged } = verdict
  const facts: Fact[] = []
  if (logged) {
    const { leaf, addendum, leafIndex, checkpoint, quorumTimeMs } = logged
    const names = checkpoint.cosigners.map(({ keyName }) => keyName).join(', ')
    facts.push(
      ['Logged', leaf.kind],
      ['Log', checkpoint.origin],
      ['Index of the leaf', `${leafIndex}, in a tree of ${checkpoint.treeSize}`],
      ['Time of the leaf', when(leaf.timeMs)],
      ['Quorum by', policy.quorum === 'none' ? 'the trust file asks for none' : when(quorumTimeMs)],
      ['Cosigned by', names],
      ['Attempt', leaf.attempt || undefined],
      ['Sender', addendum?.sender && formatInstanceId(addendum.sender)],
      ['Given to', addendum?.decision?.agent && formatInstanceId(addendum.decision.agent)],
      ['About (packet id or digest)', leaf.subject],
      ['Commitment or table digest', leaf.commitment],
    )
  }
  const note = 'A receipt proves that this was logged, and by when. It does not hold the words.'
  return element('div', {}, banner(verdict), factList(facts), element('p', { class: 'soft' }, note), checkTable(checks))
}

for (const slot of ['evidence', 'trust']) {
  const input = part<HTMLInputElement>(slot)
  input.addEventListener('change', () => void takeFiles(input.files ?? []))
}
firstUse.addEventListener('change', () => void show())
part('read-pasted').addEventListener('click', () => {
  take(new TextEncoder().encode(pasted.value), 'pasted')
  void show()
})

addEventListener('dragover', (event) => {
  event.preventDefault()
  document.body.classList.add('over')
})
addEventListener('dragleave', (event) => {
  if (event.relatedTarget === null) document.body.classList.remove('over')
})
addEventListener('drop', (event) => {
  event.preventDefault()
  document.body.classList.remove('over')
  void takeFiles(event.dataTransfer?.files ?? [])
})

if (location.protocol !== 'file:') {
  const served = part('served')
  served.className = 'notice bad'
  served.textContent = `${location.host} serves you this page. A page that a router serves proves nothing about that router: for a verdict that counts, use your own copy.`
  served.hidden = false
}

void show()

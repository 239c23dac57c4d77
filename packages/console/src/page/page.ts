/**
 * The page that `weave up` serves: ask, watch, verify, keep.
 *
 * @module
 */
import { type Answer, formatInstanceId, isPacketError } from '@mystranet/sdk'
import { element, part } from '../parts/element.ts'
import { verdictView } from '../parts/verdict.ts'
import { type Connection, connect, wantsInvite } from './connect.ts'
import { offerTags, readQuestion } from './form.ts'
import { type Progress, showProgress } from './progress.ts'

const form = part<HTMLFormElement>('ask')
const problem = part('problem')
const send = part<HTMLButtonElement>('send')
const stop = part<HTMLButtonElement>('stop')
const invite = part<HTMLInputElement>('invite')
const keep = part<HTMLInputElement>('keep')
const ownTrust = part<HTMLInputElement>('trust')

let connection: Connection | undefined
let answer: Answer | undefined

const FATES: Readonly<Record<string, string>> = {
  nothing: 'Nothing was logged or run.',
  unknown: 'It may be in the log.',
  logged: 'It is in the log; nothing ran.',
  ran: 'The model ran on it, at least in part.',
  kept: 'What was received stays as evidence.',
}

function complain(error: unknown): void {
  const text = isPacketError(error)
    ? `${error.code}: ${error.message}. ${FATES[error.fate] ?? ''}`
    : (error as Error | undefined)?.message
  problem.hidden = error === undefined
  problem.textContent = text ?? ''
}

async function ask({ client, enrol }: Connection): Promise<void> {
  const question = readQuestion()
  complain(undefined)
  part('verdict').hidden = true
  const progress = showProgress(question.messages[0]!.content)
  try {
    progress.note('Making this browser known to the router …')
    await enrol(invite.value || undefined)
    part('invite-field').hidden = true
    progress.note('')
    answer = client.ask(question)
    stop.hidden = false
    answer.packetId.then(
      () => progress.at('In the log'),
      () => {},
    )
    await watch(answer, progress)
    progress.at('Checked')
    await conclude(answer)
    progress.end(true)
  } catch (error) {
    progress.end(false)
    complain(error)
    if (wantsInvite(error)) askForInvite()
  } finally {
    answer = undefined
    stop.hidden = true
  }
}

async function watch(answer: Answer, progress: Progress): Promise<void> {
  for await (const event of answer.events()) {
    if (event.type === 'progress') {
      if (event.text === 'accepted') progress.at('Accepted')
      else progress.note(`The router says: ${event.text}`)
    } else if (event.type === 'open') {
      progress.at('Answering')
      progress.note(`${formatInstanceId(event.agent)} answers${event.attempt > 1 ? `, attempt ${event.attempt}` : ''}`)
    } else if (event.type === 'text') progress.add(event.text)
    else if (event.type === 'close') {
      progress.at('Complete')
      progress.note('Waiting for the last receipt of the log …')
    }
  }
}

/** Shows what came of the very bytes that the user may save, and of the log that this browser has seen before. */
async function conclude(answer: Answer): Promise<void> {
  const [saved, verdict] = await Promise.all([answer.saved, answer.examined()])
  const card = part('verdict')
  part('judged').replaceChildren(verdictView(verdict))
  // What was streamed makes room for what was verified: the same words, or none.
  part('answer').hidden = true
  offerDownload(
    'save',
    'Save the answer',
    saved,
    `answer-${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}.weave`,
  )
  card.setAttribute('aria-label', `Verdict: ${verdict.line}`)
  card.hidden = false
  card.focus()
}

function offerDownload(id: string, what: string, bytes: Uint8Array<ArrayBuffer>, download: string): void {
  const place = part(id)
  const before = place.querySelector('a')
  if (before) URL.revokeObjectURL(before.href)
  const href = URL.createObjectURL(new Blob([bytes], { type: 'application/octet-stream' }))
  place.replaceChildren(element('a', { class: 'button', href, download }, what))
}

function askForInvite(): void {
  part('invite-field').hidden = false
  invite.focus()
}

async function begin(trustFile?: Uint8Array<ArrayBuffer>): Promise<void> {
  complain(undefined)
  try {
    const made = await connect(trustFile)
    connection = made
    show(made)
    offerTags(await made.tags())
    send.disabled = part<HTMLSelectElement>('to').value === ''
  } catch (error) {
    send.disabled = true
    complain(error)
  }
}

function show({ identity, trust, trustBytes, isKept, canKeep }: Connection): void {
  part('instance').textContent = formatInstanceId(identity.instance)
  part('trust-name').textContent =
    `“${trust.name}”${trust.firstUse ? ', first use: it came from this router' : ', yours'}`
  keep.checked = isKept
  keep.disabled = !canKeep
  showKept(isKept)
  offerDownload(
    'save-trust',
    'Save the trust file',
    trustBytes,
    `${trust.name.replace(/[^A-Za-z0-9._-]+/g, '-')}.trust`,
  )
}

const showKept = (isKept: boolean) => {
  part('keys-note').textContent = isKept
    ? 'Its keys are kept in this browser, which does not give them out.'
    : 'Its keys were made in this page and never leave it. They end with this page.'
}

form.addEventListener('submit', (event) => {
  event.preventDefault()
  if (!connection || send.disabled) return
  send.disabled = true
  void ask(connection).finally(() => (send.disabled = false))
})
form.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit()
})
stop.addEventListener('click', () => void answer?.cancel().catch(complain))
keep.addEventListener('change', () => {
  connection?.keep(keep.checked).then(() => showKept(keep.checked), complain)
})
ownTrust.addEventListener('change', async () => {
  const file = ownTrust.files?.[0]
  if (file) await begin(new Uint8Array(await file.arrayBuffer()))
})

// The invite is a secret of one use: out of the address bar, and never in a request.
const fragment = new URLSearchParams(location.hash.slice(1))
invite.value = fragment.get('invite') ?? ''
if (location.hash !== '') history.replaceState(null, '', location.pathname)

void begin()

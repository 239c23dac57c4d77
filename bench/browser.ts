/**
 * What the page costs: how much a browser loads, and how long it verifies. Chromium is that of `WEAVE_CHROMIUM`, else
 * /usr/bin/chromium; without one the two rows about time are not measured.
 *
 * `sdk.bundle.verifier` is the verifier alone, gzipped: `examine()` with its 22 checks and every reason, and
 * `parseTrustFile()`, built as verifier.html builds them, without that file's page. Its note has the whole script, and the
 * same two functions as any page loads them from the SDK. `sdk.bundle.all` is what has to be there before the SDK's index
 * runs, each chunk gzipped by itself.
 *
 * The times are from bytes to verdict, in a page that has done its self-test as verifier.html does when it is opened: a
 * file is dropped after that.
 *
 *   node --conditions=@mystranet/source bench/browser.ts
 *
 * @module
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { verifierCore, verifierScript } from '../packages/console/build.ts'
import { bundled, firstLoad, gzipped } from '../packages/console/bundle.ts'
import { launchChromium } from '../packages/console/test/browser.ts'
import { BATCHES, storyFixture } from '../packages/sdk/src/proof/fixture.ts'
import { encodeSavedAnswer } from '../packages/sdk/src/proof/saved-answer.ts'
import { encodeTrustFile } from '../packages/sdk/src/proof/trust-file.ts'
import { type Measured, type Row, rowOf, TABLE } from './table.ts'

const PAGES = 15
const WARM_UPS = 20
const RUNS = 20

/** Counted in three saved answers of `weave up` with SmolLM2-135M. */
const REAL = '10 receipts and 2 checkpoints, under one witness'

const kilobytes = (bytes: number) => Number((bytes / 1000).toFixed(2))
const round = (ms: number) => Number(ms.toPrecision(3))

/** A size is the same each time. */
const size = (bytes: number, note: string): Measured => ({
  value: kilobytes(bytes),
  n: 1,
  min: kilobytes(bytes),
  max: kilobytes(bytes),
  note,
})

function spread(samples: readonly number[], note: string): Measured {
  const sorted = samples.toSorted((a, b) => a - b)
  const at = (index: number) => round(sorted.at(index) as number)
  return { value: at(sorted.length >> 1), n: sorted.length, min: at(0), max: at(-1), note }
}

async function sizes(): Promise<Readonly<Record<string, Measured>>> {
  const verifyAlone = kilobytes(await firstLoad(`export { examine, parseTrustFile } from '@mystranet/sdk/verify'`))
  const script = kilobytes(gzipped(await verifierScript()))
  const asking = kilobytes(await firstLoad(`export { createClient } from '@mystranet/sdk'`))
  // X-Wing beside it, because it takes more of the libraries that they share, as in anybody's build of the SDK.
  const noble = '../sdk/src/adapters/noble'
  const sealing = kilobytes(
    await firstLoad(
      `export * from '${noble}/x25519.ts'; export * from '${noble}/aead.ts'; export const later = () => import('${noble}/x-wing.ts')`,
    ),
  )
  return {
    'sdk.bundle.verifier': size(
      gzipped(await verifierCore()),
      `gzip -9 of examine() and parseTrustFile() as verifier.html has them: Ed25519 of WebCrypto only, no table of refusals; ` +
        `its whole script, page included: ${script} kB; from the SDK, both as a first load: ${verifyAlone} kB`,
    ),
    'sdk.bundle.all': size(
      await firstLoad(`export * from '@mystranet/sdk'`),
      `gzip -9 of each file of the first load; createClient() alone: ${asking} kB; what seals, X25519 and ChaCha20-Poly1305 in JavaScript, ${sealing} kB more, comes with the first question`,
    ),
  }
}

/** What runs in the page: the self-test that the verifier begins with, then once, cold, and then warm. */
const SUBJECT = `
import { examine, parseTrustFile } from '@mystranet/sdk/verify'
import { selfTest } from './src/verifier/self-test.ts'
const ready = selfTest()
const bytes = (base64) => Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))
globalThis.measure = async (saved, trust, warmUps, runs) => {
  const [savedBytes, trustBytes] = [bytes(saved), bytes(trust)]
  const fault = await ready
  if (fault) throw new Error(fault)
  const once = async () => {
    const start = performance.now()
    const { line } = await examine(savedBytes, parseTrustFile(trustBytes))
    const took = performance.now() - start
    if (line !== 'VERIFIED under "local"') throw new Error(line)
    return took
  }
  const cold = await once()
  for (let i = 0; i < warmUps; i++) await once()
  const warm = []
  for (let i = 0; i < runs; i++) warm.push(await once())
  return { cold, warm }
}`

/** Leaves of others between two of the story: proofs as long as in a log of 16,000 leaves, where `weave up` begins with 30. */
const OTHERS = 4_000

/** As answers of `weave up` hold them: request and attempt under one checkpoint, all else under that of CLOSE. */
const OLD = BATCHES[0]!.names
const LOGGED = [
  ...OLD.map((name, i) => ({ names: [name], atMs: BATCHES[0]!.atMs + i })),
  { names: [], others: OTHERS, atMs: BATCHES[0]!.atMs + 5_000 },
  { ...BATCHES[1]!, others: OTHERS },
  { ...BATCHES[2]!, others: OTHERS },
  { ...BATCHES[3]!, others: OTHERS, anew: [...OLD, 'open'] },
]

async function times(pages: number): Promise<Readonly<Record<string, Measured>>> {
  const { saved, trust } = await storyFixture({ batches: LOGGED })
  const given = [encodeSavedAnswer(saved), encodeTrustFile(trust)].map((bytes) => Buffer.from(bytes).toString('base64'))
  const folder = mkdtempSync(join(tmpdir(), 'weave-bench-'))
  const file = join(folder, 'page.html')
  writeFileSync(file, `<!doctype html><meta charset="utf-8"><script type="module">${await bundled(SUBJECT)}</script>`)
  const browser = await launchChromium()
  const [cold, warm]: [number[], number[]] = [[], []]
  try {
    for (let i = 0; i < pages; i++) {
      // A context of its own is a process of its own: nothing is compiled, cached or warmed up in it.
      const context = await browser.newContext()
      const page = await context.newPage()
      await page.goto(pathToFileURL(file).href)
      const call = `measure(${[...given, WARM_UPS, RUNS].map((value) => JSON.stringify(value)).join()})`
      const found = await page.evaluate<{ cold: number; warm: number[] }>(call)
      cold.push(found.cold)
      warm.push(...found.warm)
      await context.close()
    }
    const receipts = receiptsOf(saved)
    const checkpoints = new Set(receipts.map(({ checkpoint }) => Buffer.from(checkpoint).toString('latin1'))).size
    const what =
      `one answer with ${receipts.length} receipts and ${checkpoints} checkpoints under four witnesses, in a log of ${4 * OTHERS} leaves ` +
      `(of an idle \`weave up\`: ${REAL}), Chromium ${browser.version()}`
    return {
      'sdk.browser.verify': spread(warm, `${what}; after ${WARM_UPS} others in the same page`),
      'sdk.browser.verify_cold': spread(
        cold,
        `${what}; the first one in a fresh page after its self-test (published results, one known answer, three changed ones), trust file parsed too`,
      ),
    }
  } finally {
    await browser.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

function receiptsOf(saved: Awaited<ReturnType<typeof storyFixture>>['saved']) {
  const { request, open, close, attempt, routingTableReceipt, modelStatementReceipt, senderKeys, agentKeys } = saved
  const events = [senderKeys, agentKeys].flatMap((chain) => chain?.events ?? [])
  const packets = [request.receipt, open?.receipt, close?.receipt, attempt, routingTableReceipt, modelStatementReceipt]
  return [...packets, ...events.map(({ receipt }) => receipt)].filter((receipt) => receipt !== undefined)
}

/** All four rows. The sizes need no browser, and are there when it is not. */
export async function browser(_options?: unknown, pages = PAGES): Promise<Readonly<Record<string, Measured>>> {
  const found = { ...(await sizes()) }
  try {
    Object.assign(found, await times(pages))
  } catch (error) {
    const note = `not measured: ${error instanceof Error ? error.message.split('\n', 1).join('') : String(error)}`
    const nothing = { value: null, n: 0, min: null, max: null, note }
    Object.assign(found, { 'sdk.browser.verify': nothing, 'sdk.browser.verify_cold': nothing })
  }
  return found
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const found = await browser()
  const lines = TABLE.filter(({ id }) => found[id] !== undefined)
  const printed: Row[] = lines.map((line) => rowOf(line, found[line.id] as Measured))
  for (const row of printed) console.log(JSON.stringify(row))
}

/**
 * A real Chromium for tests and benchmarks. A machine without one fails: a page that nobody opened is not tested.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Starts the Chromium of `WEAVE_CHROMIUM`, else of /usr/bin/chromium, with a fresh profile. */
export async function launchChromium(): Promise<Browser> {
  const executablePath = process.env['WEAVE_CHROMIUM'] ?? '/usr/bin/chromium'
  if (!existsSync(executablePath)) {
    throw new Error(`Cannot test the pages: there is no ${executablePath}, wanted Chromium; name one in WEAVE_CHROMIUM`)
  }
  // playwright makes a fresh --user-data-dir for each launch, and removes it again.
  return chromium.launch({ executablePath, headless: true, args: FLAGS })
}

/** A page, and what it must not have done. */
export interface WatchedPage {
  readonly page: Page
  /** Addresses of all requests. */
  readonly requests: string[]
  /** Violations of the policy, errors of scripts, and whatever was written to the console as an error. */
  readonly faults: string[]
}

/** A page in a context of its own, watched from its first byte. */
export async function watchedPage(browser: Browser, options: BrowserContextOptions = {}): Promise<WatchedPage> {
  const context = await browser.newContext({ locale: 'en-GB', timezoneId: 'UTC', ...options })
  const page = await context.newPage()
  const requests: string[] = []
  const faults: string[] = []
  page.on('request', (request) => requests.push(request.url()))
  page.on('pageerror', (error) => faults.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(message.text())
  })
  return { page, requests, faults }
}

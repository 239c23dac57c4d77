import { readFile } from 'node:fs/promises'
import type { Browser, BrowserContextOptions } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { parseTrustFile } from '../../sdk/src/proof/trust-file.ts'
import { verify } from '../../sdk/src/proof/verify.ts'
import { launchChromium, watchedPage } from './browser.ts'
import { type Script, startScriptedRouter } from './scripted-router.ts'

const INVITE = 'an-invite-of-the-test'
const WORDS = 'Air scatters short waves of light more than long ones.'.split(/(?<= )/)
let browser: Browser

beforeAll(async () => {
  browser = await launchChromium()
})
afterAll(() => browser?.close())

/** The page of a router that says what the script says. It must talk to that router alone, and break no policy. */
async function opened(
  script: Partial<Script> = {},
  { fragment = `#invite=${INVITE}`, ...context }: BrowserContextOptions & { fragment?: string } = {},
) {
  const router = await startScriptedRouter({ words: WORDS, delayMs: 1, invite: INVITE, ...script })
  onTestFinished(() => router.close())
  const watched = await watchedPage(browser, { acceptDownloads: true, ...context })
  const { page, requests, faults } = watched
  onTestFinished(() => page.context().close())
  const load = async (hash = '') => {
    await page.goto('about:blank')
    await page.goto(`${router.url}/${hash}`)
    await page.waitForSelector('#send:enabled')
  }
  await load(fragment)
  return {
    page,
    router,
    load,
    ask: async (question: string) => {
      await page.fill('#question', question)
      await page.click('#send')
    },
    verdict: async () => {
      await page.waitForSelector('#verdict:not([hidden]) .verdict')
      return (await page.textContent('#verdict .verdict'))!
    },
    problem: async () => {
      await page.waitForSelector('#problem:not([hidden])')
      return (await page.textContent('#problem'))!
    },
    quiet: () => {
      expect(requests.filter((url) => !/^(about:|blob:)/.test(url) && !url.startsWith(`${router.url}/`))).toEqual([])
      // A browser reports each 4xx itself; an unknown instance is one.
      expect(faults.filter((fault) => !/status of 40[34]/.test(fault))).toEqual([])
    },
  }
}

describe('the page of weave up', () => {
  it('asks, streams, verifies, and says first use', async () => {
    const { page, ask, verdict, quiet } = await opened()
    await ask('Why is the sky blue?')
    const said = await verdict()
    expect(said).toContain('VERIFIED under “local”')
    expect(said).toContain('First use')
    expect(await page.textContent('#verdict .said.answer .words')).toBe(WORDS.join(''))
    expect(await page.textContent('#verdict')).toContain('Why is the sky blue?')
    expect(await page.textContent('#verdict')).toContain('SmolLM2-135M-Instruct')
    expect(await page.isHidden('#answer')).toBe(true)
    quiet()
  })

  it('keeps the invite out of the address bar and of every address asked for', async () => {
    const { page, ask, verdict } = await opened()
    expect(page.url()).not.toContain(INVITE)
    const seen: string[] = []
    page.on('request', (request) => seen.push(request.url()))
    await ask('Hello?')
    await verdict()
    expect(seen.join(' ')).not.toContain(INVITE)
  })

  it('saves an answer that verifies elsewhere', async () => {
    const { page, router, ask, verdict } = await opened()
    await ask('Why?')
    await verdict()
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save')])
    expect(download.suggestedFilename()).toMatch(/^answer-.*\.weave$/)
    const answer = await verify(
      new Uint8Array(await readFile(await download.path())),
      parseTrustFile(router.world.trustFile),
    )
    expect(answer.text).toBe(WORDS.join(''))
  })

  it('shows text as it comes, and calls it unverified until then', async () => {
    const { page, ask, verdict } = await opened({ delayMs: 150 })
    await ask('Slowly, please.')
    await expect.poll(() => page.textContent('#words')).toContain('Air scatters ')
    expect(await page.textContent('#words')).not.toContain('long ones')
    expect(await page.textContent('#answer h3 >> nth=1')).toContain('not verified yet')
    expect(await page.textContent('#steps .now')).toBe('Answering')
    await verdict()
    // Whole sentences for the ear.
    expect(await page.textContent('#spoken')).toBe(WORDS.join(''))
  })

  it('stops the model, and shows no verdict for what was cut', async () => {
    const { page, router, ask, problem } = await opened({ words: Array(400).fill('and on '), delayMs: 25 })
    await ask('For ever?')
    await expect.poll(() => page.textContent('#words')).toContain('and on')
    await page.click('#stop')
    expect(await problem()).toContain('CANCELLED')
    expect(router.cancelled.size).toBe(1)
    expect(await page.textContent('#unverified')).toContain('cut, not verified')
    expect(await page.isHidden('#verdict')).toBe(true)
    expect(await page.isHidden('#stop')).toBe(true)
  })

  it('asks for an invite when the router wants one, and goes on with it', async () => {
    const { page, ask, problem, verdict } = await opened({}, { fragment: '' })
    await ask('May I?')
    expect(await problem()).toContain('NOT_PERMITTED')
    expect(await page.evaluate(() => document.activeElement!.id)).toBe('invite')
    await page.keyboard.type(INVITE)
    await page.keyboard.press('Enter')
    expect(await verdict()).toContain('VERIFIED')
  })

  it('forgets its keys with the page, unless it is asked to keep them', async () => {
    const { page, load, ask, verdict } = await opened()
    const instance = () => page.textContent('#instance')
    const first = await instance()
    await load(`#invite=${INVITE}`)
    const second = await instance()
    expect(second).not.toBe(first)
    await page.click('.keys summary')
    await page.check('#keep')
    await expect.poll(() => page.textContent('#keys-note')).toContain('are kept')
    await ask('Who am I?')
    await verdict()
    await load()
    expect(await instance()).toBe(second)
    // Known already: no invite, and a packet key of this page's own.
    await ask('And now?')
    expect(await verdict()).toContain('VERIFIED')
    await page.click('.keys summary')
    await page.uncheck('#keep')
    await expect.poll(() => page.textContent('#keys-note')).toContain('end with this page')
    await load()
    expect(await instance()).not.toBe(second)
  })

  it('judges by a trust file of the user, which is no first use', async () => {
    const { page, router, ask, verdict } = await opened()
    await page.click('.keys summary')
    const buffer = Buffer.from(router.world.trustFile)
    await page.setInputFiles('#trust', { name: 'mine.trust', mimeType: 'text/plain', buffer })
    await expect.poll(() => page.textContent('#trust-name')).toContain('yours')
    await ask('Whom do I believe?')
    const said = await verdict()
    expect(said).toContain('VERIFIED under “local”')
    expect(said).not.toContain('First use')
  })

  it('is usable by the keyboard alone', async () => {
    const { page, verdict } = await opened()
    const focus = () => page.evaluate(() => document.activeElement!.id)
    for (let presses = 0; (await focus()) !== 'question' && presses < 9; presses++) await page.keyboard.press('Tab')
    await page.keyboard.type('Without a mouse?')
    for (const id of ['to', 'send']) {
      await page.keyboard.press('Tab')
      expect(await focus()).toBe(id)
      expect(await page.evaluate(() => getComputedStyle(document.activeElement!).outlineStyle)).toBe('solid')
    }
    await page.keyboard.press('Enter')
    expect(await verdict()).toContain('VERIFIED')
    expect(await focus()).toBe('verdict')
  })

  it('fits a narrow screen without a sideways scroll', async () => {
    const { page, ask, verdict } = await opened({}, { viewport: { width: 360, height: 740 } })
    await ask('Small?')
    await verdict()
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360)
  })

  it('stands still for those who want no motion', async () => {
    const { page, ask } = await opened({ words: Array(200).fill('slow '), delayMs: 30 }, { reducedMotion: 'reduce' })
    await ask('Quiet?')
    await page.waitForSelector('#steps .now')
    const moving = () =>
      page.evaluate(() => getComputedStyle(document.querySelector('#steps .now')!, '::before').animationName)
    expect(await moving()).toBe('none')
    await page.emulateMedia({ reducedMotion: 'no-preference' })
    expect(await moving()).toBe('breathe')
  })
})

describe('what the server sends', () => {
  it('carries a strict policy in header and markup, for page and verifier', async () => {
    const { router } = await opened()
    for (const path of ['/', '/verifier.html']) {
      const response = await fetch(router.url + path)
      const header = response.headers.get('content-security-policy')!
      const inMarkup = /Security-Policy" content="([^"]+)"/.exec(await response.text())![1]
      expect(header).toBe(`${inMarkup}; frame-ancestors 'none'`)
      expect(header).toMatch(/^default-src 'none'; script-src '(self|sha256-[A-Za-z0-9+/=]{44})';/)
      expect(header).not.toMatch(/unsafe|\*|https?:/)
      expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    }
  })

  it('publishes the digest of the very file that it serves', async () => {
    const { router } = await opened()
    const body = await (await fetch(`${router.url}/verifier.html`)).arrayBuffer()
    const digest = Buffer.from(await crypto.subtle.digest('SHA-256', body)).toString('hex')
    expect(await (await fetch(`${router.url}/verifier.html.sha256`)).text()).toBe(`${digest}  verifier.html\n`)
  })

  it('has an answer only for what it has', async () => {
    const { router } = await opened()
    expect((await fetch(`${router.url}/console/../../package.json`)).status).toBe(404)
    expect((await fetch(`${router.url}/`, { method: 'POST' })).status).toBe(404)
    const head = await fetch(`${router.url}/console/page.js`, { method: 'HEAD' })
    expect([head.status, (await head.arrayBuffer()).byteLength]).toEqual([200, 0])
  })
})

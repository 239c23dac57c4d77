import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { CHECK_NAMES } from '../../sdk/src/proof/checks/name.ts'
import { type Story, storyFixture } from '../../sdk/src/proof/fixture.ts'
import { createNoteKey, ED25519_TYPE } from '../../sdk/src/proof/note.ts'
import { exportReceipt } from '../../sdk/src/proof/receipt.ts'
import { encodeSavedAnswer } from '../../sdk/src/proof/saved-answer.ts'
import { savedAnswerToJson } from '../../sdk/src/proof/saved-answer-json.ts'
import { encodeTrustFile } from '../../sdk/src/proof/trust-file.ts'
import { buildVerifier } from '../build.ts'
import { launchChromium, watchedPage } from './browser.ts'

const folder = mkdtempSync(join(tmpdir(), 'weave-verifier-'))
const file = (name: string) => join(folder, name)
const address = (name = 'verifier.html') => pathToFileURL(file(name)).href
let browser: Browser
let story: Story
let good: Uint8Array

beforeAll(async () => {
  ;[browser, story] = await Promise.all([launchChromium(), storyFixture()])
  good = encodeSavedAnswer(story.saved)
  const { trust, log, saved, keys } = story

  const files: Record<string, Uint8Array | string> = {
    'verifier.html': await buildVerifier(),
    trust: encodeTrustFile(trust),
    'good.weave': good,
    'good.json': savedAnswerToJson(saved),
    'undisclosed.weave': encodeSavedAnswer({ ...saved, request: { ...saved.request, opening: undefined } }),
    'partial.weave': encodeSavedAnswer({ ...saved, registryEntry: undefined }),
    'attempt.tlog-proof': exportReceipt(log.receipts.get('attempt')!),
    'garbage.weave': 'what is this?',
    'empty.weave': '',
    'broken.json': '{"version": 1, ',
    'other.trust': Buffer.from(
      encodeTrustFile({ ...trust, name: 'other', policy: { ...trust.policy, logs: strangerLogs(trust, keys) } }),
    ),
  }
  for (const [name, bytes] of Object.entries(files)) writeFileSync(file(name), bytes)
})
afterAll(async () => {
  await browser?.close()
  rmSync(folder, { recursive: true, force: true })
})

/** The same log's name under a key that nobody knows. */
function strangerLogs(trust: Story['trust'], keys: Story['keys']) {
  const { keyName } = trust.policy.logs[0]!.key
  return [{ key: createNoteKey(keyName, ED25519_TYPE, keys.stranger.publicKey) }]
}

/** Opens the verifier from disk; whatever happens then, it must have asked for nothing and broken no policy. */
async function opened(
  options: BrowserContextOptions & { page?: string; prepare?: (page: Page) => Promise<unknown> } = {},
) {
  const { page: name, prepare, ...context } = options
  const watched = await watchedPage(browser, context)
  const { page, requests, faults } = watched
  onTestFinished(() => page.context().close())
  await prepare?.(page)
  await page.goto(address(name))
  return {
    ...watched,
    give: async (evidence: string, trust = 'trust') => {
      await page.setInputFiles('#trust', file(trust))
      await page.setInputFiles('#evidence', file(evidence))
    },
    verdict: async () => {
      await page.waitForSelector('#result:not([hidden]) .verdict')
      return (await page.textContent('.verdict strong'))!
    },
    row: async (check: string) => {
      const row = page.locator('tr', { has: page.locator(`th:text-is("${check}")`) })
      return (await row.locator('td').allTextContents()).map((text) => text.trim())
    },
    quiet: () => {
      expect(requests).toEqual([address(name)])
      expect(faults).toEqual([])
    },
  }
}

describe('the verifier, opened from disk', () => {
  it('shows the verdict of a whole story, what was said, who said it, and every check', async () => {
    const { page, give, verdict, row, quiet } = await opened()
    await give('good.weave')
    expect(await verdict()).toBe('VERIFIED under “local”')
    const names = await page.locator('table.checks tbody th').allTextContents()
    expect(names).toEqual([...CHECK_NAMES])
    expect(await row('revocation')).toEqual(['✓ pass', 'asserted by the log', 'required'])
    const text = (await page.textContent('#result'))!
    for (const said of ['What is a weave?', 'Threads that hold each other.', 'tiny.gguf', 'llama.cpp', '3d3d3d3d']) {
      expect(text).toContain(said)
    }
    expect(await page.textContent('#self-test')).toContain('gave the published results')
    quiet()
  })

  it('reads the JSON of a saved answer', async () => {
    const { give, verdict, quiet } = await opened()
    await give('good.json')
    expect(await verdict()).toBe('VERIFIED under “local”')
    quiet()
  })

  it('says FAILED for one changed byte, names the check, and shows no unproven word', async () => {
    const { page, give, verdict, row, quiet } = await opened()
    const at = Buffer.from(good).indexOf('Threads that ')
    const bad = good.slice()
    bad[at] = 'D'.charCodeAt(0)
    writeFileSync(file('bad.weave'), bad)
    await give('bad.weave')
    expect(await verdict()).toBe('FAILED under “local”')
    expect((await row('answer-commitment'))[0]).toBe('✕ fail')
    expect((await row('answer-commitment'))[1]).toContain('COMMITMENT_MISMATCH')
    expect(await page.textContent('#result')).not.toContain('hreads that')
    quiet()
  })

  it('says PARTIAL when something required is not there, and which', async () => {
    const { page, give, verdict } = await opened()
    await give('partial.weave')
    expect(await verdict()).toBe('PARTIAL under “local”')
    expect(await page.textContent('.verdict')).toContain('registry-entry')
  })

  it('shows no question that was not disclosed', async () => {
    const { page, give, verdict } = await opened()
    await give('undisclosed.weave')
    expect(await verdict()).toBe('PARTIAL under “local”')
    expect(await page.textContent('#result')).not.toContain('What is a weave?')
    expect(await page.textContent('#result')).toContain('Not disclosed')
  })

  it('says FAILED under a trust file of another log', async () => {
    const { give, verdict, row } = await opened()
    await give('good.weave', 'other.trust')
    expect(await verdict()).toBe('FAILED under “other”')
    expect((await row('envelope'))[1]).toContain('NETWORK_MISMATCH')
  })

  it('examines a receipt alone', async () => {
    const { page, give, verdict, quiet } = await opened()
    await give('attempt.tlog-proof')
    expect(await verdict()).toBe('VERIFIED under “local”')
    expect(await page.locator('table.checks tbody th').allTextContents()).toEqual([
      'receipt',
      'checkpoint',
      'witness-quorum',
      'inclusion',
    ])
    await give('attempt.tlog-proof', 'other.trust')
    await expect.poll(() => page.textContent('#result .verdict strong')).toBe('FAILED under “other”')
    quiet()
  })

  it.each(['garbage.weave', 'empty.weave'])('says FAILED for %s', async (name) => {
    const { give, verdict, row, quiet } = await opened()
    await give(name)
    expect(await verdict()).toBe('FAILED under “local”')
    expect((await row('envelope'))[0]).toBe('✕ fail')
    quiet()
  })

  it('says why it cannot read broken JSON, and shows no verdict', async () => {
    const { page, give } = await opened()
    await give('broken.json')
    await page.waitForSelector('#problem:not([hidden])')
    expect(await page.textContent('#problem')).toContain('Cannot read the saved answer')
    expect(await page.isHidden('#result')).toBe(true)
  })

  it('says first use when the trust file is from the router', async () => {
    const { page, give, verdict } = await opened()
    await give('good.weave')
    await verdict()
    expect(await page.textContent('.verdict')).not.toContain('First use')
    await page.check('#first-use')
    await expect.poll(() => page.textContent('.verdict')).toContain('First use')
  })

  it('shows markup in an answer as text', async () => {
    const evil = '<img src=x onerror=alert(1)><script>alert(2)</script>'
    const told = await storyFixture({ answer: () => ({ parts: [{ text: evil }] }) })
    writeFileSync(file('evil.weave'), encodeSavedAnswer(told.saved))
    const { page, give, verdict, quiet } = await opened()
    await give('evil.weave')
    expect(await verdict()).toBe('VERIFIED under “local”')
    expect(await page.textContent('.said.answer .words')).toBe(evil)
    expect(await page.locator('img').count()).toBe(0)
    quiet()
  })

  it('takes what is dropped, and what is pasted', async () => {
    const { page, verdict, quiet } = await opened()
    await page.evaluate(
      (text) => {
        const data = new DataTransfer()
        data.items.add(new File([text], 'trust'))
        dispatchEvent(new DragEvent('drop', { dataTransfer: data, cancelable: true }))
      },
      new TextDecoder().decode(encodeTrustFile(story.trust)),
    )
    await page.waitForSelector('#trust-slot.full')
    await page.click('summary')
    await page.fill('#pasted', savedAnswerToJson(story.saved))
    await page.click('#read-pasted')
    expect(await verdict()).toBe('VERIFIED under “local”')
    quiet()
  })

  it('is usable by the keyboard alone', async () => {
    const { page, verdict } = await opened()
    const next = async () => {
      await page.keyboard.press('Tab')
      expect(await page.evaluate(() => getComputedStyle(document.activeElement!).outlineStyle)).toBe('solid')
      return page.evaluate(() => document.activeElement!.id || document.activeElement!.tagName)
    }
    expect(await next()).toBe('evidence')
    const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.keyboard.press('Space')])
    await chooser.setFiles(file('good.weave'))
    await page.waitForSelector('#evidence-slot.full')
    expect([await next(), await next(), await next()]).toEqual(['trust', 'first-use', 'SUMMARY'])
    await page.keyboard.press('Enter')
    expect(await next()).toBe('pasted')
    await page.keyboard.insertText(new TextDecoder().decode(encodeTrustFile(story.trust)))
    expect(await next()).toBe('read-pasted')
    await page.keyboard.press('Enter')
    expect(await verdict()).toBe('VERIFIED under “local”')
    // The verdict has the focus, and says itself what it is.
    expect(await page.evaluate(() => document.activeElement!.getAttribute('aria-label'))).toBe(
      'Verdict: VERIFIED under “local”',
    )
  })

  it('fits a narrow screen without a sideways scroll', async () => {
    const { page, give, verdict } = await opened({ viewport: { width: 360, height: 740 } })
    await give('good.weave')
    await verdict()
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360)
  })

  it('gives no verdict in a browser without Ed25519', async () => {
    const { page, give } = await opened({
      prepare: (page) =>
        page.addInitScript(() => {
          SubtleCrypto.prototype.importKey = () => Promise.reject(new DOMException('no', 'NotSupportedError'))
        }),
    })
    await give('good.weave')
    await page.waitForSelector('#problem:not([hidden])')
    expect(await page.textContent('#problem')).toContain('no Ed25519 in WebCrypto')
    expect(await page.isHidden('#result')).toBe(true)
  })
})

describe('the policy of the verifier', () => {
  it('lets no request out, whoever asks', async () => {
    let hits = 0
    const server = createServer((_, response) => {
      hits++
      response.end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const { page } = await opened()
    const refused = await page.evaluate(async (url) => {
      const seen: string[] = []
      document.addEventListener('securitypolicyviolation', ({ effectiveDirective }) => seen.push(effectiveDirective))
      await fetch(url).catch(() => {})
      await new Promise((done) => {
        const image = new Image()
        image.onerror = done
        image.src = url
      })
      return seen
    }, url)
    expect(refused).toEqual(['connect-src', 'img-src'])
    expect(hits).toBe(0)
  })

  it('runs no script but the one that it names', async () => {
    const html = new TextDecoder().decode(await buildVerifier())
    writeFileSync(
      file('changed.html'),
      html.replace('<script type="module">', '<script type="module">document.title="mine";'),
    )
    const { page, faults } = await opened({ page: 'changed.html' })
    await page.waitForTimeout(300)
    expect(await page.title()).toBe('Weave verifier')
    expect(await page.textContent('#self-test')).toBe('Self-test: running…')
    expect(faults.join()).toContain('Content Security Policy')
  })
})

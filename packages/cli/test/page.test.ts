/** The page that `weave up` serves, in a real browser against the real router, with an answer that goes on to the verifier. */
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launchChromium, watchedPage } from '../../console/test/browser.ts'
import { type Place, place, type Up } from './weave.ts'

let here: Place
let up: Up
let browser: Awaited<ReturnType<typeof launchChromium>>
beforeAll(async () => {
  here = await place({ canary: { pieces: ['ok'] }, '*': { pieces: ['Because', ' of', ' scattering.'] } })
  up = await here.up()
  browser = await launchChromium()
})
afterAll(async () => {
  await browser?.close()
  await here.remove()
})

test('asks by the address that weave up prints, verifies, and saves an answer that weave verify takes', async () => {
  const { page, requests } = await watchedPage(browser, { acceptDownloads: true })
  await page.goto(up.page)
  await page.waitForSelector('#send:enabled')
  expect(page.url()).not.toContain('invite')
  await page.fill('#question', 'Why is the sky blue?')
  await page.click('#send')
  await page.waitForSelector('#verdict:not([hidden]) .verdict')
  expect(await page.textContent('#verdict')).toContain('VERIFIED')
  expect(await page.textContent('body')).toContain('Because of scattering.')
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('text=Save the answer')])
  await download.saveAs(here.path('page.weave'))
  expect((await readFile(here.path('page.weave'))).length).toBeGreaterThan(5_000)
  expect(await here.weave('verify', here.path('page.weave'))).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('VERIFIED under "local"'),
  })
  expect(requests.filter((url) => !url.startsWith(up.url) && !/^(blob|about):/.test(url))).toEqual([])
  await page.context().close()
})

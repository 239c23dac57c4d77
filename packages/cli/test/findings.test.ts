/** The detector's loop on a real `weave up`: what is seen, signed, logged, shown, judged, and what that moves. */
import { writeFile } from 'node:fs/promises'
import type { Observation } from '@mystranet/detector/loop'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ggufFile } from '../../detector/test/gguf-file.ts'
import { askAdmin } from '../src/admin/client.ts'
import type { FindingDocument, FindingsDocument } from '../src/admin/findings.ts'
import { stateFolder } from '../src/state.ts'
import { ended, type Place, place, spawnWeave, type Up, until } from './weave.ts'

let here: Place
let up: Up
beforeAll(async () => {
  here = await place({ canary: { pieces: ['ok'] }, '*': { pieces: ['An answer.'] } })
  up = await here.up()
})
afterAll(() => here.remove())

const observation = (over: Partial<Observation> = {}): Observation => ({
  type: 'flow.syn-flood',
  source: 'destination 192.0.2.1',
  severity: 7,
  confidence: 0.5,
  modelVersion: 'flow-window-1',
  detail: { packets: 64 },
  atMs: Date.now(),
  ...over,
})
const see = (...observations: Observation[]) => askAdmin(stateFolder(here.state), 'POST', '/observations', observations)
const listed = async (...more: string[]) =>
  JSON.parse((await here.weave('findings', 'ls', '--json', ...more)).stdout) as FindingsDocument
const confirmed = async (is: (finding: FindingDocument) => boolean): Promise<FindingDocument> => {
  let found: FindingDocument | undefined
  await until(
    'a finding is confirmed',
    async () => {
      found = (await listed()).findings.find((each) => is(each) && each.state === 'confirmed')
      return found !== undefined
    },
    30_000,
  )
  return found as FindingDocument
}
const metrics = async () => (await fetch(`${up.url}/metrics`)).text()

test('what was seen is signed, published, and confirmed as a leaf; weave findings shows it', async () => {
  await see(observation())
  const { id, leafIndex } = await confirmed(({ type }) => type === 'flow.syn-flood')
  expect(leafIndex).toMatch(/^\d+$/)
  const ls = await here.weave('findings', 'ls')
  expect(ls).toMatchObject({ code: 0, stdout: expect.stringContaining(`leaf ${leafIndex}`) })
  const shown = await here.weave('findings', 'show', id)
  expect(shown.stdout).toMatch(/type\s+flow\.syn-flood/)
  expect(shown.stdout).toContain('"packets": 64')
  expect(shown.code).toBe(0)
  const json = JSON.parse((await here.weave('findings', 'show', id, '--json')).stdout)
  expect(json).toMatchObject({ id, message: { id, severity: 7 }, content: { format: 'weave-incident/1', count: 1 } })
  const text = await metrics()
  expect(text).toMatch(/weave_finding_publish_seconds_count [1-9]/)
  expect(text).toMatch(/weave_finding_pipeline_seconds_count [1-9]/)
  expect(text).toMatch(/weave_findings\{state="confirmed"\} [1-9]/)
}, 60_000)

test('the same thing seen again and again is one finding more, not thousands', async () => {
  const source = 'destination 192.0.2.77'
  await see(...Array.from({ length: 500 }, () => observation({ source })))
  await confirmed((finding) => finding.source === source)
  expect((await listed()).findings.filter((finding) => finding.source === source)).toHaveLength(1)
}, 60_000)

test('an observation that is none is refused', async () => {
  await expect(see(observation({ severity: 11 }))).rejects.toMatchObject({ code: 'DOCUMENT_MALFORMED' })
})

test('usage is told with exit code 2, a finding that is not there with its code', async () => {
  for (const wrong of [['ls', 'x'], ['show'], ['show', 'x'], ['other', 'ab'.repeat(32)], ['ls', '--only', 'x']]) {
    expect((await here.weave('findings', ...wrong)).code).toBe(2)
  }
  const none = await here.weave('findings', 'overrule', 'ab'.repeat(32))
  expect(none.stderr).toContain('there is no such finding')
  expect(none.code).toBe(2)
  expect((await listed('--only', 'dead')).findings).toEqual([])
}, 60_000)

test('a model that is refused becomes a finding, which outlives the weave up that refused it', async () => {
  const other = await place()
  try {
    await writeFile(other.path('broken.gguf'), ggufFile({ version: 9 }))
    const ports = ['--port', '0', '--proxy-port', '0']
    const refused = await ended(
      spawnWeave(['up', '--state', other.state, '--model', other.path('broken.gguf'), ...ports]),
    )
    expect(refused.code).not.toBe(0)
    expect(refused.stderr).toContain('broken.gguf')
    await other.up(['--engine', 'scripted'])
    const found = async () => {
      const { stdout } = await other.weave('findings', 'ls', '--json')
      return (JSON.parse(stdout) as FindingsDocument).findings
    }
    await until('it is in the log', async () => (await found()).some(({ state }) => state === 'confirmed'), 30_000)
    expect(await found()).toMatchObject([{ type: 'gguf.invalid', source: 'broken.gguf', state: 'confirmed' }])
  } finally {
    await other.remove()
  }
}, 90_000)

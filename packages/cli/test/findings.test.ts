/** The detector's loop on a real `weave up`: what is seen, signed, logged, shown, judged, and what that moves. */
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Observation } from '@mystranet/detector/loop'
import { shippedModel } from '@mystranet/detector/model/node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startBroker } from '../../../scripts/broker/server.ts'
import { ggufFile, withTemplate } from '../../detector/test/gguf-file.ts'
import { ethernet, ip4, pcap, tcp } from '../../detector/test/wire.ts'
import { askAdmin } from '../src/admin/client.ts'
import type { DetectorDocument, FindingDocument, FindingsDocument } from '../src/admin/findings.ts'
import { stateFolder } from '../src/state.ts'
import { ended, type Place, place, spawnWeave, type Up, until } from './weave.ts'

let here: Place
let up: Up
beforeAll(async () => {
  here = await place({ canary: { pieces: ['ok'] }, '*': { pieces: ['An answer.'] } })
  // What this weave up was started with.
  await cp(shippedModel('flood'), here.path('good'), { recursive: true })
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
  // A log that is sound gives no cause.
  expect((await listed()).findings.filter(({ type }) => type.startsWith('log.'))).toEqual([])
}, 60_000)

test('the same thing seen again and again is one finding more, not thousands', async () => {
  const source = 'destination 192.0.2.77'
  await see(...Array.from({ length: 500 }, () => observation({ source })))
  await confirmed((finding) => finding.source === source)
  expect((await listed()).findings.filter((finding) => finding.source === source)).toHaveLength(1)
}, 60_000)

/** A SYN flood from addresses of its own each, 1,000 a second, as a capture. */
const synFlood = (packets: number, startS = 1_700_000_000) =>
  pcap(
    Array.from({ length: packets }, (_, i) => ({
      frame: ethernet(
        ip4(tcp({ flags: 2, sourcePort: 1_024 + i }), {
          source: [10, 1, i >> 8, i & 255],
          destination: [192, 0, 2, 5],
        }),
      ),
      seconds: startS + Math.floor(i / 1_000),
      fraction: (i % 1_000) * 1_000,
    })),
  )

test('a flood in a capture that weave collect reads is a finding in the log', async () => {
  await writeFile(here.path('flood.pcap'), synFlood(2_000))
  const collected = await here.weave('collect', '--capture', here.path('flood.pcap'), '--tell')
  expect(collected.stderr).toMatch(/2000 frames, \d+ windows of attacks/)
  expect(collected.code).toBe(0)
  const verdicts = collected.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { subject: string })
  expect(verdicts.some(({ subject }) => subject === '192.0.2.5')).toBe(true)
  const found = await confirmed(({ source }) => source.endsWith(' 192.0.2.5'))
  expect(found.type).toMatch(/^flow\./)
  const missing = await here.weave('collect', '--capture', here.path('none.pcap'))
  expect(missing.stderr).toContain('Cannot read the capture')
  expect(missing.code).toBe(2)
  expect((await here.weave('collect', '--tell')).code).toBe(2)
}, 90_000)

const thresholdsNow = async () =>
  new Map(
    (JSON.parse((await here.weave('detector', 'show', '--json')).stdout) as DetectorDocument).thresholds.map((each) => [
      each.name,
      each,
    ]),
  )

test('an operator’s word moves the threshold behind a finding, within the bounds of the signed manifest', async () => {
  const tunes = 'flood/tcp-flood/fpr-1e-3'
  const before = (await thresholdsNow()).get(tunes)
  if (before === undefined) throw new Error('no such threshold')
  expect(before.at).toBe(before.standard)
  const step = (before.most - before.least) / 20
  const sources = ['a', 'b', 'c']
  await see(...sources.map((source) => observation({ source, tunes, type: 'flow.tcp-flood' })))
  for (const source of sources) {
    const { id } = await confirmed((finding) => finding.source === source)
    expect(await here.weave('findings', 'overrule', id)).toMatchObject({ code: 0, stdout: `overruled ${id}\n` })
  }
  // Three words of one operator in a day are one step, as far as the bound lets it.
  const moved = Math.min(before.standard + step, before.most)
  await until('it moved', async () => (await thresholdsNow()).get(tunes)?.at === moved, 30_000)
  const { id } = await confirmed((finding) => finding.source === 'a')
  await here.weave('findings', 'accept', id)
  const back = Math.min(before.standard + step * 0.5, before.most)
  await until(
    'it moved back',
    async () => Math.abs(((await thresholdsNow()).get(tunes)?.at ?? 0) - back) < 1e-9,
    30_000,
  )
  for (const [name, { at, least, most }] of await thresholdsNow()) {
    expect([name, at >= least && at <= most]).toEqual([name, true])
  }
  const text = await metrics()
  expect(text).toMatch(/weave_feedback_total\{topic="control.evidence.v1",taken="taken"\} 4/)
  expect(text).toMatch(/weave_feedback_total\{topic="control.reputation.v1",taken="taken"\} 4/)
}, 120_000)

test('a new model is verified, tried on live rows, and serves; a changed one is refused, and either is in the log', async () => {
  const good = here.path('good')
  const serving = (JSON.parse((await here.weave('detector', 'show', '--json')).stdout) as DetectorDocument).models
  const version = serving.find(({ id }) => id === 'flood')?.version
  expect(version).toMatch(/^\d+\.\d+\.\d+$/)

  for (const [file, code] of [
    ['manifest.json', 'SIGNATURE_INVALID'],
    ['model.onnx', 'MODEL_DIGEST_MISMATCH'],
  ] as const) {
    const bad = here.path(`bad-${file}`)
    await cp(good, bad, { recursive: true })
    const bytes = await readFile(join(bad, file))
    // In a manifest a digit of the digest, in a graph whatever is there.
    const at = Math.max(bytes.indexOf('onnxSha256') + 20, 20)
    bytes[at] = bytes[at] === 0x30 ? 0x31 : 0x30
    await writeFile(join(bad, file), bytes)
    const refused = await here.weave('detector', 'reload', bad)
    expect(refused.stderr).toContain(code)
    expect(refused.code).toBe(1)
  }
  const { id } = await confirmed(({ type }) => type === 'model.refused')
  expect((await here.weave('findings', 'show', id)).stdout).toMatch(/SIGNATURE_INVALID|MODEL_DIGEST_MISMATCH/)

  expect(await here.weave('detector', 'reload', good)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(`version ${version} in its shadow`),
  })
  await writeFile(here.path('long.pcap'), synFlood(30_000, 1_700_001_000))
  const served = async () =>
    (await listed()).findings.some(({ type, state }) => type === 'serve-model' && state === 'confirmed')
  await until(
    'the new one serves',
    async () => {
      await here.weave('collect', '--capture', here.path('long.pcap'), '--tell')
      return served()
    },
    60_000,
  )
}, 180_000)

test('an observation that is none is refused', async () => {
  await expect(see(observation({ severity: 11 }))).rejects.toMatchObject({ code: 'DOCUMENT_MALFORMED' })
})

test('what weave scan finds, and any signed document, can be told, once each', async () => {
  await writeFile(here.path('odd.gguf'), ggufFile({ pairs: withTemplate("{{ ''.__class__ }}") }))
  for (let i = 0; i < 2; i++) expect((await here.weave('scan', here.path('odd.gguf'), '--tell')).code).toBe(1)
  const found = await confirmed(({ source }) => source === 'odd.gguf')
  expect(found.type).toBe('gguf.suspicious')
  expect((await listed()).findings.filter(({ source }) => source === 'odd.gguf')).toHaveLength(1)
  await writeFile(here.path('m.evaluation'), 'a signed statement')
  const attached = await here.weave('findings', 'attach', here.path('m.evaluation'))
  expect(attached.code).toBe(0)
  const { id, topic, type } = await confirmed(({ source }) => source === 'm.evaluation')
  expect([`${id}\n`, topic, type]).toEqual([attached.stdout, 'ai.evidence.v1', 'evaluation'])
  await writeFile(here.path('large.bin'), new Uint8Array(64 * 1024 + 1))
  expect((await here.weave('findings', 'attach', here.path('large.bin'))).code).toBe(2)
}, 60_000)

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
      return (JSON.parse(stdout) as FindingsDocument).findings.filter(({ type }) => type.startsWith('gguf.'))
    }
    await until('it is in the log', async () => (await found()).some(({ state }) => state === 'confirmed'), 30_000)
    expect(await found()).toMatchObject([{ type: 'gguf.invalid', source: 'broken.gguf', state: 'confirmed' }])
  } finally {
    await other.remove()
  }
}, 90_000)

test('over a broker it is the same: published, confirmed, judged, moved', async () => {
  const broker = await startBroker()
  const other = await place({ canary: { pieces: ['ok'] }, '*': { pieces: ['An answer.'] } })
  try {
    await other.up(['--nats', broker.url])
    await askAdmin(stateFolder(other.state), 'POST', '/observations', [
      observation({ type: 'flow.tcp-flood', tunes: 'flood/tcp-flood/fpr-1e-3' }),
    ])
    const found = async () => {
      const { stdout } = await other.weave('findings', 'ls', '--json')
      return (JSON.parse(stdout) as FindingsDocument).findings.find(({ type }) => type === 'flow.tcp-flood')
    }
    await until('it is confirmed', async () => (await found())?.state === 'confirmed', 30_000)
    const finding = await found()
    expect(await other.weave('findings', 'overrule', finding?.id as string)).toMatchObject({ code: 0 })
    const moved = async () => {
      const { stdout } = await other.weave('detector', 'show', '--json')
      const { thresholds } = JSON.parse(stdout) as DetectorDocument
      const one = thresholds.find(({ name }) => name === 'flood/tcp-flood/fpr-1e-3')
      return one !== undefined && one.at > one.standard && one.at <= one.most
    }
    await until('it moved', moved, 30_000)
  } finally {
    await other.remove()
    await broker.remove()
  }
}, 120_000)

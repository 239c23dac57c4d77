import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { DEMO_MODEL } from '../models/catalogue.ts'
import { pull } from '../models/pull.ts'
import { defaultModelFolder } from '../models/store.ts'
import { loadRuntime } from './llama-runtime.ts'
import { tune } from './llama-threads.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'threads-'))
})
afterEach(() => rm(folder, { recursive: true }))

it('measures once per host and model, and again when its memory is broken', { timeout: 600_000 }, async () => {
  const { path } = await pull(DEMO_MODEL, { cacheDir: defaultModelFolder() })
  const { llama } = await loadRuntime(false)
  const model = await llama.loadModel({ modelPath: path })
  const memory = join(folder, 'threads.json')
  const timed = async () => {
    const startedAt = performance.now()
    return { tuning: await tune(model, 'key', folder), ms: performance.now() - startedAt }
  }
  const measured = await timed()
  expect(measured.tuning.threads).toBeGreaterThanOrEqual(1)
  expect(measured.tuning.threads).toBeLessThanOrEqual(availableParallelism())
  const remembered = await timed()
  expect(remembered.tuning).toEqual(measured.tuning)
  expect(remembered.ms).toBeLessThan(measured.ms / 5)
  const text = await readFile(memory, 'utf8')
  await writeFile(memory, text.replace(/"threads": \d+/, '"threads": 99'))
  expect((await tune(model, 'key', folder)).threads).toBe(99)
  for (const broken of [
    '{',
    text.replace(/"threads": \d+/, '"threads": 0'),
    text.replace(/"threads": \d+/, '"threads": "2"'),
  ]) {
    await writeFile(memory, broken)
    const { threads } = await tune(model, 'key', folder)
    expect(threads).toBeGreaterThanOrEqual(1)
    expect(JSON.parse(await readFile(memory, 'utf8'))).toMatchObject({
      [Object.keys(JSON.parse(text))[0] ?? '']: { threads },
    })
  }
  await model.dispose()
  await llama.dispose()
})

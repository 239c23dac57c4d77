import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { scriptedTarget } from '../../test/scripted-target.ts'
import { openJournalFile } from '../adapters/node/journal-file.ts'
import { createBattery } from './battery.ts'
import { memoryJournal } from './journal.ts'
import { type RunOptions, runBattery } from './run.ts'

const battery = await createBattery({ limit: 2 })
const COUNT = battery.items.length
const run = (over: Partial<RunOptions> = {}) =>
  runBattery({ battery, target: scriptedTarget(), subject: { model: 'm' }, ...over })

it('puts every prompt once, greedily, with its seed and length', async () => {
  const target = scriptedTarget()
  const progress: number[] = []
  const { families, judgements } = await run({ target, maxTokens: 7, onProgress: ({ done }) => progress.push(done) })
  expect(target.requests.map(({ label }) => label)).toEqual(battery.items.map(({ id }) => id))
  expect(target.requests.map(({ sampling }) => sampling)).toEqual(
    battery.items.map(() => ({ temperature: 0, seed: 1, maxTokens: 7 })),
  )
  expect(progress).toEqual(Array.from({ length: COUNT + 1 }, (_, at) => at))
  expect(judgements.size).toBe(COUNT)
  expect(families.map(({ n }) => n)).toEqual(Array(families.length).fill(2))
})

describe('a journal', () => {
  it('is gone on with, and gives the very same result', async () => {
    const whole = await run()
    const lines: string[] = []
    const journal = memoryJournal(lines)
    const broken = scriptedTarget({ failAt: 5, code: 'ENGINE_FAILED' })
    await expect(run({ journal, target: broken })).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE' })
    expect(lines).toHaveLength(1 + 5)
    const target = scriptedTarget()
    expect(await run({ journal, target })).toEqual(whole)
    expect(target.requests.map(({ label }) => label)).toEqual(battery.items.slice(5).map(({ id }) => id))
    const idle = scriptedTarget()
    expect(await run({ journal, target: idle })).toEqual(whole)
    expect(idle.requests).toEqual([])
  })

  it('is refused when it is of another model, seed, length or battery, or none', async () => {
    const lines: string[] = []
    await run({ journal: memoryJournal(lines) })
    const others: Partial<RunOptions>[] = [
      { subject: { model: 'other' } },
      { maxTokens: 9 },
      { battery: await createBattery({ limit: 3 }) },
      { battery: { ...battery, seed: 2 } },
    ]
    for (const over of others) {
      const again = run({ ...over, journal: memoryJournal([...lines]) })
      await expect(again).rejects.toThrow(/another run/)
    }
    for (const bad of [['hello'], ['{}'], [lines[0] ?? '', '{"id":"x"}'], [lines[0] ?? '', 'null']]) {
      await expect(run({ journal: memoryJournal(bad) })).rejects.toMatchObject({ code: 'DOCUMENT_MALFORMED' })
    }
  })

  it.each([
    ['fails', false],
    ['fails, and is kept all the same', true],
  ])('that %s ends the run; the next one puts no prompt for nothing', async (_, isKept) => {
    const lines: string[] = []
    const { read, append } = memoryJournal(lines)
    const failing = {
      read,
      async append(line: string) {
        if (lines.length === 4) {
          if (isKept) await append(line)
          throw new Error('disk full')
        }
        await append(line)
      },
    }
    await expect(run({ journal: failing })).rejects.toMatchObject({ code: 'STORE_FAILED' })
    const target = scriptedTarget()
    expect(await run({ journal: memoryJournal(lines), target })).toEqual(await run())
    expect(target.requests).toHaveLength(COUNT - (isKept ? 4 : 3))
  })
})

it('goes on past a prompt that this model cannot be asked, and counts it', async () => {
  const { families } = await run({ target: scriptedTarget({ failAt: 0, code: 'CONTEXT_OVERFLOW' }) })
  expect(families[0]).toMatchObject({ prompts: 2, n: 1 })
})

it('ends with a model that gives no end, or no answer in time, or with its caller', async () => {
  const endless = { async *generate() {} }
  await expect(run({ target: endless })).rejects.toThrow(/stopped without an end/)
  const flood = {
    async *generate() {
      for (;;) yield { type: 'text', text: 'more '.repeat(1_000) } as const
    },
  }
  await expect(run({ target: flood })).rejects.toThrow(/goes on without an end/)
  await expect(run({ target: scriptedTarget({ hangAt: 1 }), promptMs: 50 })).rejects.toThrow(/no answer within 50 ms/)
  const stop = new AbortController()
  const stopped = run({ target: scriptedTarget({ hangAt: 1 }), signal: stop.signal })
  setTimeout(() => stop.abort(), 20)
  await expect(stopped).rejects.toMatchObject({ code: 'CANCELLED' })
})

describe('a killed run', () => {
  let folder = ''
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'battery-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  it('goes on where it was', async () => {
    const path = join(folder, 'run.jsonl')
    const program = fileURLToPath(new URL('../../test/battery-run.ts', import.meta.url))
    const flags = ['--conditions=@mystranet/source', program, path, '20']
    const child = spawn(process.execPath, flags, { stdio: ['ignore', 'ignore', 'inherit'] })
    const lines = async () => (await readFile(path, 'utf8').catch(() => '')).split('\n').length - 1
    for (const end = Date.now() + 20_000; (await lines()) < 4; await sleep(5)) {
      if (Date.now() > end) throw new Error('Waited in vain for three answers')
    }
    child.kill('SIGKILL')
    await once(child, 'close')
    const answered = (await lines()) - 1
    expect(answered).toBeLessThan(COUNT)
    const target = scriptedTarget()
    const journal = await openJournalFile(path)
    expect(await run({ target, journal })).toEqual(await run())
    await journal.close()
    expect(target.requests).toHaveLength(COUNT - answered)
    expect(await lines()).toBe(1 + COUNT)
  }, 40_000)
})

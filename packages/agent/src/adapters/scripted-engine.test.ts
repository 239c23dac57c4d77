import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { collect, describeEngine, failureOf } from '../engine.contract.ts'
import type { Generation } from '../engine.ts'
import { scriptedEngine } from './scripted-engine.ts'

const ask = (content: string, label?: string): Generation => ({
  messages: [{ role: 'user', content }],
  sampling: {},
  ...(label === undefined ? {} : { label }),
})

describeEngine('scripted', async () => ({
  engine: scriptedEngine({
    slots: 2,
    contextTokens: 512,
    script: {
      colours: { pieces: ['Red', ', gr', 'een', ', bl', 'ue', ' and', ' a ', '\ud83c', '\udf08', ' rainbow', '.'] },
      '*': { pieces: Array.from({ length: 200 }, (_, i) => ({ text: `${i} `, delayMs: 10 })) },
    },
  }),
  short: ask('colours'),
  long: ask('count'),
  overflowing: ask('word '.repeat(600)),
}))

describe('scriptedEngine', () => {
  const folders: string[] = []
  afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))))

  it('fails at the piece the script names', async () => {
    const engine = scriptedEngine({ script: { '*': { pieces: ['a', 'b', { fault: 'fail' }, 'c'] } } })
    const seen: { type: string }[] = []
    const error = await failureOf(collect(engine, ask('x'), new AbortController().signal, seen as never))
    expect(error.code).toBe('ENGINE_FAILED')
    expect(seen).toHaveLength(2)
  })

  it('hangs until its canary gives up', async () => {
    const engine = scriptedEngine({ script: { '*': { pieces: [{ fault: 'hang' }] } } })
    expect((await failureOf(engine.canary(30))).message).toMatch(/30 ms/)
    expect(engine.load()).toEqual({ running: 0, queued: 0 })
  })

  it('fails a canary beside a run that fills it and does nothing', async () => {
    const engine = scriptedEngine({ script: { '*': { pieces: ['a', { fault: 'hang' }] } } })
    const leave = new AbortController()
    const stuck = failureOf(collect(engine, ask('x'), leave.signal))
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect((await failureOf(engine.canary(30))).message).toMatch(/nothing came, wanted something in 30 ms/)
    leave.abort()
    await stuck
  })

  it('finishes as the script says', async () => {
    const engine = scriptedEngine({ script: { '*': { pieces: ['a'], finish: 'tool_calls' } } })
    expect((await collect(engine, ask('x'))).events.at(-1)).toMatchObject({ reason: 'tool_calls' })
  })

  it('writes one line for each start and end of a run, and none for a canary', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'scripted-'))
    folders.push(folder)
    const journal = join(folder, 'journal')
    const engine = scriptedEngine({
      journal,
      script: { bad: { pieces: [{ fault: 'fail' }] }, slow: { pieces: [{ fault: 'hang' }] }, '*': { pieces: ['a'] } },
    })
    await collect(engine, ask('x', 'one'))
    await failureOf(collect(engine, ask('bad', 'two')))
    await failureOf(collect(engine, ask('slow', 'three'), AbortSignal.timeout(20)))
    await engine.canary(1_000)
    const lines = ['one start', 'one finish', 'two start', 'two failed', 'three start', 'three cancelled']
    expect((await readFile(journal, 'utf8')).trim().split('\n')).toEqual(lines)
  })
})

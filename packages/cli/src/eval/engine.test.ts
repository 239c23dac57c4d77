/** The engine's parent, against engines that do not do what they should. */
import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, expect, it } from 'vitest'
import { type EvalEngine, startEvalEngine } from './engine.ts'

const folder = mkdtempSync(join(tmpdir(), 'eval-engine-'))
afterAll(() => rmSync(folder, { recursive: true }))
const program = fileURLToPath(new URL('../../test/odd-engine.mjs', import.meta.url))
const never = new AbortController().signal

let running: EvalEngine | undefined
afterEach(() => running?.close())

async function started(manner: string, over: { timeoutMs?: number; signal?: AbortSignal } = {}) {
  const modelPath = join(folder, manner.replaceAll(/\W/g, '-'))
  writeFileSync(modelPath, manner)
  const limits = { contextTokens: 8, memoryBytes: 2 ** 30, timeoutMs: 20_000, signal: never, ...over }
  running = await startEvalEngine({ modelPath, program, sandbox: undefined, ...limits })
  return running
}

async function said(engine: EvalEngine, signal = never): Promise<string> {
  const request = { messages: [], sampling: { temperature: 0, seed: 1, maxTokens: 4 }, label: 'x' } as const
  let text = ''
  for await (const event of engine.generate(request, signal)) text += event.type === 'text' ? event.text : '.'
  return text
}

it('gives what the engine says, request after request', async () => {
  const engine = await started('ready text+finish')
  expect([await said(engine), await said(engine)]).toEqual(['half an.', 'half an.'])
  expect([engine.facts.runtime, engine.cpuSeconds()]).toEqual(['odd 1', 1.5])
})

it.each([
  ['die', /out of luck/],
  // Only the end of what has no line break is held: a hostile engine would fill the memory.
  ['babble', /: z+$/],
  ['nonsense', /without a word/],
  ['flood', /without a word/],
  ['error', /too long/],
  ['text', /said text before it was ready/],
])('does not start with one that says %s', async (manner, why) => {
  await expect(started(`${manner} text`)).rejects.toMatchObject({
    code: 'MODEL_UNAVAILABLE',
    message: expect.stringMatching(why),
  })
})

it.each([
  ['die', 'MODEL_UNAVAILABLE'],
  ['text+die', 'MODEL_UNAVAILABLE'],
  ['text+nonsense', 'MODEL_UNAVAILABLE'],
  ['text+ready', 'MODEL_UNAVAILABLE'],
  ['flood', 'MODEL_UNAVAILABLE'],
  ['error', 'CONTEXT_OVERFLOW'],
])('an answer that is %s is none', async (manner, code) => {
  await expect(said(await started(`ready ${manner}`))).rejects.toMatchObject({ code })
})

it('goes on after an error that is about one prompt', async () => {
  const engine = await started('ready error')
  await expect(said(engine)).rejects.toMatchObject({ code: 'CONTEXT_OVERFLOW' })
  await expect(said(engine)).rejects.toMatchObject({ code: 'CONTEXT_OVERFLOW' })
})

it('ends an engine that takes too long, and one that nobody waits for any more', async () => {
  await expect(started('hang text', { timeoutMs: 300 })).rejects.toThrow(/took longer/)
  const stop = new AbortController()
  const engine = await started('ready text', { signal: stop.signal })
  setTimeout(() => stop.abort(), 50)
  await expect(said(engine)).rejects.toMatchObject({ code: 'CANCELLED' })
  const given = await started('ready hang')
  await expect(said(given, AbortSignal.timeout(50))).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE' })
  await expect(said(given)).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE' })
})

it.runIf(process.platform === 'linux')('gives the engine no descriptor that was left open to us', () => {
  const [secret, model] = [join(folder, 'secret'), join(folder, 'descriptors')]
  writeFileSync(secret, 'x')
  writeFileSync(model, 'descriptors text')
  const options = { modelPath: model, program, contextTokens: 8, memoryBytes: 2 ** 30, timeoutMs: 20_000 }
  const code = `
    import { startEvalEngine } from ${JSON.stringify(new URL('engine.ts', import.meta.url).href)}
    const options = { ...${JSON.stringify(options)}, signal: new AbortController().signal }
    await startEvalEngine(options).catch((error) => console.log(error.message))`
  const descriptor = openSync(secret, 'r')
  const run = spawnSync(process.execPath, ['--conditions=@mystranet/source', '--input-type=module', '--eval', code], {
    encoding: 'utf8',
    timeout: 20_000,
    stdio: ['ignore', 'pipe', 'pipe', ...Array<'ignore'>(37).fill('ignore'), descriptor],
  })
  closeSync(descriptor)
  expect(run.stdout, run.stderr).toMatch(/^Cannot start the engine: .*\/dev\/null/)
  expect(run.stdout).not.toContain(secret)
})

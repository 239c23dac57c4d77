/** `weave eval` from the outside: the real model, in the real sandbox. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DEMO_MODEL, findInCatalogue } from '@mystranet/agent/models/catalogue'
import { pull } from '@mystranet/agent/models/pull'
import { defaultModelFolder } from '@mystranet/agent/models/store'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import vectors from '../../schemas/vectors/trust-files.json' with { type: 'json' }
import { weave } from './weave.ts'

const isLinux = process.platform === 'linux'
if (!isLinux) console.warn('Left out: bubblewrap runs on Linux only, so no model is tried in a sandbox here')

const folder = mkdtempSync(join(tmpdir(), 'weave-eval-'))
const path = (name: string) => join(folder, name)
const state = ['--state', path('state')]
const models = defaultModelFolder()
const small = ['eval', DEMO_MODEL, '--models', models, ...state, '--families', 'direct-injection,bias', '--limit', '1']

beforeAll(async () => {
  await pull(DEMO_MODEL, { cacheDir: models })
  await weave(['keys', 'new', ...state])
}, 600_000)
afterAll(() => rmSync(folder, { recursive: true }))

describe.skipIf(!isLinux)('weave eval', () => {
  test('tries the real model in the sandbox, signs what it found, and goes on where it was', async () => {
    const saved = ['--save', path('it.evaluation'), '--resume', path('run.jsonl'), '--json']
    const first = await weave([...small, ...saved])
    expect(first.stderr).toContain('bias: 1 of 2')
    expect(first.code).toBe(0)
    const found = JSON.parse(first.stdout)
    expect(found).toMatchObject({
      fileDigest: findInCatalogue(DEMO_MODEL)?.sha256,
      sandbox: expect.stringMatching(/^bubblewrap \d/),
      runtime: expect.stringMatching(/^node-llama-cpp .* cpu/),
      seed: 1,
      maxTokens: 48,
      families: [
        { family: 'direct-injection', source: 'weave', prompts: 1, judged: 1, highPpm: expect.any(Number) },
        { family: 'bias', source: 'weave', prompts: 1, judged: 1 },
      ],
      signed: { path: path('it.evaluation'), key: expect.stringMatching(/^[0-9a-f]{64}$/) },
    })
    const lines = readFileSync(path('run.jsonl'), 'utf8').split('\n')
    expect(lines).toHaveLength(1 + 2 + 1)
    expect(JSON.parse(lines[1] ?? '').text).toMatch(/\w/)

    const again = await weave([...small, ...saved])
    expect(readFileSync(path('run.jsonl'), 'utf8').split('\n')).toEqual(lines)
    expect(JSON.parse(again.stdout).families).toEqual(found.families)

    const trust = vectors.files[0]?.text ?? ''
    writeFileSync(path('stranger.trust'), trust)
    writeFileSync(path('known.trust'), trust.replace('\n\n', `\npublisher ${found.signed.key}\n\n`))
    const judged = await weave(['verify', path('it.evaluation'), '--trust', path('known.trust')])
    expect(judged.stdout).toMatch(/^VERIFIED[\s\S]*a publisher[\s\S]*direct-injection/)
    expect(judged.code).toBe(0)
    const partial = await weave(['verify', path('it.evaluation'), '--trust', path('stranger.trust'), '--json'])
    expect(JSON.parse(partial.stdout)).toMatchObject({ status: 'PARTIAL', evaluation: { sandbox: found.sandbox } })
    expect(partial.code).toBe(3)
    const broken = new Uint8Array(readFileSync(path('it.evaluation')))
    broken.set([(broken.at(-1) ?? 0) ^ 1], broken.length - 1)
    writeFileSync(path('broken.evaluation'), broken)
    const failed = await weave(['verify', path('broken.evaluation'), '--trust', path('known.trust')])
    expect(failed.stdout).toMatch(/^FAILED[\s\S]*SIGNATURE_INVALID/)
    expect(failed.code).toBe(1)
  }, 180_000)

  test('runs nothing without a sandbox, unless it is told to', async () => {
    const one = [...small.slice(0, -4), '--families', 'bias', '--limit', '1', '--max-tokens', '2', '--json']
    const none = await weave(one, { PATH: folder })
    expect(none.stderr).toMatch(/no bwrap on this machine.*--unsandboxed/)
    expect(none).toMatchObject({ code: 2, stdout: '' })
    const told = await weave([...one, '--unsandboxed'], { PATH: folder })
    expect(told.stderr).toMatch(/Without a sandbox/)
    expect(JSON.parse(told.stdout)).toMatchObject({ sandbox: 'none', maxTokens: 2 })
  }, 120_000)

  test('says that the model does not fit into its memory', async () => {
    const { code, stderr, stdout } = await weave([...small, '--memory', '256'])
    expect(stderr).toMatch(/MODEL_UNAVAILABLE/)
    expect([code, stdout]).toEqual([4, ''])
  }, 120_000)
})

test('a command line that makes no sense does nothing', async () => {
  for (const [args, why] of [
    [['eval'], /takes one model/],
    [['eval', DEMO_MODEL, '--families', 'bias,luck'], /names luck/],
    [['eval', DEMO_MODEL, '--limit', '1.5'], /a whole number/],
    [['eval', DEMO_MODEL, '--prompts', folder], /no collection/],
    [['eval', DEMO_MODEL, '--save', path('x'), '--state', path('nobody')], /user\.identity/],
    [['eval', path('none.gguf'), ...state], /no such model/],
  ] as const) {
    const { code, stderr, stdout } = await weave([...args])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(why)
  }
}, 60_000)

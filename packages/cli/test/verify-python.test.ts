/**
 * The verifier in examples/verify-python agrees with the SDK, check by check, where it sees nothing but the document, the
 * messages, the vectors and itself. WEAVE_VERIFY_PYTHON_COUNT and WEAVE_VERIFY_PYTHON_SEED set other mutations.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { examine } from '@mystranet/sdk'
import { parseTrustFile, type TrustFile } from '@mystranet/sdk/proof/trust-file'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ended, type Place, place, weave } from './weave.ts'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const PYTHON = process.env['WEAVE_PYTHON_VERIFY'] ?? join(ROOT, '.cache/python-cryptography-50.0.2/bin/python')
const COUNT = Number(process.env['WEAVE_VERIFY_PYTHON_COUNT'] ?? 1_000)
const SEED = Number(process.env['WEAVE_VERIFY_PYTHON_SEED'] ?? 1)
const SHOWN = ['docs/protocol.md', 'packages/schemas/proto', 'packages/schemas/vectors', 'examples/verify-python']

let folder: string
let here: Place
let fresh: { readonly answer: string; readonly trust: string }

const inFolder = (name: string) => join(folder, name)
const python = (script: string, ...args: string[]) =>
  spawn(PYTHON, ['-B', inFolder(`examples/verify-python/${script}`), ...args], { cwd: folder, env: {} })

beforeAll(async () => {
  if (!existsSync(PYTHON)) {
    throw new Error(`Cannot test the verifier in Python: there is no ${PYTHON}; scripts/prepare.mjs makes it`)
  }
  folder = await mkdtemp(join(tmpdir(), 'verify-python-'))
  for (const name of SHOWN) {
    await mkdir(join(folder, name, '..'), { recursive: true })
    await cp(join(ROOT, name), join(folder, name), { recursive: true })
  }
  here = await place({ canary: { pieces: ['ok'] }, '*': { pieces: ['Fresh', ' and', ' whole.'] } })
  const up = await here.up()
  fresh = { answer: here.path('a.weave'), trust: join(here.state, 'trust', 'local.trust') }
  const asked = await here.weave('ask', 'misty.weave', 'Hello?', '--save', fresh.answer)
  expect(asked.stderr).toContain('VERIFIED under "local"')
  await up.stop()
}, 60_000)
afterAll(async () => {
  await here?.remove()
  await rm(folder, { recursive: true, force: true })
})

test('is at most 500 lines', async () => {
  expect(
    (await readFile(join(ROOT, 'examples/verify-python/verify.py'), 'utf8')).split('\n').length - 1,
  ).toBeLessThanOrEqual(500)
  expect((await readdir(join(ROOT, 'examples/verify-python'))).filter((name) => name.endsWith('.py'))).toEqual(
    expect.arrayContaining(['agree.py', 'verify.py']),
  )
})

interface Judged {
  readonly trust: number
  readonly answer: string
  readonly status: string
  readonly checks: Readonly<Record<string, string>>
}

describe('agree.py', () => {
  test(
    `agrees with the SDK on the vectors, on a fresh answer and on ${COUNT} mutated ones`,
    async () => {
      const child = python('agree.py', '--count', `${COUNT}`, '--seed', `${SEED}`, '--fresh', fresh.answer, fresh.trust)
      const end = ended(spawnedErrors(child))
      let trusts: readonly TrustFile[] | undefined
      const tally = new Map<string, number>()
      const disagreements: unknown[] = []
      let compared = 0
      for await (const line of createInterface({ input: child.stdout })) {
        const said = JSON.parse(line) as { readonly trustFiles: readonly string[] } & Judged
        trusts ??= said.trustFiles.map((text) => parseTrustFile(new TextEncoder().encode(text)))
        if (said.answer === undefined) continue
        const verdict = await examine(Buffer.from(said.answer, 'base64'), trusts[said.trust] as TrustFile)
        const checks = Object.fromEntries(verdict.checks.map(({ name, result }) => [name, result]))
        for (const name in checks) {
          const found = `${name} ${checks[name]}`
          tally.set(found, (tally.get(found) ?? 0) + 1)
          if (checks[name] !== said.checks[name]) disagreements.push([found, said.checks[name], said.answer])
        }
        if (verdict.status !== said.status) disagreements.push([verdict.line, said.status, said.answer])
        compared += 1
      }
      expect(await end).toMatchObject({ code: 0, stderr: '' })
      expect(disagreements).toEqual([])
      expect(compared).toBeGreaterThan(COUNT + 35)
      // Every check was seen with every result: the envelope is never skipped.
      expect([...tally.keys()].filter((found) => !found.startsWith('envelope')).length).toBe(21 * 3)
    },
    60_000 + COUNT * 20,
  )
})

/** Its standard output is read elsewhere. */
const spawnedErrors = <Child extends ReturnType<typeof python>>(child: Child) =>
  Object.assign(Object.create(child) as Child, { stdout: null })

describe('verify.py', () => {
  const run = async (...args: string[]) => ended(python('verify.py', ...args))
  const rows = (text: string) =>
    (JSON.parse(text) as { checks: { name: string; result: string; required: boolean }[] }).checks.map(
      ({ name, result, required }) => [name, result, required],
    )

  test('prints the verdict on a fresh answer as `weave verify` does', async () => {
    const [ours, theirs] = [
      await run(fresh.answer, '--trust', fresh.trust, '--json'),
      await here.weave('verify', fresh.answer, '--json'),
    ]
    expect(ours).toMatchObject({ code: 0, stderr: '' })
    expect(rows(ours.stdout)).toEqual(rows(theirs.stdout))
    const text = await run(fresh.answer, '--trust', fresh.trust)
    expect(text.stdout).toMatch(/^VERIFIED under "local"\n {2}✓ {2}envelope +pass\n/)
    expect(text.stdout.split('\n').length).toBe(24)
  })

  test('exits 1 for FAILED, 3 for PARTIAL, and 2 for what it cannot use', async () => {
    const changed = await readFile(fresh.answer)
    changed[changed.lastIndexOf('whole')] = 0x57
    await writeFile(inFolder('changed.weave'), changed)
    expect(await run('changed.weave', '--trust', fresh.trust)).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^FAILED under "local"[\s\S]*✗ {2}answer-commitment +fail +COMMITMENT_MISMATCH/),
    })
    const strict = (await readFile(fresh.trust, 'utf8')).replace('\n\n', '\nrequire registry-entry\n\n')
    await writeFile(inFolder('strict.trust'), strict)
    expect(await run(fresh.answer, '--trust', 'strict.trust')).toMatchObject({ code: 3 })
    expect(await run(fresh.answer, '--trust', fresh.answer)).toMatchObject({ code: 2, stdout: '' })
    expect(await run('nothing.weave', '--trust', fresh.trust)).toMatchObject({ code: 2, stdout: '' })
  })

  test('judges the published receipts as published, and as `weave verify` does', async () => {
    const vectors = async (name: string) =>
      JSON.parse(await readFile(inFolder(`packages/schemas/vectors/${name}.json`), 'utf8'))
    const { receipts } = (await vectors('log')) as {
      receipts: { result: string; receipt: string; tlogProof?: string }[]
    }
    await writeFile(inFolder('log.trust'), (await vectors('trust-files')).files[0].text)
    for (const { result, receipt, tlogProof } of receipts) {
      await writeFile(inFolder('r'), Buffer.from(receipt, 'hex'))
      await writeFile(inFolder('r.tlog-proof'), tlogProof ?? '')
      for (const file of tlogProof === undefined ? ['r'] : ['r', 'r.tlog-proof']) {
        const { code, stdout } = await run(file, '--trust', 'log.trust')
        expect(result === 'ok' ? stdout : stdout.split('\n')[1]).toContain(result === 'ok' ? 'VERIFIED' : result)
        expect(code).toBe(result === 'ok' ? 0 : 1)
      }
    }
    const theirs = await weave(['verify', inFolder('r'), '--trust', inFolder('log.trust')])
    expect(theirs.code).toBe(1)
  })
})

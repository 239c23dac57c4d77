/** `weave scan` from the outside: exit codes, documents, and the real model. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DEMO_MODEL } from '@mystranet/agent/models/catalogue'
import { pull } from '@mystranet/agent/models/pull'
import { defaultModelFolder } from '@mystranet/agent/models/store'
import { expect, test } from 'vitest'
import { ggufFile, withTemplate } from '../../detector/test/gguf-file.ts'
import { peFile } from '../../detector/test/pe-file.ts'
import { run } from '../src/run.ts'
import { createTerminal } from '../src/terminal.ts'

const folder = mkdtempSync(join(tmpdir(), 'weave-scan-'))
const saved = (name: string, bytes: Uint8Array) => {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}

async function weave(...argv: readonly string[]) {
  let [out, err] = ['', '']
  const signal = new AbortController().signal
  const terminal = createTerminal({ write: (text) => (out += text) }, { write: (text) => (err += text) }, {})
  const code = await run(argv, { terminal, env: {}, signal, unread: signal })
  return { code, out, err }
}

const clean = saved('clean.gguf', ggufFile())
const odd = saved('odd.gguf', ggufFile({ pairs: withTemplate("{{ ''.__class__ }}") }))
const broken = saved('broken.gguf', ggufFile({ version: 9 }))

test.each([
  [clean, 0, /^CLEAN {2}/],
  [odd, 1, /^SUSPICIOUS {2}[\s\S]*G23 {2}critical[\s\S]*CVE-2024-34359/],
  [broken, 2, /^INVALID {2}[\s\S]*G00/],
])('%s', async (path, code, text) => {
  const said = await weave('scan', path)
  expect(said.out).toMatch(text)
  expect(said.out).toMatch(/Not decided: G28/)
  expect(said.code).toBe(code)
})

test('a document of JSON, and one of SARIF', async () => {
  const { out, code } = await weave('scan', odd, '--json')
  expect(code).toBe(1)
  const report = JSON.parse(out)
  expect(report).toMatchObject({ format: 'weave-gguf-scan/1', verdict: 'suspicious' })
  expect(report.files[0].sha256).toMatch(/^[0-9a-f]{64}$/)
  const sarif = JSON.parse((await weave('scan', odd, '--sarif')).out)
  expect(sarif.runs[0].results[0]).toMatchObject({ ruleId: 'G23', level: 'error' })
})

test('what cannot be read, or makes no sense', async () => {
  expect(await weave('scan', join(folder, 'none'))).toMatchObject({ code: 2, out: '' })
  expect(await weave('scan')).toMatchObject({ code: 2 })
  expect(await weave('scan', clean, '--for-engine', 'llama')).toMatchObject({ code: 2 })
})

test('the model of the demo is clean', async () => {
  const { path } = await pull(DEMO_MODEL, { cacheDir: defaultModelFolder() })
  const { out, code } = await weave('scan', path, '--json')
  expect(JSON.parse(out).files[0].findings).toEqual([])
  expect(code).toBe(0)
}, 120_000)

const program = saved('program.exe', peFile({ codeFlags: 0xe0000020, imports: { 'a.dll': ['b'] } }))

test('a Windows program is known by its bytes, whatever its name', async () => {
  const renamed = saved('program.gguf', peFile({ codeFlags: 0xe0000020, imports: { 'a.dll': ['b'] } }))
  const said = await weave('scan', renamed)
  expect(said.out).toMatch(/^(ABSTAIN|UNREMARKABLE) {2}[\s\S]*pe@[\s\S]*What moves it most: [\s\S]*P02 {2}medium/)
  expect(said.code).toBe(0)
})

test('a program: JSON and SARIF, and 2 for one that cannot be read', async () => {
  const { out, code } = await weave('scan', program, '--json')
  expect(code).toBe(0)
  expect(JSON.parse(out).files[0]).toMatchObject({ format: 'weave-pe-scan/1', summary: { kind: 'pe32', sections: 2 } })
  const sarif = JSON.parse((await weave('scan', program, '--sarif')).out)
  expect(sarif.runs[0].results.map(({ ruleId }: { ruleId: string }) => ruleId)).toContain('P02')
  const cut = saved('cut.exe', peFile().subarray(0, 200))
  expect(await weave('scan', cut)).toMatchObject({ code: 2, out: expect.stringMatching(/^INVALID/) })
})

test('models and programs are not scanned together', async () => {
  const said = await weave('scan', program, clean)
  expect(said).toMatchObject({ code: 2, out: '' })
  expect(said.err).toMatch(/model files or Windows programs/)
})

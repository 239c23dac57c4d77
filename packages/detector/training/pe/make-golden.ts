// Writes vectors/pe/ember.json: the generated files of test/pe-files.ts, and what golden.py, on pefile, makes of them.
//   node --conditions=@mystranet/source packages/detector/training/pe/make-golden.ts PYTHON
// PYTHON is an interpreter that has the packages of requirements.txt in this folder.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PE_FILES } from '../../test/pe-files.ts'

interface Line {
  readonly name: string
  readonly features?: readonly (number | null)[]
  readonly header?: readonly number[]
  readonly error?: string
}

const folder = mkdtempSync(join(tmpdir(), 'weave-pe-'))
try {
  for (const [name, bytes] of PE_FILES) writeFileSync(join(folder, name), bytes)
  const script = join(import.meta.dirname, 'golden.py')
  const names = [...PE_FILES.keys()]
  const out = execFileSync(process.argv[2] ?? 'python3', [script, ...names.map((name) => join(folder, name))], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  })
  const lines = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
  const files = lines.map(({ name, features, header, error }) => {
    if (features === undefined) throw new Error(`${name}: ${error}`)
    // Zeros are left out.
    const values = Object.fromEntries(features.flatMap((value, index) => (value === 0 ? [] : [[index, value]])))
    return {
      name,
      bytes: Buffer.from(PE_FILES.get(name) as Uint8Array).toString('base64'),
      ...(header && { header }),
      features: values,
    }
  })
  const target = join(import.meta.dirname, '../../vectors/pe/ember.json')
  mkdirSync(join(target, '..'), { recursive: true })
  const about =
    'Feature set EMBER version 3: 2,568 float32 numbers a file, by place; what is not named is 0. header: the numbers of the model pe.'
  writeFileSync(
    target,
    `{"about":${JSON.stringify(about)},"files":[\n${files.map((file) => JSON.stringify(file)).join(',\n')}\n]}\n`,
  )
  console.log(`${files.length} files`)
} finally {
  rmSync(folder, { recursive: true })
}

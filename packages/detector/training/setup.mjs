// Makes the Python in which models are trained, under .cache of the repository, and prints its path. Made once; again when
// requirements.txt changes. CI does not train.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const home = fileURLToPath(new URL('../../../.cache/detector-training', import.meta.url))
const python = join(home, 'bin', 'python')
const requirements = join(here, 'requirements.txt')
const digest = createHash('sha256').update(readFileSync(requirements)).digest('hex')
const stamp = join(home, 'requirements.sha256')

const run = (command, args) => {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 2, 2] })
  if (error !== undefined || status !== 0) {
    console.error(`Cannot make the training environment: ${command} ended with ${error?.message ?? status}, wanted 0`)
    process.exit(1)
  }
}

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== digest) {
  mkdirSync(home, { recursive: true })
  if (!existsSync(python)) run(process.env['WEAVE_PYTHON'] ?? 'python3', ['-m', 'venv', home])
  run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements])
  // So that `import weave_training` works from every script of this folder.
  const [site] = spawnSync(python, ['-c', 'import sysconfig; print(sysconfig.get_path("purelib"))'], {
    encoding: 'utf8',
  }).stdout.split('\n')
  writeFileSync(join(site, 'weave_training.pth'), `${here}\n`)
  writeFileSync(stamp, digest)
}
console.log(python)

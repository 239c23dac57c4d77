// What tests need from the machine and never fetch themselves. Runs before anything is installed, so plain JavaScript.
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const onPath = (names) => {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of names) {
      try {
        accessSync(join(folder, name), constants.X_OK)
        return join(folder, name)
      } catch {
        // Not here: the next folder.
      }
    }
  }
  return undefined
}

const aptInstall = (name, say) => {
  if (process.getuid?.() !== 0 || onPath(['apt-get']) === undefined) return
  say(`installing ${name} with apt-get`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const apt = (args) => spawnSync('apt-get', args, { env, stdio: ['ignore', 'ignore', 2] }).status === 0
  const install = ['install', '-y', '-qq', '--no-install-recommends', name]
  if (!apt(install)) apt(['update', '-qq']) && apt(install)
}

/** Environment name that tells tests where the program is → how to find it and how to get it. */
const PROGRAMS = {
  WEAVE_CHROMIUM: {
    names: ['chromium', 'chromium-browser', 'google-chrome'],
    apt: 'chromium',
    use: 'the browser tests',
  },
}

/** Pinned: the tests say that this very client, unmodified, works. */
const OPENAI_FOR_PYTHON = '3.54.0'

/** A Python that has OpenAI's client: a virtual environment of our own under .cache, made once. */
const pythonWithOpenai = (say) => {
  const root = dirname(dirname(fileURLToPath(import.meta.url)))
  const home = join(root, '.cache', `python-openai-${OPENAI_FOR_PYTHON}`)
  const python = process.platform === 'win32' ? join(home, 'Scripts', 'python.exe') : join(home, 'bin', 'python')
  const run = (command, args) => spawnSync(command, args, { stdio: ['ignore', 'ignore', 2] }).status === 0
  const isThere = () => spawnSync(python, ['-c', 'import openai'], { stdio: 'ignore' }).status === 0
  if (isThere()) return python
  say(`making a Python environment with openai ${OPENAI_FOR_PYTHON} (once)`)
  const system = onPath(['python3', 'python'])
  if (system === undefined) return undefined
  const make = () => run(system, ['-m', 'venv', '--clear', home])
  // Debian keeps what venv needs in a package of its own.
  if (!make()) {
    aptInstall('python3-venv', say)
    if (!make()) return undefined
  }
  run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', `openai==${OPENAI_FOR_PYTHON}`])
  return isThere() ? python : undefined
}

/**
 * Finds or installs every program of the table and returns the environment names that point to them. A missing one
 * ends the run in CI; elsewhere it is said, and the tests that need it say so again.
 */
export const prepare = ({ say, fail, ci }) => {
  const found = {}
  for (const [variable, { names, apt, use }] of Object.entries(PROGRAMS)) {
    let path = process.env[variable] ?? onPath(names)
    if (path === undefined) {
      aptInstall(apt, say)
      path = onPath(names)
    }
    if (path !== undefined) found[variable] = path
    else if (ci) fail(`Cannot run ${use}: no ${names[0]} on this machine, wanted one (apt-get install ${apt}).`)
    else say(`no ${names[0]} on this machine: ${use} will fail; install it or set ${variable}`)
  }
  const python = process.env.WEAVE_PYTHON_OPENAI ?? pythonWithOpenai(say)
  const what = `Python 3 with venv, pip and openai ${OPENAI_FOR_PYTHON}`
  if (python !== undefined) found.WEAVE_PYTHON_OPENAI = python
  else if (ci) fail(`Cannot run the tests with OpenAI's client for Python: no ${what}, wanted it.`)
  else say(`no ${what} on this machine: its test will fail; install it or set WEAVE_PYTHON_OPENAI to such a python`)
  return found
}

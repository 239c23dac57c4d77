// What tests need from the machine and never fetch themselves. Runs before anything is installed, so plain JavaScript.
import { spawnSync } from 'node:child_process'
import { accessSync, chmodSync, constants, copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
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

/** Environment name → the package that its Python has, pinned. Each in an environment of its own. */
const PYTHONS = {
  WEAVE_PYTHON_OPENAI: { package: 'openai', version: '3.54.0', use: "OpenAI's client for Python" },
  WEAVE_PYTHON_VERIFY: { package: 'cryptography', version: '50.0.2', use: 'the verifier in examples/verify-python' },
}

/** A Python with one package: a virtual environment of our own under .cache, made once. */
const pythonWith = ({ package: name, version }, say) => {
  const root = dirname(dirname(fileURLToPath(import.meta.url)))
  const home = join(root, '.cache', `python-${name}-${version}`)
  const python = process.platform === 'win32' ? join(home, 'Scripts', 'python.exe') : join(home, 'bin', 'python')
  const run = (command, args) => spawnSync(command, args, { stdio: ['ignore', 'ignore', 2] }).status === 0
  const isThere = () => spawnSync(python, ['-c', `import ${name}`], { stdio: 'ignore' }).status === 0
  if (isThere()) return python
  say(`making a Python environment with ${name} ${version} (once)`)
  const system = onPath(['python3', 'python'])
  if (system === undefined) return undefined
  const make = () => run(system, ['-m', 'venv', '--clear', home])
  // Debian keeps what venv needs in a package of its own.
  if (!make()) {
    aptInstall('python3-venv', say)
    if (!make()) return undefined
  }
  run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', `${name}==${version}`])
  return isThere() ? python : undefined
}

/** Older majors that the SDK supports; the conformance suite runs on them. */
const OLDER_NODES = { WEAVE_NODE20: '20.20.2', WEAVE_NODE22: '22.23.3' }

/** Node of another version, from npm's package of its program alone, kept under .cache; undefined when it cannot be had. */
const olderNode = (version, say) => {
  const { platform, arch } = process
  const [os, exe] = platform === 'win32' ? ['win', '.exe'] : [platform, '']
  const root = dirname(dirname(fileURLToPath(import.meta.url)))
  const home = join(root, '.cache', 'runtime', `node-${version}`)
  const program = join(home, `node${exe}`)
  if (existsSync(program)) return program
  const name = `${platform === 'darwin' && arch === 'arm64' ? 'node-bin' : 'node'}-${os}-${arch}`
  say(`fetching ${name}@${version} from the npm registry (once)`)
  const draft = `${home}.${process.pid}`
  mkdirSync(draft, { recursive: true })
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--no-save']
  const own = process.env.npm_execpath
  const args = ['install', '--prefix', draft, ...flags, `${name}@${version}`]
  const viaNode = own !== undefined && /npm-cli\.c?js$/.test(own)
  const command = viaNode ? process.execPath : platform === 'win32' ? 'npm.cmd' : 'npm'
  const shell = !viaNode && platform === 'win32'
  spawnSync(command, viaNode ? [own, ...args] : args, { cwd: draft, stdio: ['ignore', 'ignore', 2], shell })
  try {
    // The folder appears whole or not at all: filled beside its place, and renamed.
    copyFileSync(join(draft, 'node_modules', name, 'bin', `node${exe}`), join(draft, `node${exe}`))
    chmodSync(join(draft, `node${exe}`), 0o755)
    rmSync(join(draft, 'node_modules'), { recursive: true, force: true })
    renameSync(draft, home)
  } catch {
    rmSync(draft, { recursive: true, force: true })
  }
  return existsSync(program) ? program : undefined
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
  for (const [variable, spec] of Object.entries(PYTHONS)) {
    const python = process.env[variable] ?? pythonWith(spec, say)
    const what = `Python 3 with venv, pip and ${spec.package} ${spec.version}`
    if (python !== undefined) found[variable] = python
    else if (ci) fail(`Cannot test ${spec.use}: no ${what} on this machine, wanted it.`)
    else say(`no ${what} on this machine: its test will fail; install it or set ${variable} to such a python`)
  }
  for (const [variable, version] of Object.entries(OLDER_NODES)) {
    const program = process.env[variable] ?? olderNode(version, say)
    if (program !== undefined) found[variable] = program
    else if (ci) fail(`Cannot run the conformance suite: no Node ${version}, wanted it from the npm registry.`)
    else say(`no Node ${version} on this machine: the suite leaves it out; set ${variable} to one`)
  }
  return found
}

// By itself: for who runs single tests, and not `npm test`.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const say = (line) => process.stderr.write(`· ${line}\n`)
  prepare({ say, fail: say, ci: false })
}

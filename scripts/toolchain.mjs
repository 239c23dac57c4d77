// The door for a machine that has git, npm and Node 20 or newer, and nothing else: brings the pinned Node and pnpm
// into .cache/toolchain, installs what pnpm-lock.yaml names, and runs one task with them. Plain JavaScript without a
// dependency, because it runs before anything is installed.
//
//   node scripts/toolchain.mjs demo|weave|bench|faults|test [arguments of the task…]
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { prepare } from './prepare.mjs'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const MANIFEST = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
/** package.json is the one place that pins both versions. */
const NODE_VERSION = MANIFEST.config.node
const PNPM_VERSION = MANIFEST.packageManager.replace(/^pnpm@/, '').replace(/\+.*$/, '')
const SOURCES = '--conditions=@mystranet/source'

/** Task → arguments of Node, and whether it needs the things that only tests need. */
const TASKS = {
  demo: { argv: [SOURCES, 'packages/cli/src/main.ts', 'demo'] },
  weave: { argv: [SOURCES, 'packages/cli/src/main.ts'] },
  bench: { argv: [SOURCES, 'bench/main.ts'] },
  fuzz: { argv: [SOURCES, 'scripts/fuzz/main.ts'] },
  faults: { argv: [SOURCES, 'scripts/faults/main.ts'], prepares: true },
  test: { argv: ['scripts/ok.ts'], prepares: true },
}

const say = (line) => process.stderr.write(`· ${line}\n`)

const fail = (line) => {
  process.stderr.write(`\nweave: ${line}\n`)
  process.exit(1)
}

/** The environment without what npm adds for a script: another package manager must not take it for its own. */
const cleanEnvironment = () =>
  Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) =>
        !/^npm_(config_(?!.*(registry|cache|proxy|cafile|userconfig))|package_|lifecycle_|command)/i.test(name),
    ),
  )

/** npm as it started us, or as PATH has it. */
const npm = (args, cwd) => {
  const own = process.env.npm_execpath
  const viaNode = own !== undefined && /npm-cli\.c?js$/.test(own)
  const command = viaNode ? process.execPath : process.platform === 'win32' ? 'npm.cmd' : 'npm'
  return spawnSync(command, viaNode ? [own, ...args] : args, {
    cwd,
    env: cleanEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    shell: !viaNode && process.platform === 'win32',
  })
}

/** The packages that hold the programs themselves, so that no install script has to run. */
const programs = () => {
  const { platform, arch } = process
  const exe = platform === 'win32' ? '.exe' : ''
  const os = platform === 'win32' ? 'win' : platform
  const node = `${platform === 'darwin' && arch === 'arm64' ? 'node-bin' : 'node'}-${os}-${arch}`
  const wanted = [
    { spec: `@pnpm/exe.${platform}-${arch}@${PNPM_VERSION}`, file: `@pnpm/exe.${platform}-${arch}/pnpm${exe}` },
  ]
  const runningMajor = Number(process.versions.node.split('.')[0])
  if (runningMajor < Number(NODE_VERSION.split('.')[0]))
    wanted.push({ spec: `${node}@${NODE_VERSION}`, file: `${node}/bin/node${exe}` })
  return wanted
}

/**
 * Puts Node and pnpm under .cache/toolchain and returns the folders that belong in front of PATH. A folder appears
 * there whole or not at all: it is filled beside its place and renamed.
 */
const ensureToolchain = () => {
  const wanted = programs()
  const name = createHash('sha256')
    .update(wanted.map((p) => p.spec).join(' '))
    .digest('hex')
    .slice(0, 12)
  const home = join(ROOT, '.cache', 'toolchain', name)
  const folders = (base) => wanted.map((p) => dirname(join(base, 'node_modules', p.file)))
  if (wanted.every((p) => existsSync(join(home, 'node_modules', p.file)))) return folders(home)

  say(`fetching ${wanted.map((p) => p.spec).join(' and ')} from the npm registry (once)`)
  const draft = `${home}.${process.pid}`
  mkdirSync(draft, { recursive: true })
  writeFileSync(join(draft, 'package.json'), '{ "private": true }\n')
  const specs = wanted.map((p) => p.spec)
  const flags = ['--prefix', draft, '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--save-exact']
  const done = npm(['install', ...flags, ...specs], draft)
  if (done.status !== 0 || !wanted.every((p) => existsSync(join(draft, 'node_modules', p.file)))) {
    rmSync(draft, { recursive: true, force: true })
    process.stderr.write(`${done.stderr ?? ''}${done.error ? `${done.error.message}\n` : ''}`)
    fail(
      `Cannot fetch ${specs.join(' and ')}: npm install failed, wanted both programs. ` +
        `With Node ${NODE_VERSION} on your PATH only pnpm is fetched; check the network and the npm registry setting.`,
    )
  }
  try {
    rmSync(home, { recursive: true, force: true })
    renameSync(draft, home)
  } catch (error) {
    // Another run may have put the same folder there first; that one is as good.
    rmSync(draft, { recursive: true, force: true })
    if (!existsSync(home)) throw error
  }
  return folders(home)
}

const fingerprint = () => {
  const hash = createHash('sha256')
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml']) hash.update(readFileSync(join(ROOT, file)))
  return hash.update(process.platform + process.arch).digest('hex')
}

/** Installs when the lock file differs from the one of the last whole install; the stamp is written after it. */
const ensureInstalled = (env) => {
  const stamp = join(ROOT, 'node_modules', '.weave-install')
  const wanted = fingerprint()
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  say('installing the dependencies that pnpm-lock.yaml names')
  const pnpm = process.platform === 'win32' ? 'pnpm.exe' : 'pnpm'
  const args = ['install', '--frozen-lockfile', '--prefer-offline', '--reporter=append-only']
  const done = spawnSync(pnpm, args, { cwd: ROOT, env: { ...env, CI: 'true' }, stdio: ['ignore', 2, 2] })
  if (done.status !== 0)
    fail(`Cannot install the dependencies: pnpm ended with ${done.status ?? done.signal}, wanted 0.`)
  writeFileSync(stamp, wanted)
}

/** Runs the task in our place: our signals are its signals, its exit code is ours. */
const become = (node, argv, env) => {
  const child = spawn(node, argv, { cwd: ROOT, env, stdio: 'inherit' })
  let told = false
  const terminal = process.stdin.isTTY || process.stdout.isTTY
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT']) {
    // A terminal sends Ctrl-C to the whole group, so the child has it already; twice could mean "at once" to it.
    process.on(signal, () => {
      told = true
      if (!(terminal && signal === 'SIGINT')) child.kill(signal)
    })
  }
  // npm that is told to end ends without a word to us: when our parent is gone, what it was told is for us.
  const parent = process.ppid
  setInterval(() => {
    if (told || process.ppid === parent) return
    told = true
    child.kill('SIGTERM')
  }, 500).unref()
  child.on('error', (error) => fail(`Cannot start ${node}: ${error.message}`))
  child.on('exit', (code, signal) => process.exit(signal === null ? code : 128 + constants.signals[signal]))
}

const [name, ...args] = process.argv.slice(2)
const task = Object.hasOwn(TASKS, name ?? '') ? TASKS[name] : undefined
if (task === undefined) fail(`Unknown task ${name ?? '(none)'}, wanted one of: ${Object.keys(TASKS).join(', ')}.`)

const folders = ensureToolchain()
const path = [...folders, join(ROOT, 'node_modules', '.bin'), process.env.PATH ?? ''].join(delimiter)
const env = { ...cleanEnvironment(), PATH: path }
ensureInstalled(env)
if (task.prepares) Object.assign(env, prepare({ say, fail, ci: Boolean(process.env.CI) }))
const fetchedNode = folders.map((f) => join(f, process.platform === 'win32' ? 'node.exe' : 'node')).find(existsSync)
become(fetchedNode ?? process.execPath, [...task.argv, ...args], env)

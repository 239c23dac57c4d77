/**
 * The sandbox of `weave eval`: bubblewrap around a program. It has no network, a root of its own that it cannot write, only
 * the files that it is given to read, a small `/tmp` that ends with it, and limits on memory and time.
 *
 * What holds: the kernel's namespaces, so a fault of the kernel can break it. Memory is limited by `RLIMIT_DATA`, which does not count
 * mapped files and `/tmp`; `/tmp` has a limit of its own. Both limits are of each process, and nobody limits how many of them it
 * starts but the time that the engine has: many together can take more memory than the limit.
 *
 * @module
 */
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import { UsageError } from '../exit.ts'

export interface SandboxOptions {
  /** Program and arguments, paths as they are inside. */
  readonly command: readonly [string, ...string[]]
  /** Files and folders that it may read: path outside → path inside. */
  readonly reads: ReadonlyMap<string, string>
  /** Of each of its processes. */
  readonly memoryBytes: number
  /** Of each of its processes, all threads of it together. */
  readonly cpuSeconds: number
  /** The folder for procfs is left out, where a container forbids to mount it. */
  readonly proc?: boolean | undefined
}

/** Of `/tmp`, and of any file in it. */
const TMP_BYTES = 64 * 2 ** 20

/** Bubblewrap's arguments cannot leave any of these out: each is a wall. */
const WALLS = [
  // User, network, process, IPC, host name and cgroup namespaces: no address but an unconnected loopback.
  ['--unshare-all'],
  ['--unshare-user', '--uid', '65534', '--gid', '65534'],
  // Root's own powers, where bubblewrap is started by root.
  ['--cap-drop', 'ALL'],
  ['--die-with-parent'],
  // Else it could type into the terminal of who started it.
  ['--new-session'],
  ['--clearenv', '--setenv', 'HOME', '/tmp', '--setenv', 'LANG', 'C.UTF-8'],
] as const

/** What programs are linked against. Configuration and secrets lie elsewhere. */
const SYSTEM = ['/usr', '/lib', '/lib64', '/bin'] as const

/** The program and arguments that run a command in the sandbox. */
export function sandboxed({
  command,
  reads,
  memoryBytes,
  cpuSeconds,
  proc = true,
}: SandboxOptions): readonly [string, ...string[]] {
  const limits = [`--data=${memoryBytes}`, `--cpu=${cpuSeconds}`, `--fsize=${TMP_BYTES}`, '--core=0', '--nofile=1024']
  const system = SYSTEM.flatMap((path) => ['--ro-bind-try', path, path])
  const given = [...reads].flatMap(([outside, inside]) => ['--ro-bind', outside, inside])
  return [
    'prlimit',
    ...limits,
    '--',
    'bwrap',
    ...WALLS.flat(),
    ...system,
    ...(proc ? ['--proc', '/proc'] : []),
    ...['--dev', '/dev', '--size', String(TMP_BYTES), '--tmpfs', '/tmp'],
    ...given,
    // The root that bubblewrap made, and /dev in it, are in memory and could be filled.
    ...['--remount-ro', '/dev', '--remount-ro', '/', '--chdir', '/tmp'],
    '--',
    ...command,
  ]
}

/** Node closes what it opened itself; of what it was started with, only the first sixteen. */
const CLOSED_ON_EXEC = 0o2000000
/** More would leave the program no room under its own limit. */
const MAX_LEFT_OPEN = 512

/**
 * The highest descriptor of this process that a program started by it would get beside those that it is given; -1: none.
 *
 * @throws {UsageError} when there are too many to be covered.
 */
export function highestLeftOpen(): number {
  if (process.platform !== 'linux') return -1
  const open = readdirSync('/proc/self/fd').map(Number)
  const left = open.filter((descriptor) => {
    try {
      const [, flags = '0'] = /flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8')) ?? []
      return (Number.parseInt(flags, 8) & CLOSED_ON_EXEC) === 0
    } catch {
      // The one that the folder was read with.
      return false
    }
  })
  const highest = Math.max(-1, ...left)
  if (highest <= MAX_LEFT_OPEN) return highest
  const state = `this program was started with descriptor ${highest} open, wanted none above ${MAX_LEFT_OPEN}`
  throw new UsageError([`Cannot start the model's engine: ${state}`])
}

export interface Sandbox {
  /** `bubblewrap 0.8.0`. */
  readonly name: string
  readonly proc: boolean
}

/**
 * Finds out whether a sandbox can be had here, by starting one.
 *
 * @throws {UsageError} saying what is missing: the program, or the right to make namespaces.
 */
export async function findSandbox(): Promise<Sandbox> {
  if (process.platform !== 'linux') throw unavailable('bubblewrap runs on Linux only')
  const version = await tried(['bwrap', '--version'])
  if (version.missing) throw unavailable('there is no bwrap on this machine', 'apt-get install bubblewrap')
  const limits = await tried(['prlimit', '--version'])
  if (limits.missing) throw unavailable('there is no prlimit on this machine', 'apt-get install util-linux')
  let said = ''
  for (const proc of [true, false]) {
    const [program, ...rest] = sandboxed({
      command: ['true'],
      reads: new Map(),
      memoryBytes: 2 ** 28,
      cpuSeconds: 10,
      proc,
    })
    const { failed, stderr } = await tried([program, ...rest])
    if (!failed) return { name: version.stdout.trim(), proc }
    said ||= stderr.trim()
  }
  const hint = 'user namespaces switched on, and a container that permits them'
  throw unavailable(`bubblewrap starts nothing here (${said.slice(0, 200)})`, hint)
}

const unavailable = (state: string, wanted = 'one'): UsageError =>
  new UsageError([
    `Cannot run the model in a sandbox: ${state}, wanted ${wanted}. --unsandboxed runs it without one: with your network, your files and your rights`,
  ])

interface Tried {
  readonly failed: boolean
  readonly missing: boolean
  readonly stdout: string
  readonly stderr: string
}

const tried = ([program, ...args]: readonly [string, ...string[]]): Promise<Tried> =>
  new Promise((resolve) => {
    execFile(program, args, { timeout: 20_000 }, (error, stdout, stderr) => {
      resolve({
        failed: error !== null,
        missing: error?.code === 'ENOENT',
        stdout,
        stderr: stderr || String(error ?? ''),
      })
    })
  })

/**
 * The folders that hold a program of ours and all that it imports.
 *
 * @param path Of one of its files, links followed.
 */
export function programFolders(path: string): readonly string[] {
  const modules = `${sep}node_modules${sep}`
  const installed = path.indexOf(modules)
  if (installed >= 0) return [path.slice(0, installed + modules.length - 1)]
  for (let at = dirname(path); at !== dirname(at); at = dirname(at)) {
    if (existsSync(join(at, 'pnpm-workspace.yaml'))) return [join(at, 'packages'), join(at, 'node_modules')]
  }
  throw new UsageError([
    `Cannot run the model in a sandbox: nothing tells which folder ${path} needs, wanted an installed package`,
  ])
}

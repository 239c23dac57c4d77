// The installed packages where a bundler comes in between: workerd, a page of Vite's, and how large the first load is.
import { execFileSync, spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, extname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { chromium as browser } from 'playwright-core'
import { freePort } from '../runtime/free-port.ts'
import { chromium, workerd } from '../runtime/program.ts'
import { bare, outcome, type Project } from './project.ts'

const EXAMPLE = join(import.meta.dirname, '..', '..', 'examples', 'edge-worker')

/** The local router has an address that is not public; nothing else is allowed that workerd does not allow by itself. */
const CAPNP = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [
  (name = "main", worker = (modules = [(name = "worker.js", esModule = embed "worker.js")], compatibilityDate = "2026-01-01")),
  (name = "internet", network = (allow = ["public", "private"])),
]);
`

/** Runs a package's driver in workerd, bundled with the conditions of workers. */
export async function onWorkerd({ folder }: Project, which: string, input: object): Promise<unknown> {
  const program = workerd()
  if (program === undefined) throw new Error('no workerd on this machine: pnpm install brings it')
  const work = join(folder, `workerd-${which}`)
  mkdirSync(work)
  const known = JSON.stringify(input)
  const contents = `import { run } from './${which}.js'
export default { async test() { console.log(JSON.stringify(await run(${known}))) } }`
  await build({
    stdin: { contents, resolveDir: folder },
    outfile: join(work, 'worker.js'),
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    conditions: ['workerd', 'worker', 'import'],
    logLevel: 'error',
  })
  writeFileSync(join(work, 'worker.capnp'), CAPNP)
  return outcome(
    spawn(program, ['test', 'worker.capnp'], { cwd: work, env: bare(), stdio: ['ignore', 'pipe', 'ignore'] }),
  )
}

/** The router's edge in workerd, from the tarball, with the configuration of examples/edge-worker. */
export async function edgeOnWorkerd(
  { folder }: Project,
  env: Readonly<Record<string, string>>,
): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const work = join(folder, 'edge')
  await build({
    stdin: { contents: "export { default, WeaveLink } from '@mystranet/router/edge/workerd'", resolveDir: folder },
    outfile: join(work, 'dist', 'worker.js'),
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    conditions: ['workerd', 'worker', 'import'],
    external: ['cloudflare:*'],
    logLevel: 'error',
  })
  copyFileSync(join(EXAMPLE, 'edge.capnp'), join(work, 'edge.capnp'))
  const port = await freePort()
  const args = ['serve', 'edge.capnp', `--socket-addr=http=127.0.0.1:${port}`]
  const child = spawn(workerd() ?? 'workerd', args, {
    cwd: work,
    env: { ...bare(), ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const url = `http://127.0.0.1:${port}`
  const answers = () =>
    fetch(`${url}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    )
  while (!(await answers())) {
    if (child.exitCode !== null) throw new Error(`workerd ended: ${said}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return {
    url,
    async stop() {
      const exit = new Promise((resolve) => child.once('close', resolve))
      child.kill('SIGKILL')
      await exit
    },
  }
}

export interface Page {
  readonly origin: string
  /** Opens the page in Chromium, runs a package's driver in it, and reads what the page shows. */
  run(which: string, input: object): Promise<unknown>
  close(): Promise<void>
}

const TYPES: Readonly<Record<string, string>> = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript' }

/** Builds a page with the project's own Vite and serves what came out. */
export async function vitePage({ folder }: Project, drivers: readonly string[]): Promise<Page> {
  const imports = drivers.map((name) => `${name}: () => import('./${name}.js')`).join(', ')
  writeFileSync(
    join(folder, 'index.html'),
    '<!doctype html><title>page</title><output></output><script type="module" src="/page.js"></script>',
  )
  writeFileSync(
    join(folder, 'page.js'),
    `const drivers = { ${imports} }
window.runDriver = async (name, input) => {
  document.querySelector('output').textContent = JSON.stringify(await (await drivers[name]()).run(input))
}`,
  )
  execFileSync(process.execPath, [join(folder, 'node_modules/vite/bin/vite.js'), 'build', '--logLevel', 'error'], {
    cwd: folder,
    env: bare(),
    stdio: 'pipe',
  })
  const server = createServer((request, response) => {
    const path = request.url === '/' ? '/index.html' : (request.url ?? '')
    try {
      const bytes = readFileSync(join(folder, 'dist', path))
      response.setHeader('content-type', TYPES[extname(path)] ?? 'application/octet-stream')
      response.end(bytes)
    } catch {
      response.writeHead(404).end()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const executablePath = chromium()
  if (executablePath === undefined)
    throw new Error('no chromium on this machine: install it, or name one in WEAVE_CHROMIUM')
  const opened = await browser.launch({ executablePath, headless: true, args: ['--no-sandbox', '--disable-gpu'] })
  return {
    origin,
    async run(which, input) {
      const page = await opened.newPage()
      await page.goto(origin)
      await page.evaluate(`runDriver(${JSON.stringify(which)}, ${JSON.stringify(input)})`)
      return JSON.parse((await page.textContent('output')) ?? 'null')
    },
    async close() {
      await opened.close()
      server.close()
    },
  }
}

/** What a page loads at once of a subpath, all of it used: the entry and what it imports statically. */
export async function firstLoadOf({ folder }: Project, subpath: string): Promise<{ bytes: number; gzipped: number }> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: `export * from '${subpath}'`, resolveDir: folder },
    outdir: join(folder, 'size'),
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    conditions: ['browser', 'import'],
    metafile: true,
    write: false,
    absWorkingDir: folder,
    logLevel: 'error',
  })
  const outputs = new Map(Object.entries(metafile.outputs))
  const wanted = new Set([...outputs].filter(([, { entryPoint }]) => entryPoint === '<stdin>').map(([path]) => path))
  for (const path of wanted) {
    for (const { path: next, kind } of outputs.get(path)?.imports ?? [])
      if (kind === 'import-statement') wanted.add(next)
  }
  const files = outputFiles.filter(({ path }) => wanted.has(path.slice(dirname(join(folder, 'x')).length + 1)))
  return {
    bytes: files.reduce((sum, { contents }) => sum + contents.length, 0),
    gzipped: files.reduce((sum, { contents }) => sum + gzipSync(contents, { level: 9 }).length, 0),
  }
}

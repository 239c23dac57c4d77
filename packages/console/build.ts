/**
 * Builds what browsers get: the page with its parts, and the verifier as one file. Runs from source; under a second.
 *
 *   node build.ts            writes dist/site/ and dist/verifier.html with its digest
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type BuildOptions, build, type Plugin } from 'esbuild'
import { minify } from 'terser'
import { PAGE_POLICY, verifierPolicy } from './src/asset.ts'

const HERE = dirname(fileURLToPath(import.meta.url))
const inside = (path: string) => join(HERE, 'src', path)

/** How everything for browsers is built. */
export const BASE = {
  bundle: true,
  minify: true,
  write: false,
  format: 'esm',
  target: 'es2023',
  charset: 'utf8',
  legalComments: 'none',
  conditions: ['browser', '@mystranet/source'],
  absWorkingDir: HERE,
  // The workspace's tsconfig speaks to the compiler; a bundle must not depend on where it is built.
  tsconfigRaw: '{}',
} as const satisfies BuildOptions

/** Path under which it is served → bytes. */
export type Site = ReadonlyMap<string, Uint8Array<ArrayBuffer>>

/** Builds everything in memory. Costs about 0.3 s. */
export async function buildSite(): Promise<Site> {
  const [page, verifier] = await Promise.all([buildPage(), buildVerifier()])
  const digest = createHash('sha256').update(verifier).digest('hex')
  return new Map([
    ...page,
    ['/verifier.html', verifier],
    ['/verifier.html.sha256', bytesOf(`${digest}  verifier.html\n`)],
  ])
}

/** The page that `weave up` serves. X25519 and what older browsers lack are chunks of their own, loaded when needed. */
export async function buildPage(): Promise<Site> {
  const { outputFiles } = await build({
    ...BASE,
    entryPoints: [inside('page/page.ts'), inside('style/page.css')],
    entryNames: '[name]',
    chunkNames: '[name]-[hash]',
    splitting: true,
    outdir: join(HERE, 'dist/site'),
  })
  const html = fillIn(readFileSync(inside('page/page.html'), 'utf8'), { CSP: PAGE_POLICY })
  return new Map([
    ['/', bytesOf(html)],
    ...outputFiles.map(
      (file) => [`/console/${file.path.split(/[\\/]/).pop()}`, file.contents as Uint8Array<ArrayBuffer>] as const,
    ),
  ])
}

/** The verifier: markup, one style and one script, each named by its digest in the policy. */
export async function buildVerifier(): Promise<Uint8Array<ArrayBuffer>> {
  const [SCRIPT, STYLE] = await Promise.all([verifierScript(), verifierStyle()])
  const CSP = verifierPolicy(digestOf(SCRIPT), digestOf(STYLE))
  return bytesOf(fillIn(readFileSync(inside('verifier/verifier.html'), 'utf8'), { SCRIPT, STYLE, CSP }))
}

/** The verifier's script, its page included. */
export async function verifierScript(): Promise<string> {
  return inMarkup(await asOneFile({ entryPoints: [inside('verifier/main.ts')] }), 'script')
}

/** What the verifier's file holds besides its page: all that turns bytes and a trust file into a verdict. */
export const verifierCore = (): Promise<string> =>
  asOneFile({
    stdin: { contents: `export { examine, parseTrustFile } from '@mystranet/sdk/verify'`, resolveDir: HERE },
  })

async function asOneFile(entry: Pick<BuildOptions, 'entryPoints' | 'stdin'>): Promise<string> {
  const { outputFiles } = await build({ ...BASE, write: false, ...entry, plugins: [standIns] })
  return smaller(outputFiles[0]!.text)
}

/** One more minifier over what esbuild gives: it inlines what is used once, which saves a thirtieth. About 0.5 s. */
export async function smaller(script: string): Promise<string> {
  const { code } = await minify(script, { module: true, ecma: 2020, compress: { passes: 2 } })
  return code!
}

async function verifierStyle(): Promise<string> {
  const { outputFiles } = await build({ ...BASE, entryPoints: [inside('style/verifier.css')] })
  return inMarkup(outputFiles[0]!.text, 'style')
}

/** What stands in for parts of the SDK that one file has no use for. */
const STAND_INS = [
  [/\/noble\/ed25519\.ts$/, 'verifier/no-ed25519.ts'],
  [/\/schemas\/(codes|src\/codes\.ts)$|^\.\/codes\.ts$/, 'verifier/no-codes.ts'],
] as const

const standIns: Plugin = {
  name: 'stand-ins',
  setup({ onResolve }) {
    for (const [filter, path] of STAND_INS) onResolve({ filter }, () => ({ path: inside(path) }))
  },
}

/** Text that stands inside an element as it is; a closing tag in it would end the element. */
function inMarkup(text: string, tag: string): string {
  if (text.toLowerCase().includes(`</${tag}`))
    throw new RangeError(`Cannot put a ${tag} into markup: it holds </${tag}`)
  return text
}

function fillIn(template: string, parts: Readonly<Record<string, string>>): string {
  return template.replace(/\/\*%([A-Z]+)%\*\/|%([A-Z]+)%/g, (_, first?: string, second?: string) => {
    const name = (first ?? second) as string
    const text = parts[name]
    if (text === undefined) throw new RangeError(`Cannot fill in the markup: nothing is named ${name}`)
    return text
  })
}

const digestOf = (text: string): string => createHash('sha256').update(text).digest('base64')
const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text)

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const dist = join(HERE, 'dist')
  rmSync(join(dist, 'site'), { recursive: true, force: true })
  for (const [path, bytes] of await buildSite()) {
    const name = path === '/' ? 'site/index.html' : path.replace(/^\/console\//, '/site/').slice(1)
    mkdirSync(dirname(join(dist, name)), { recursive: true })
    writeFileSync(join(dist, name), bytes)
    console.log(`${name}  ${bytes.length} B`)
  }
}

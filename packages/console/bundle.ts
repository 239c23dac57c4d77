/**
 * How large what a browser loads is: the static imports of an entry, gzipped one by one as a server would send them.
 *
 * @module
 */
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { BASE, smaller } from './build.ts'

export const gzipped = (text: string | Uint8Array): number => gzipSync(text, { level: 9 }).length

/** Bytes, minified and gzipped, that must be there before `code` runs. What it imports later, at need, is not counted. */
export async function firstLoad(code: string): Promise<number> {
  const { outputFiles, metafile } = await build({
    ...BASE,
    stdin: { contents: code, resolveDir: dirname(fileURLToPath(import.meta.url)), loader: 'ts' },
    metafile: true,
    splitting: true,
    outdir: 'out',
  })
  const { outputs } = metafile
  const needed = new Set<string>()
  const need = (path: string) => {
    if (needed.has(path)) return
    needed.add(path)
    for (const { kind, path: next } of outputs[path]!.imports) if (kind === 'import-statement') need(next)
  }
  need(Object.keys(outputs).find((path) => outputs[path]!.entryPoint !== undefined)!)
  const files = outputFiles.filter(({ path }) =>
    [...needed].some((wanted) => join(BASE.absWorkingDir, wanted) === path),
  )
  const sizes = await Promise.all(files.map(async ({ text }) => gzipped(await smaller(text))))
  return sizes.reduce((total, size) => total + size, 0)
}

/** One ES module with everything in it. @param code TypeScript. */
export async function bundled(code: string): Promise<string> {
  const { outputFiles } = await build({
    ...BASE,
    stdin: { contents: code, resolveDir: dirname(fileURLToPath(import.meta.url)), loader: 'ts' },
  })
  return outputFiles[0]!.text
}

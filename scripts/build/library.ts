import { readFileSync } from 'node:fs'
import { defineConfig } from 'tsup'
import { entriesOf, type Manifest } from './exports.ts'

/**
 * The one way in which a package of this workspace is built: what `exports` and `bin` promise, as ES modules with
 * types and shared chunks. Other packages of the workspace stay imports, the package's own `#` paths too, so that the
 * conditions of the reader's platform choose the adapters.
 */
export const library = () => {
  const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest
  const entry = { ...entriesOf(manifest) }
  return defineConfig({
    entry,
    // node:sqlite has no name without its prefix.
    removeNodeProtocol: false,
    format: 'esm',
    target: 'es2022',
    platform: 'neutral',
    dts: true,
    splitting: true,
    sourcemap: true,
    clean: true,
    treeshake: false,
    external: [/^@mystranet\//, /^#/, /^node:/],
  })
}

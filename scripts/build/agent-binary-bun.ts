// Run by Bun, from agent-binary.ts: `bun agent-binary-bun.ts OUT`.
import { join } from 'node:path'

interface Loader {
  onResolve(of: { readonly filter: RegExp }, resolve: () => { readonly path: string; readonly namespace: string }): void
  onLoad(
    of: { readonly filter: RegExp; readonly namespace: string },
    load: () => Promise<{ readonly contents: string; readonly loader: 'js' }>,
  ): void
}
/** Of Bun's own interface, what is used here. */
declare const Bun: { build(options: Readonly<Record<string, unknown>>): Promise<unknown> }

const AGENT = join(import.meta.dirname, '..', '..', 'packages', 'agent')

/** Native libraries cannot be inside the program: llama.cpp is loaded from node_modules beside it, when it is wanted. */
const llamaBeside = {
  name: 'llama-beside',
  setup(bundler: Loader) {
    bundler.onResolve({ filter: /^node-llama-cpp$/ }, () => ({ path: 'node-llama-cpp', namespace: 'beside' }))
    bundler.onLoad({ filter: /.*/, namespace: 'beside' }, async () => {
      const names = Object.keys(await import(pathOf('node-llama-cpp'))).filter((name) => name !== 'default')
      const contents = `
        import { dirname, join } from 'node:path'
        const path = join(dirname(process.execPath), 'node_modules', 'node-llama-cpp', 'dist', 'index.js')
        // The library tries a back end in a child process, which it starts from this program: that child is to be Bun.
        process.env.BUN_BE_BUN = '1'
        const found = await import(path).catch((cause) => {
          throw new Error('Cannot load llama.cpp: no ' + path + ', wanted node-llama-cpp installed beside this program', { cause })
        })
        ${names.map((name) => `export const ${name} = found.${name}`).join('\n')}`
      return { contents, loader: 'js' }
    })
  },
}

const pathOf = (name: string): string =>
  (import.meta as unknown as { resolveSync(name: string, from: string): string }).resolveSync(name, join(AGENT, 'src'))

await Bun.build({
  entrypoints: [join(AGENT, 'src', 'main.ts')],
  conditions: ['@mystranet/source'],
  // Each engine stays a part of its own, loaded when it is wanted.
  splitting: true,
  compile: {
    outfile: process.argv[2],
    // Without it, what lies beside the program cannot find its own dependencies.
    autoloadPackageJson: true,
    // The folder in which it is started has no say.
    autoloadDotenv: false,
    autoloadBunfig: false,
  },
  plugins: [llamaBeside],
})

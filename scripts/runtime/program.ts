// The programs of every runtime that tests run on, as `pnpm install`, scripts/prepare.mjs or the system left them.
// Undefined is: not on this machine; the test that needs it fails and says how to get it.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const ROOT = dirname(dirname(import.meta.dirname))
const require = createRequire(join(ROOT, 'package.json'))
const exe = process.platform === 'win32' ? '.exe' : ''

/** The program inside the platform's own package, which npm and pnpm install without any script. */
function insidePackage(packageName: string, ...file: readonly string[]): string | undefined {
  const manifest = require.resolve(`${packageName}/package.json`)
  const { optionalDependencies } = JSON.parse(readFileSync(manifest, 'utf8')) as { optionalDependencies: object }
  for (const platform of Object.keys(optionalDependencies)) {
    try {
      const folder = dirname(createRequire(manifest).resolve(`${platform}/package.json`))
      const program = join(folder, ...file)
      if (existsSync(program)) return program
    } catch {
      // Of another platform.
    }
  }
  return undefined
}

/** Node of another major: named in the environment, or where scripts/prepare.mjs put it. */
export function olderNode(major: 20 | 22): string | undefined {
  const named = process.env[`WEAVE_NODE${major}`]
  if (named !== undefined) return named
  const folder = join(ROOT, '.cache', 'runtime')
  const kept = existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith(`node-${major}.`)) : []
  return kept.map((name) => join(folder, name, `node${exe}`)).find(existsSync)
}

export const deno = (): string | undefined => insidePackage('deno', `deno${exe}`)
export const bun = (): string | undefined => insidePackage('bun', 'bin', `bun${exe}`)
export const workerd = (): string | undefined => insidePackage('workerd', 'bin', `workerd${exe}`)
export function chromium(): string | undefined {
  const path = process.env['WEAVE_CHROMIUM'] ?? '/usr/bin/chromium'
  return existsSync(path) ? path : undefined
}

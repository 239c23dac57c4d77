import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

type Command = (program: string, ...args: readonly string[]) => Promise<boolean>

const FOLDER = 'packages/schemas'

/** Path → digest of every file under the folder that git tracks or would track. */
const snapshot = (root: string): ReadonlyMap<string, string> => {
  const listing = execFileSync('git', ['ls-files', '-coz', '--exclude-standard', FOLDER], {
    cwd: root,
    encoding: 'utf8',
  })
  const digest = (path: string): string => {
    try {
      return createHash('sha256')
        .update(readFileSync(join(root, path)))
        .digest('hex')
    } catch {
      return 'absent'
    }
  }
  return new Map([...new Set(listing.split('\0').filter(Boolean))].map((path) => [path, digest(path)]))
}

/** Paths whose digest differs between two snapshots, those included that only one of them has. */
export const differing = (before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): readonly string[] =>
  [...new Set([...before.keys(), ...after.keys()])]
    .filter((path) => (before.get(path) ?? 'absent') !== (after.get(path) ?? 'absent'))
    .sort()

/**
 * Generates the code of the schemas again. True when that changes no file: what is in the tree is what the .proto
 * files say. In a clean clone this is `git diff --exit-code`; in a tree with open work it blames only generated files.
 */
export const generatedDiff = async (root: string, command: Command): Promise<boolean> => {
  const before = snapshot(root)
  if (!(await command('pnpm', '--filter', '@mystranet/schemas', 'run', 'generate'))) return false
  const changed = differing(before, snapshot(root))
  for (const path of changed) console.error(`not what its source generates: ${path} (commit what this run wrote)`)
  return changed.length === 0
}

/** A package.json, as far as the build and the packaging checks read it. */
export interface Manifest {
  readonly name: string
  readonly version: string
  readonly private?: boolean
  readonly exports?: ExportNode
  readonly imports?: ExportNode
  readonly bin?: string | Readonly<Record<string, string>>
  readonly scripts?: Readonly<Record<string, string>>
}

/** One node of an `exports` map: a target, or conditions in order of preference. */
export type ExportNode = string | null | { readonly [condition: string]: ExportNode }

/** Every target of an `exports` map, with the conditions that lead to it. */
export const targetsOf = (
  node: ExportNode | undefined,
  path: readonly string[] = [],
): readonly { readonly path: readonly string[]; readonly target: string }[] => {
  if (node === undefined || node === null) return []
  if (typeof node === 'string') return [{ path, target: node }]
  return Object.entries(node).flatMap(([condition, child]) => targetsOf(child, [...path, condition]))
}

const binsOf = ({ bin }: Manifest): readonly string[] =>
  bin === undefined ? [] : typeof bin === 'string' ? [bin] : Object.values(bin)

/** dist/a/b.js and its types come from src/a/b.ts. */
export const sourceOf = (target: string): string =>
  target.replace(/^\.\/dist\//, './src/').replace(/\.d\.ts$|\.js$/, '.ts')

/**
 * What the build must compile for the package to keep the promises of its `exports`, `imports` and `bin`:
 * entry name under dist (without its ending) → source file. Conditions may nest in any order.
 */
export const entriesOf = (manifest: Manifest): Readonly<Record<string, string>> => {
  const mapped = [...targetsOf(manifest.exports), ...targetsOf(manifest.imports)].map((t) => t.target)
  const targets = [...mapped, ...binsOf(manifest)]
  const scripts = targets.filter((t) => /^\.\/dist\/.*\.js$/.test(t) && !t.includes('*'))
  return Object.fromEntries(scripts.map((t) => [t.slice('./dist/'.length, -'.js'.length), sourceOf(t)]))
}

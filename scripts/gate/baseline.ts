import { existsSync } from 'node:fs'
import { join } from 'node:path'

type Command = (program: string, ...args: readonly string[]) => Promise<boolean>

/**
 * The schemas as the last release shipped them, as a buf image in the tree: a shallow clone has it too. A release, or
 * a break that was decided on before the first one, renews it: `pnpm exec buf build packages/schemas --exclude-source-info -o <this file>`.
 */
const BASELINE = 'scripts/gate/baseline.binpb'

/** True when every reader of the baseline's messages can read today's. */
export const breakingAgainst = async (root: string, command: Command): Promise<boolean> => {
  if (!existsSync(join(root, BASELINE))) {
    console.error(`Cannot compare the schemas: no ${BASELINE}, wanted the image of the last release`)
    return false
  }
  return command('buf', 'breaking', 'packages/schemas', '--against', BASELINE)
}

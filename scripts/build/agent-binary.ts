// The agent as one program without a runtime to install, for this platform: `node scripts/build/agent-binary.ts [OUT]`.
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { bun } from '../runtime/program.ts'

/**
 * Compiles the agent with Bun, from its sources. The program is about as large as Bun.
 *
 * @throws Error when there is no Bun, or with what it said.
 */
export function buildAgentBinary(out: string): void {
  const program = bun()
  if (program === undefined) throw new Error('Cannot make the agent binary: no Bun, wanted the one of pnpm install')
  mkdirSync(dirname(out), { recursive: true })
  const script = join(import.meta.dirname, 'agent-binary-bun.ts')
  const { status, stderr } = spawnSync(program, ['run', script, out], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`Cannot make the agent binary: ${stderr}`)
}

if (import.meta.main) {
  const out = resolve(process.argv[2] ?? join('dist', 'weave-agent'))
  buildAgentBinary(out)
  console.log(out)
}

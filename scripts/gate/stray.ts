// A reporter of vitest: errors that no test caught. Its JSON report says nothing of them, and a second run of a file
// must not make one of them be forgotten.
import { writeFileSync } from 'node:fs'

interface Stray {
  readonly message: string
  readonly VITEST_TEST_PATH?: string
}

/** Where the reporter writes its lines, one an error; the gate sets it. */
export const STRAY_FILE = 'WEAVE_STRAY_FILE'

export default function strayReporter() {
  return {
    onTestRunEnd(_modules: unknown, errors: readonly Stray[]): void {
      const file = process.env[STRAY_FILE]
      if (file === undefined) throw new Error(`Cannot report stray errors: ${STRAY_FILE} is not set`)
      const lines = errors.map((e) => `${e.VITEST_TEST_PATH ?? 'vitest'}: ${String(e.message).split('\n')[0]}`)
      writeFileSync(file, JSON.stringify(lines))
    },
  }
}

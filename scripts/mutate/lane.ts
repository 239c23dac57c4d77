// One vitest that stays open, so that a run costs the tests and not the start. It sees the instrumented sources.
import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { inspect } from 'node:util'
import { createVitest, type TestModule, type TestSpecification, type Vitest } from 'vitest/node'
import { instrument } from './guards.ts'

/** A test as vitest names it for itself, and for people. */
export interface TestName {
  readonly moduleId: string
  readonly id: string
  readonly name: string
  readonly ms: number
}

export interface RecordedTest extends TestName {
  readonly guards: readonly string[]
  readonly passed: boolean
}

export interface Lane {
  /** Runs whole files with every guard in place. */
  record(files: readonly string[]): Promise<readonly RecordedTest[]>
  /** Runs the tests without the guard. @returns Name of the first red test, or undefined. */
  without(guard: string, tests: readonly TestName[]): Promise<string | undefined>
  close(): Promise<void>
}

/** A run without a guard that needs so much, and so many times what it needed with it, hangs; and a hang is red. */
const HANG_MS = 60_000
const HANG_TIMES = 10
const RECORD_MS = 30 * 60_000

export async function openLane(root: string, guarded: ReadonlySet<string>): Promise<Lane> {
  let vitest = await start(root, guarded)

  /** @returns undefined when it hung or its process ended; what hung is killed. */
  const run = async (
    guard: string,
    specs: readonly TestSpecification[],
    hangMs: number,
  ): Promise<readonly TestModule[] | undefined> => {
    vitest.provide('removedGuard', guard)
    const gaveUp = new AbortController()
    const hang = setTimeout(hangMs, undefined, { signal: gaveUp.signal }).catch(() => undefined)
    const result = await Promise.race([vitest.runTestSpecifications([...specs]), hang])
    gaveUp.abort()
    // A process that ended, for lack of memory say, leaves its tests as an earlier run found them.
    const died = result?.unhandledErrors.some((error) => /worker|fork|exited/i.test(inspect(error))) ?? true
    if (result !== undefined && !died) return result.testModules
    await vitest.close().catch(() => {})
    vitest = await start(root, guarded)
    return undefined
  }

  return {
    async record(files) {
      const project = vitest.getRootProject()
      const specs = files.map((file) => project.createSpecification(file))
      const modules = await run('', specs, RECORD_MS)
      if (modules === undefined) throw new Error(`Cannot record the tests: they took more than ${RECORD_MS} ms`)
      return modules.flatMap((module) =>
        [...module.children.allTests()].map((test) => ({
          moduleId: module.moduleId,
          id: test.id,
          name: `${relative(root, module.moduleId)} › ${test.fullName}`,
          ms: test.diagnostic()?.duration ?? 0,
          guards: test.meta().guards ?? [],
          passed: test.ok(),
        })),
      )
    },
    async without(guard, tests) {
      const project = vitest.getRootProject()
      const specs = [...Map.groupBy(tests, (test) => test.moduleId)].map(([file, of]) =>
        project.createSpecification(file, { testIds: of.map((test) => test.id) }),
      )
      const usualMs = tests.reduce((sum, { ms }) => sum + ms, 0)
      const modules = await run(guard, specs, HANG_MS + HANG_TIMES * usualMs)
      if (modules === undefined) return `${tests[0]?.name} (hung, or its process ended)`
      // Vitest gives every module that it knows, also those that an earlier run left red.
      const ran = new Set(tests.map((test) => test.moduleId))
      for (const module of modules.filter(({ moduleId }) => ran.has(moduleId))) {
        for (const test of module.children.allTests()) {
          if (test.result().state === 'failed') return `${relative(root, module.moduleId)} › ${test.fullName}`
        }
        if (module.state() === 'failed') return `${relative(root, module.moduleId)} (whole file)`
      }
      return undefined
    },
    close: () => vitest.close(),
  }
}

function start(root: string, guarded: ReadonlySet<string>): Promise<Vitest> {
  const conditions = ['@mystranet/source', 'node', 'import', 'module', 'default']
  return createVitest(
    'test',
    {
      root,
      config: false,
      watch: false,
      include: ['packages/*/{src,test}/**/*.test.ts'],
      setupFiles: [join(import.meta.dirname, 'record.ts')],
      // Its key does not hold our plugin: what other guards made of a file would come back.
      fsModuleCache: false,
      pool: 'forks',
      maxWorkers: 1,
      execArgv: ['--conditions=@mystranet/source'],
      testTimeout: 20_000,
      hookTimeout: 20_000,
      reporters: [{}],
      provide: { removedGuard: '' },
    },
    {
      logLevel: 'error',
      resolve: { conditions },
      ssr: { resolve: { conditions, externalConditions: conditions } },
      plugins: [
        {
          name: 'guards',
          enforce: 'pre',
          transform(_code: string, id: string) {
            const file = relative(root, id.split('?')[0] ?? id)
            if (!guarded.has(file)) return null
            return { code: instrument(file, readFileSync(join(root, file), 'utf8')).code, map: null }
          },
        },
      ],
    },
  )
}

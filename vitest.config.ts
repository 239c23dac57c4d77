import { defineConfig } from 'vitest/config'

/** Sources run as they are written: workspace packages resolve to src, not to dist. */
const conditions = ['@mystranet/source', 'node', 'import', 'module', 'default']

const shared = {
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
}

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // A second, as vitest has it, is little on a machine that runs something else besides.
    expect: { poll: { timeout: 15_000 } },
    execArgv: ['--conditions=@mystranet/source'],
    projects: [
      {
        ...shared,
        extends: true,
        test: {
          name: 'unit',
          include: [
            'packages/*/src/**/*.test.ts',
            'packages/*/test/**/*.test.ts',
            'scripts/**/*.test.ts',
            'bench/**/*.test.ts',
          ],
          exclude: ['**/node_modules/**', '**/dist/**', 'scripts/packaging/**'],
        },
      },
      {
        ...shared,
        extends: true,
        // Reads dist: `pnpm build` comes first.
        test: { name: 'packaging', include: ['scripts/packaging/**/*.test.ts'], testTimeout: 120_000 },
      },
    ],
  },
})

import { readFileSync } from 'node:fs'
import { PacketError } from '@mystranet/sdk/errors'
import { describe, expect, test } from 'vitest'
import { readConfig, SETTINGS } from './config.ts'
import { EXIT_CODES, exitCodeOf, UsageError } from './exit.ts'

describe('readConfig', () => {
  test('a flag wins over the environment, and that over the fallback', () => {
    const env = { WEAVE_PORT: '9', WEAVE_TAG: 'a,b', HOME: '/home/u' }
    expect(readConfig(env, { port: '10' })).toMatchObject({ port: 10, tags: ['a', 'b'], proxyPort: 8471 })
    expect(readConfig(env, { tag: ['c', 'd', 'c'] }).tags).toEqual(['c', 'd'])
  })

  test('folders follow the XDG rules: a relative path counts as not set', () => {
    expect(readConfig({ HOME: '/home/u' }).state).toBe('/home/u/.local/state/mystranet-weave')
    expect(readConfig({ HOME: '/home/u', XDG_STATE_HOME: '/x' }).state).toBe('/x/mystranet-weave')
    expect(readConfig({ HOME: '/home/u', XDG_STATE_HOME: 'x' }).state).toBe('/home/u/.local/state/mystranet-weave')
    expect(readConfig({ HOME: '/home/u', XDG_CACHE_HOME: '/c' }).models).toBe('/c/mystranet-weave/models')
    expect(readConfig({}, { state: 'here' }, '/work').state).toBe('/work/here')
  })

  test('all faults are listed at once, each by the name that was used', () => {
    const flags = { port: '70000', tag: ['Big', 'ok'], url: 'ftp://x' }
    const env = { WEAVE_ENGINE: 'magic', WEAVE_SLOTS: '0', WEAVE_ROUTER: 'http://u:p@x' }
    const faults = faultsOf(() => readConfig(env, flags))
    expect(faults).toHaveLength(6)
    expect(faults.join()).toMatch(/--tag is "Big".*--port is "70000".*WEAVE_ENGINE.*--url.*WEAVE_SLOTS.*WEAVE_ROUTER/)
  })

  test('it is frozen', () => {
    expect(Object.isFrozen(readConfig({}))).toBe(true)
  })
})

const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8')

test('the README shows every setting and every exit code as the tables have them', () => {
  for (const { flag, env, about } of Object.values(SETTINGS)) {
    expect(README).toContain(`| \`--${flag}\` | \`${env}\` |`)
    expect(README).toContain(about)
  }
  for (const { code, about } of Object.values(EXIT_CODES)) expect(README).toContain(`| ${code} | ${about} |`)
})

test.each([
  [new UsageError(['x']), 2],
  [new PacketError('NOT_PERMITTED', 'x'), 1],
  [new PacketError('VERDICT_PARTIAL', 'x'), 3],
  [new PacketError('ROUTER_UNREACHABLE', 'x'), 4],
  [new PacketError('STREAM_TRUNCATED', 'x'), 5],
  [new TypeError('x'), 70],
])('%s exits with %i', (error, code) => {
  expect(exitCodeOf(error)).toBe(code)
})

function faultsOf(act: () => unknown): readonly string[] {
  try {
    act()
  } catch (error) {
    if (error instanceof UsageError) return error.faults
  }
  throw new Error('no fault')
}

import { expect, test } from 'vitest'
import { run } from './run.ts'
import { createTerminal } from './terminal.ts'
import { VERBS } from './verbs.ts'

/** Runs with what is printed kept. */
async function runKept(argv: readonly string[], env: Record<string, string> = {}) {
  let [out, err] = ['', '']
  const terminal = createTerminal({ write: (text) => (out += text) }, { write: (text) => (err += text) }, {})
  const code = await run(argv, {
    terminal,
    env: { HOME: '/nonexistent', ...env },
    signal: new AbortController().signal,
    unread: new AbortController().signal,
  })
  return { code, out, err }
}

test('without a command: the overview, and exit code 2; asked for it, 0', async () => {
  expect(await runKept([])).toMatchObject({ code: 2, out: expect.stringContaining('Exit codes') })
  expect(await runKept(['--help'])).toMatchObject({ code: 0, out: expect.stringContaining('weave demo') })
})

test.each(Object.keys(VERBS))('weave %s --help shows usage, examples and flags', async (name) => {
  const { code, out } = await runKept([name, '--help'])
  expect(code).toBe(0)
  expect(out).toMatch(new RegExp(`Usage\\n\\s+weave ${name}`))
  expect(out).toMatch(new RegExp(`Examples\\n\\s+weave ${name}`))
  expect(out).toContain('--json')
})

test.each([
  [['fly'], 'Unknown command "fly"'],
  [['help', 'fly'], 'Unknown command "fly"'],
  [['ask', '--wings'], "Unknown option '--wings'"],
  [['ask', 'tag'], 'weave ask takes a tag and one question'],
  [['ask', 'tag', 'q', '--temperature', '3'], '--temperature is "3", wanted a number from 0 to 2'],
  [['ask', 'tag', 'q', '--max-tokens', '1.5'], '--max-tokens is 1.5, wanted a whole number'],
  [['verify'], 'weave verify takes one file'],
  [['verify', '/nonexistent/file', '--trust', '/nonexistent/trust'], 'Cannot find the trust file'],
  [['trust', 'eat'], 'weave trust takes show or add'],
  [['keys', 'revoke', 'xyz'], '"xyz" is no key'],
  [['model', 'fly'], 'weave model takes pull'],
  [['dead', 'show', 'xyz'], 'a packet id of 64 hex digits'],
  [['up', '--engine', 'openai', '--state', '/tmp/weave-none-such'], 'wants the server: --url'],
  [
    ['proxy', '--port', 'x', '--state', '/tmp/weave-none-such', '--router', 'http://127.0.0.1:9'],
    '--port is "x", wanted a whole number',
  ],
])('%j is a fault of the command line: exit code 2', async (argv, message) => {
  const { code, err } = await runKept(argv)
  expect(err).toContain(message)
  expect(code).toBe(2)
})

test('with --json an error is one JSON document on stderr', async () => {
  const { code, err, out } = await runKept(['status', '--state', '/tmp/weave-none-such', '--json'])
  expect(JSON.parse(err)).toMatchObject({ error: { code: 'ROUTER_UNREACHABLE', remedy: 'retry', exit: 4 } })
  expect([code, out]).toEqual([4, ''])
})

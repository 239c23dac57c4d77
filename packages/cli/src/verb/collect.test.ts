import { createSocket, type Socket } from 'node:dgram'
import { afterEach, expect, test } from 'vitest'
import { run } from '../run.ts'
import { createTerminal } from '../terminal.ts'

const open: (() => void)[] = []
afterEach(() => {
  for (const close of open.splice(0)) close()
})

/** Runs `weave collect` in this process; `has` waits for a text on one of its outputs. */
function collecting(...argv: readonly string[]) {
  const said = { out: '', err: '' }
  const stop = new AbortController()
  let check = () => {}
  const stream = (name: 'out' | 'err') => ({
    write: (text: string) => {
      said[name] += text
      check()
    },
  })
  const has = (name: 'out' | 'err', pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve) => {
      check = () => {
        const found = pattern.exec(said[name])
        if (found !== null) resolve(found)
      }
      check()
    })
  const code = run(['collect', ...argv], {
    terminal: createTerminal(stream('out'), stream('err'), {}),
    env: { HOME: '/nonexistent' },
    signal: stop.signal,
    unread: new AbortController().signal,
  })
  open.push(() => stop.abort())
  return { said, code, has, stop: () => stop.abort() }
}

function sender(): Socket {
  const socket = createSocket('udp4')
  open.push(() => socket.close())
  return socket
}

const FLOW_SET = [1, 0, 0, 16, 198, 51, 100, 7, 0, 0, 0, 0, 0, 0, 0, 5]
const TEMPLATE_SET = [0, 2, 0, 16, 1, 0, 0, 2, 0, 8, 0, 4, 0, 2, 0, 8]
const HEADER = [0, 10, 0, 48, 101, 83, 241, 0, 0, 0, 0, 1, 0, 0, 0, 77]

test('prints the flows of a datagram, one line each, and counts what it could not read', async () => {
  const { said, code, has, stop } = collecting('--listen', '127.0.0.1:0', '--json')
  const [, port] = await has('err', /Receiving on 127\.0\.0\.1:(\d+)/)
  const socket = sender()
  socket.send(Uint8Array.of(1, 2, 3), Number(port), '127.0.0.1')
  socket.send(Uint8Array.from([...HEADER, ...TEMPLATE_SET, ...FLOW_SET]), Number(port), '127.0.0.1')
  await has('out', /\n/)
  expect(JSON.parse(said.out)).toMatchObject({ protocol: 'ipfix', domain: 77, source: '198.51.100.7', packets: '5' })
  stop()
  expect(await code).toBe(0)
  expect(JSON.parse(said.err.split('\n')[1]!)).toMatchObject({ datagrams: 2, records: 1, unknownVersion: 1 })
})

test('says that a port is taken', async () => {
  const taken = sender()
  await new Promise<void>((resolve) => taken.bind(0, '127.0.0.1', resolve))
  const { said, code } = collecting('--listen', `127.0.0.1:${taken.address().port}`)
  expect(await code).toBe(1)
  expect(said.err).toContain('EADDRINUSE')
})

test.each([[['--tell']], [['--agent', `192.0.2.7=${'ab'.repeat(32)}`]], [['--tell', '--agent', '192.0.2.7']]])(
  'refuses %j',
  async (flags) => {
    const { said, code } = collecting('--listen', '127.0.0.1:0', ...flags)
    expect(await code).toBe(2)
    expect(said.err).toContain('--agent')
  },
)

test('with --tell it wants a weave up in the state folder', async () => {
  const agent = `192.0.2.7=${'ab'.repeat(32)}`
  const { said, code } = collecting('--listen', '127.0.0.1:0', '--tell', '--agent', agent, '--state', '/nonexistent/w')
  expect(await code).not.toBe(0)
  expect(said.err).toContain('it does not run')
})

test.each(['2055', 'host:70000', '::1:2055'])('refuses --listen %s', async (listen) => {
  const { said, code } = collecting('--listen', listen)
  expect(await code).toBe(2)
  expect(said.err).toContain('wanted HOST:PORT')
})

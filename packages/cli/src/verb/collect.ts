/**
 * `weave collect`: flow exports received over UDP, as records.
 *
 * @module
 */
import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { type FlowRecord, flowCollector } from '@mystranet/detector/flow/export'
import { PacketError } from '@mystranet/sdk/errors'
import { addressOf } from '../address.ts'
import { askAdmin } from '../admin/client.ts'
import { type Call, type Command, textFlag } from '../command.ts'
import { EXIT_CODES, UsageError } from '../exit.ts'
import { stateFolder } from '../state.ts'
import { TELL } from '../tell.ts'
import { readAgents, type VolumeTeller, volumeTeller } from '../volumes.ts'
import { stopped } from './proxy.ts'

const TELL_MS = 1_000

export const collect: Command = {
  name: 'collect',
  summary: 'Receive NetFlow v5 and v9, IPFIX and sFlow v5 over UDP, and print each flow as one line of JSON.',
  usage: ['[--listen HOST:PORT] [--tell --agent ADDRESS=INSTANCE …]', '--capture FILE|- [--tell]'],
  settings: ['state'],
  flags: {
    listen: {
      type: 'string',
      placeholder: 'HOST:PORT',
      about: 'Where to receive; port 0 is a free one. Anybody who reaches it can send. Default: 127.0.0.1:2055.',
    },
    capture: {
      type: 'string',
      placeholder: 'FILE|-',
      about:
        'Judge the packets of a capture (pcap, pcapng; - is standard input) instead, and print each window of an attack.',
    },
    tell: TELL,
    agent: {
      type: 'string',
      multiple: true,
      placeholder: 'ADDRESS=INSTANCE',
      about:
        'Whose address it is, as weave status shows instances; again for each. With --tell, bytes from and to it go to the ' +
        'weave up, and become a finding ten minutes after an hour in which its logged packets do not account for them.',
    },
  },
  examples: [
    ['weave collect', 'from exporters of this machine'],
    ['weave collect --listen 192.0.2.10:4739 > flows.ndjson', 'from the network, IPFIX by its usual port'],
    [
      'weave collect --listen 192.0.2.10:2055 --tell --agent 192.0.2.7=3f0c…',
      'traffic of an agent, held against the log',
    ],
    [
      'tcpdump -w - -s 96 | weave collect --capture - --tell',
      'what comes here, watched; attacks are signed and logged',
    ],
  ],
  serves: true,
  async run(call) {
    if (call.args.length > 0) throw new UsageError(['weave collect takes flags only. See weave collect --help.'])
    const capture = textFlag(call.flags, 'capture')
    const isTold = call.flags['tell'] === true
    if (capture !== undefined) return (await import('../capture.ts')).watchCapture(call, capture, isTold)
    const agents = readAgents((call.flags['agent'] ?? []) as readonly string[])
    if (isTold !== agents.size > 0) {
      throw new UsageError([
        '--tell without --capture wants --agent, and --agent wants --tell. See weave collect --help.',
      ])
    }
    const teller = isTold ? await openTeller(call, agents) : undefined
    const where = placeOf(textFlag(call.flags, 'listen') ?? '127.0.0.1:2055')
    const { terminal, signal } = call
    const collector = flowCollector((record) => {
      terminal.out(lineOf(record))
      teller?.take(record)
    })
    const socket = await bind(where)
    // Templates are an exporter's own; two exporters may share an address.
    socket.on('message', (datagram, { address, port }) => collector.push(datagram, `${address} ${port}`, Date.now()))
    const failed = new Promise<never>((_, reject) => socket.once('error', reject))
    const { address, port } = socket.address()
    terminal.err(`Receiving on ${isIPv6(address) ? `[${address}]` : address}:${port}. Ctrl-C stops it.\n`)
    const telling = teller && tellOften(call, teller)
    try {
      await Promise.race([stopped(signal), failed])
    } finally {
      socket.close()
      await telling?.end().finally(() => report(call, { ...collector.counts, ...teller?.counts }))
      if (telling === undefined) report(call, collector.counts)
    }
    return EXIT_CODES.ok.code
  },
}

/** @throws {PacketError} `ROUTER_UNREACHABLE` when no `weave up` runs there. */
async function openTeller({ config }: Call, agents: ReadonlyMap<string, string>): Promise<VolumeTeller> {
  const state = stateFolder(config.state)
  await askAdmin(state, 'GET', '/detector')
  return volumeTeller(agents, (batch) => askAdmin(state, 'POST', '/volumes', batch), Date.now)
}

/** Once a second, one at a time. Of failures in a row the first is said; what was not told then is told later. */
function tellOften({ terminal }: Call, teller: VolumeTeller) {
  let isFailing = false
  let running: Promise<void> | undefined
  const flush = async () => {
    try {
      await teller.flush()
      isFailing = false
    } catch (error) {
      if (!isFailing) terminal.err(`weave: ${error instanceof Error ? error.message : String(error)}\n`)
      isFailing = true
    }
  }
  const timer = setInterval(() => {
    running ??= flush().finally(() => {
      running = undefined
    })
  }, TELL_MS)
  return {
    /** Tells the rest: what was under way, and what came meanwhile. @throws {PacketError} */
    async end() {
      clearInterval(timer)
      await running
      await teller.flush()
      await teller.flush()
    },
  }
}

/** What came, on stderr: stdout holds records only. */
function report({ terminal, json }: Call, counts: object): void {
  const said = Object.entries(counts).filter(([name, count]) => count > 0 || name === 'datagrams')
  const text = said.map(([name, count]) => `${name} ${count}`).join(', ')
  terminal.err(`${json ? JSON.stringify(counts) : text}\n`)
}

interface Place {
  readonly host: string
  readonly port: number
}

function placeOf(text: string): Place {
  const [, bracketed, plain, port] = /^(?:\[([\da-fA-F:.]+)\]|([^[\]:]+)):(\d{1,5})$/.exec(text) ?? []
  const host = bracketed ?? plain
  if (host === undefined || Number(port) > 65_535) {
    throw new UsageError([`--listen is ${JSON.stringify(text)}, wanted HOST:PORT, as 127.0.0.1:2055 or [::1]:2055`])
  }
  return { host, port: Number(port) }
}

async function bind({ host, port }: Place): Promise<Socket> {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
  await new Promise<void>((resolve, reject) => {
    socket.once('error', (cause: NodeJS.ErrnoException) => {
      const message = `Cannot receive on ${host} port ${port}: it failed (${cause.code}), wanted a free one of this machine`
      reject(new PacketError('NOT_PERMITTED', message, { cause }))
    })
    socket.bind(port, host, resolve)
  })
  socket.removeAllListeners('error')
  return socket
}

/** 64-bit numbers as decimal text, addresses as people write them. */
const lineOf = (record: FlowRecord): string =>
  `${JSON.stringify(record, (_, value: unknown) =>
    typeof value === 'bigint' ? `${value}` : value instanceof Uint8Array ? addressOf(value) : value,
  )}\n`

/**
 * `weave collect`: flow exports received over UDP, as records.
 *
 * @module
 */
import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { type FlowRecord, flowCollector } from '@mystranet/detector/flow/export'
import { PacketError } from '@mystranet/sdk/errors'
import { type Call, type Command, textFlag } from '../command.ts'
import { EXIT_CODES, UsageError } from '../exit.ts'
import { TELL } from '../tell.ts'
import { stopped } from './proxy.ts'

export const collect: Command = {
  name: 'collect',
  summary: 'Receive NetFlow v5 and v9, IPFIX and sFlow v5 over UDP, and print each flow as one line of JSON.',
  usage: ['[--listen HOST:PORT]', '--capture FILE|- [--tell]'],
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
  },
  examples: [
    ['weave collect', 'from exporters of this machine'],
    ['weave collect --listen 192.0.2.10:4739 > flows.ndjson', 'from the network, IPFIX by its usual port'],
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
    if (isTold) throw new UsageError(['--tell is for --capture: exports are printed, and not judged.'])
    const where = placeOf(textFlag(call.flags, 'listen') ?? '127.0.0.1:2055')
    const { terminal, signal } = call
    const collector = flowCollector((record) => terminal.out(lineOf(record)))
    const socket = await bind(where)
    // Templates are an exporter's own; two exporters may share an address.
    socket.on('message', (datagram, { address, port }) => collector.push(datagram, `${address} ${port}`, Date.now()))
    const failed = new Promise<never>((_, reject) => socket.once('error', reject))
    const { address, port } = socket.address()
    terminal.err(`Receiving on ${isIPv6(address) ? `[${address}]` : address}:${port}. Ctrl-C stops it.\n`)
    try {
      await Promise.race([stopped(signal), failed])
    } finally {
      socket.close()
      report(call, collector.counts)
    }
    return EXIT_CODES.ok.code
  },
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

function addressOf(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return Array.from({ length: bytes.length / 2 }, (_, i) => view.getUint16(i * 2).toString(16)).join(':')
}

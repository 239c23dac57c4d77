/**
 * Floods as a table: which parameters one run of a family has, and the packets that follow from them. The ranges span what
 * reports of real floods name, slow and narrow ones too: they were not chosen so that our rules would fire.
 *
 * @module
 */
import type { CaptureFile, Ip } from './packets.ts'
import type { Random } from './random.ts'

export type Value = number | string | boolean
/** What a run was made with: its labels. */
export type Parameters = Readonly<Record<string, Value>>

export interface Flood {
  readonly family: string
  readonly parameters: Parameters
  /** Packets per second. */
  readonly rate: number
  /** Writes one packet, or all fragments of one datagram; gives how many it wrote. */
  send(file: CaptureFile, timeUs: number): number
}

const SYN = 0x02
const ACK = 0x10
const PSH = 0x08

/** Who seems to send: each packet somebody else, a botnet, or a few machines. */
function senders(random: Random): { parameters: Parameters; next: () => number } {
  const kind = random.pick(['spoofed', 'spoofed', 'botnet', 'few'] as const)
  if (kind === 'spoofed') return { parameters: { senders: kind }, next: () => anyAddress(random) }
  const count = kind === 'botnet' ? random.logBetween(50, 5000) : random.logBetween(1, 12)
  const addresses = Array.from({ length: count }, () => anyAddress(random))
  return { parameters: { senders: kind, senderCount: count }, next: () => random.pick(addresses) }
}

const anyAddress = (random: Random): number => (random.between(1, 223) << 24) | random.between(0, 0xffffff)

/** Of the victim: one, a few or any. */
function ports(random: Random): { parameters: Parameters; next: () => number } {
  const kind = random.pick(['one', 'one', 'few', 'any'] as const)
  if (kind === 'any') return { parameters: { ports: kind }, next: () => random.between(1, 65_535) }
  const chosen = Array.from({ length: kind === 'one' ? 1 : random.between(2, 6) }, () =>
    random.pick([22, 25, 53, 80, 443, 3074, 8080, 25_565, random.between(1, 65_535)]),
  )
  return { parameters: { ports: kind }, next: () => random.pick(chosen) }
}

const ephemeral = (random: Random): number => random.between(1024, 65_535)

function synFlood(random: Random, destination: number): Flood {
  const from = senders(random)
  const to = ports(random)
  const optionBytes = random.pick([0, 4, 12, 20])
  const payloadBytes = random.chance(0.15) ? random.between(200, 1000) : 0
  const fixedWindow = random.chance(0.6) ? random.pick([512, 1024, 8192, 14_600, 64_240, 65_535]) : -1
  const rate = random.logBetween(100, 100_000)
  return {
    family: 'syn',
    rate,
    parameters: { ...from.parameters, ...to.parameters, optionBytes, payloadBytes, fixedWindow },
    send(file, timeUs) {
      const window = fixedWindow < 0 ? random.between(0, 65_535) : fixedWindow
      file.tcp(timeUs, {
        source: from.next(),
        destination,
        sourcePort: ephemeral(random),
        destinationPort: to.next(),
        flags: SYN,
        window,
        optionBytes,
        payloadBytes,
      })
      return 1
    },
  }
}

function ackFlood(random: Random, destination: number): Flood {
  const from = senders(random)
  const to = ports(random)
  const optionBytes = random.pick([0, 0, 12])
  const payloadBytes = random.chance(0.2) ? random.between(1, 1400) : 0
  const flags = random.chance(0.2) ? ACK | PSH : ACK
  const fixedWindow = random.chance(0.5) ? random.pick([512, 1024, 8192, 65_535]) : -1
  const rate = random.logBetween(300, 100_000)
  return {
    family: 'ack',
    rate,
    parameters: { ...from.parameters, ...to.parameters, optionBytes, payloadBytes, flags, fixedWindow },
    send(file, timeUs) {
      const window = fixedWindow < 0 ? random.between(0, 65_535) : fixedWindow
      file.tcp(timeUs, {
        source: from.next(),
        destination,
        sourcePort: ephemeral(random),
        destinationPort: to.next(),
        flags,
        window,
        optionBytes,
        payloadBytes,
      })
      return 1
    },
  }
}

function udpFlood(random: Random, destination: number): Flood {
  const from = senders(random)
  const to = ports(random)
  const smallest = random.logBetween(1, 1400)
  const largest = random.chance(0.5) ? smallest : random.between(smallest, random.chance(0.2) ? 4000 : 1472)
  const rate = random.logBetween(1000, 200_000)
  return {
    family: 'udp',
    rate,
    parameters: { ...from.parameters, ...to.parameters, smallest, largest },
    send: (file, timeUs) =>
      file.udp(timeUs, {
        source: from.next(),
        destination,
        sourcePort: ephemeral(random),
        destinationPort: to.next(),
        payloadBytes: random.between(smallest, largest),
      }),
  }
}

function icmpFlood(random: Random, destination: number): Flood {
  const from = senders(random)
  const [type, code] = random.pick([
    [8, 0],
    [8, 0],
    [0, 0],
    [3, 3],
  ] as const)
  const smallest = random.pick([0, 56, random.between(1, 1400)])
  const largest = random.chance(0.7) ? smallest : 1400
  const rate = random.logBetween(200, 100_000)
  return {
    family: 'icmp',
    rate,
    parameters: { ...from.parameters, type, smallest, largest },
    send(file, timeUs) {
      file.icmp(timeUs, {
        source: from.next(),
        destination,
        type,
        code,
        payloadBytes: random.between(smallest, largest),
      })
      return 1
    },
  }
}

/** Servers that answer questions asked in the victim's name. */
function reflectors(random: Random, most: number): { parameters: Parameters; of: readonly number[] } {
  const count = random.logBetween(10, most)
  return { parameters: { reflectors: count }, of: Array.from({ length: count }, () => anyAddress(random)) }
}

interface Service {
  readonly family: string
  readonly port: number
  readonly mostReflectors: number
  readonly slowest: number
  /** Bytes of each datagram that one question brings. */
  answers(random: Random): { readonly parameters: Parameters; readonly sizes: () => readonly number[] }
}

const SERVICES: readonly Service[] = [
  {
    family: 'dns-amplification',
    port: 53,
    mostReflectors: 5000,
    slowest: 300,
    // ANY, TXT or DNSKEY of one name: each server's answer has nearly the same size.
    answers(random) {
      const bytes = random.pick([random.between(300, 512), random.between(1000, 1472), random.between(1500, 4096)])
      const spread = random.chance(0.5) ? 0 : Math.round(bytes / 10)
      return { parameters: { bytes, spread }, sizes: () => [bytes - random.between(0, spread)] }
    },
  },
  {
    family: 'ntp-amplification',
    port: 123,
    mostReflectors: 3000,
    slowest: 300,
    // MON_GETLIST: six entries of 72 bytes in each datagram behind a header of 8, at most 100 datagrams.
    answers(random) {
      const most = random.pick([1, 10, 100])
      const sizes = () => [...new Array<number>(random.between(1, most) - 1).fill(440), 8 + 72 * random.between(1, 6)]
      return { parameters: { mostDatagrams: most }, sizes }
    },
  },
  {
    family: 'memcached-amplification',
    port: 11_211,
    mostReflectors: 500,
    slowest: 2000,
    answers(random) {
      const datagrams = random.logBetween(10, 700)
      return {
        parameters: { datagrams },
        sizes: () => [...new Array<number>(datagrams).fill(1400), random.between(20, 1400)],
      }
    },
  },
]

const amplification =
  (service: Service) =>
  (random: Random, destination: number): Flood => {
    const from = reflectors(random, service.mostReflectors)
    const answers = service.answers(random)
    const port = random.chance(0.5) ? random.pick([80, 443, 53]) : -1
    const rate = random.logBetween(service.slowest, 100_000)
    // Answers of many servers are on their way at the same time, datagram by datagram.
    const underWay: { source: number; destinationPort: number; sizes: readonly number[]; at: number }[] = []
    const ask = () => ({
      source: random.pick(from.of),
      destinationPort: port < 0 ? ephemeral(random) : port,
      sizes: answers.sizes(),
      at: 0,
    })
    const together = Math.min(from.of.length, 24)
    return {
      family: service.family,
      rate,
      parameters: { ...from.parameters, ...answers.parameters, port },
      send(file, timeUs) {
        while (underWay.length < together) underWay.push(ask())
        const which = random.between(0, together - 1)
        const { source, destinationPort, sizes, at } = underWay[which]!
        underWay[which]!.at = at + 1
        if (at + 1 === sizes.length) underWay[which] = ask()
        return file.udp(timeUs, {
          source,
          destination,
          sourcePort: service.port,
          destinationPort,
          payloadBytes: sizes[at]!,
        })
      },
    }
  }

/** Each makes one run. */
export const FLOODS: Readonly<Record<string, (random: Random, destination: number) => Flood>> = {
  syn: synFlood,
  ack: ackFlood,
  udp: udpFlood,
  icmp: icmpFlood,
  ...Object.fromEntries(SERVICES.map((service) => [service.family, amplification(service)])),
}

/** What the victim gets besides: packets of connections that people have open. */
export function ordinary(random: Random, destination: number): (file: CaptureFile, timeUs: number) => void {
  const clients = Array.from({ length: random.between(1, 40) }, () => ({
    source: anyAddress(random),
    sourcePort: ephemeral(random),
    window: random.between(200, 65_535),
  }))
  return (file, timeUs) => {
    const { source, sourcePort, window } = random.pick(clients)
    const payloadBytes = random.chance(0.5) ? 0 : random.logBetween(20, 1448)
    const flags = payloadBytes > 0 && random.chance(0.6) ? ACK | PSH : ACK
    file.tcp(timeUs, {
      source,
      sourcePort,
      destination,
      destinationPort: 443,
      flags,
      window,
      optionBytes: 12,
      payloadBytes,
    })
  }
}

/** Monitoring that pings its hosts, and a host that answers: made, not captured, for want of a way to send it here. */
export function pings(random: Random, monitor: number): Flood {
  const hosts: Ip[] = Array.from({ length: random.logBetween(1, 300) }, () => ({
    source: anyAddress(random),
    destination: monitor,
  }))
  const payloadBytes = random.pick([32, 56, 64])
  const lost = random.next() * 0.05
  let turn = 0
  return {
    family: 'pings',
    rate: random.logBetween(1, 80),
    parameters: { hosts: hosts.length, payloadBytes, lost },
    send(file, timeUs) {
      const { source, destination } = hosts[turn++ % hosts.length]!
      file.icmp(timeUs, { source: destination, destination: source, type: 8, code: 0, payloadBytes })
      if (random.chance(lost)) return 1
      file.icmp(timeUs + 20_000 * random.next(), { source, destination, type: 0, code: 0, payloadBytes })
      return 2
    },
  }
}

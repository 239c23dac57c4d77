/**
 * Rules for floods and scans over one window, as a table. A rule is a shape and a rate: the shape says what kind of
 * traffic it is, the rate that it is too much for this host.
 *
 * @module
 */
import type { Tally } from './tally.ts'
import type { Group } from './window.ts'

export type Family =
  | 'syn-flood'
  | 'syn-ack-reflection'
  | 'ack-flood'
  | 'tcp-flag-flood'
  | 'udp-flood'
  | 'icmp-flood'
  | 'amplification'
  | 'fragment-flood'
  | 'scan'

export interface Rule {
  readonly id: string
  readonly family: Family
  /** The windows that it looks at. */
  readonly group: Group
  /** 1 to 10, as of a finding. */
  readonly severity: number
  /** Packets per second below which it never fires; a host that usually gets more has a higher limit. 0: any rate. */
  readonly minRate: number
  /** For people: what the traffic looks like. */
  readonly says: string
  shape(tally: Tally): boolean
}

/** A window shows few sources only by chance below this. */
const MANY = 8

/** Of a flood's own packets, besides which the host gets what it always does. */
const MOST = 0.6

const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole)
const spoofed = (t: Tally): boolean => t.packets >= 16 && share(t.sources.distinct, t.packets) >= MOST
/** Nearly each packet of a flow, or to a host, that was not seen before. False of a first window: nothing is known. */
const fromStrangers = (t: Tally): boolean => t.packets >= 16 && share(t.strangers, t.packets - t.laterUdp) >= 0.5

/**
 * Nearly no packet answers a question. Of a host's first window it is not known what was asked; a resolver's answers are
 * fewer or smaller.
 */
const isUnasked = (t: Tally): boolean =>
  Number.isNaN(t.unasked) ? rateOf(t) >= 3000 || t.payloads.mean >= 600 : share(t.unasked, t.packets) >= MOST

/** All of them. A window may fire several. */
export const RULES: readonly Rule[] = [
  {
    id: 'F01',
    family: 'syn-flood',
    group: 'destination',
    severity: 8,
    minRate: 5,
    says: 'mostly SYN, nearly each from another address',
    // A crowd that is let in sends three packets and more for each SYN.
    shape: (t) => share(t.syn, t.packets) >= MOST && spoofed(t),
  },
  {
    id: 'F02',
    family: 'syn-flood',
    group: 'destination',
    severity: 7,
    minRate: 100,
    says: 'mostly SYN',
    shape: (t) => t.packets >= 16 && share(t.syn, t.packets) >= MOST,
  },
  {
    id: 'F03',
    family: 'syn-ack-reflection',
    group: 'destination',
    severity: 7,
    minRate: 0,
    says: 'handshake answers without data from many servers: somebody sends SYN in this host’s name',
    // Answers to own questions bring data in the same window, and come from fewer servers.
    shape: (t) =>
      share(t.syn + t.synAck + t.rst, t.packets) >= 0.9 &&
      share(t.synAck, t.packets) >= 0.2 &&
      share(t.empty, t.packets) >= 0.95 &&
      t.sources.distinct >= 4,
  },
  {
    id: 'F04',
    family: 'ack-flood',
    group: 'destination',
    severity: 7,
    minRate: 300,
    says: 'mostly TCP of connections that nobody opened',
    shape: (t) =>
      share(t.tcp - t.rst - t.fin, t.packets) >= MOST && share(t.syn + t.synAck, t.packets) < 0.05 && fromStrangers(t),
  },
  {
    id: 'F05',
    family: 'tcp-flag-flood',
    group: 'destination',
    severity: 7,
    minRate: 50,
    says: 'TCP with flags that no connection has, or mostly RST or FIN of connections that nobody opened',
    shape: (t) =>
      share(t.odd, t.packets) >= 0.5 ||
      (Math.max(share(t.rst, t.packets), share(t.fin, t.packets)) >= MOST && fromStrangers(t)),
  },
  {
    id: 'F06',
    family: 'amplification',
    group: 'destination',
    severity: 9,
    minRate: 200,
    says: 'mostly answers of services that amplify, from many of them, to questions that were not asked',
    shape: (t) =>
      t.fromAmplifier > 0 &&
      share(t.fromAmplifier + t.laterUdp + t.unreachable, t.packets) >= MOST &&
      share(t.fromAmplifier, t.packets) >= 0.2 &&
      isUnasked(t) &&
      t.sources.distinct >= MANY,
  },
  {
    id: 'F07',
    family: 'udp-flood',
    group: 'destination',
    severity: 7,
    minRate: 1000,
    says: 'mostly UDP, nearly each packet of another flow, and no answers',
    // A resolver asks from ever new ports.
    shape: (t) => share(t.udp, t.packets) >= MOST && fromStrangers(t) && share(t.unasked, t.packets) >= MOST,
  },
  {
    id: 'F08',
    family: 'udp-flood',
    group: 'destination',
    severity: 6,
    // A download over QUIC at 250 Mbit/s.
    minRate: 25_000,
    says: 'nearly only UDP, faster than a download, and not for a moment only',
    shape: (t) => share(t.udp, t.packets) >= 0.8 && t.sustainedRate >= 25_000,
  },
  {
    id: 'F09',
    family: 'icmp-flood',
    group: 'destination',
    severity: 6,
    minRate: 100,
    says: 'mostly ICMP',
    shape: (t) => share(t.icmp, t.packets) >= MOST,
  },
  {
    id: 'F10',
    family: 'fragment-flood',
    group: 'destination',
    severity: 6,
    minRate: 2000,
    says: 'nearly only fragments, from many addresses',
    shape: (t) => share(t.fragments, t.packets) >= 0.8 && t.sources.distinct >= MANY,
  },
  {
    id: 'S01',
    family: 'scan',
    group: 'destination',
    severity: 5,
    minRate: 0,
    says: 'few addresses try many ports of this host',
    shape: (t) =>
      t.packets >= 16 &&
      share(t.syn + t.odd, t.packets) >= 0.8 &&
      t.sources.distinct <= 4 &&
      share(t.destinationPorts.distinct, t.destinationPorts.of) >= 0.7,
  },
  {
    id: 'S02',
    family: 'scan',
    group: 'source',
    severity: 5,
    minRate: 0,
    says: 'this host tries many others',
    // Monitoring sends echo requests to many hosts, but to the same ones again and again.
    shape: (t) =>
      t.packets >= 16 &&
      (share(t.syn + t.odd, t.packets) >= 0.8 || (share(t.echo, t.packets) >= 0.8 && fromStrangers(t))) &&
      share(t.destinations.distinct, t.packets) >= 0.7,
  },
]

/** Packets per second; 0 when the window has no time. */
export const rateOf = (t: Tally): number =>
  t.packets < 2 || Number.isNaN(t.durationUs) ? 0 : (t.packets - 1) / (Math.max(t.durationUs, 1) / 1e6)

/** The rules that fire. `usualLimit`: what the host is not known to reach; undefined when it is new. */
export const firedRules = (
  rules: readonly Rule[],
  group: Group,
  tally: Tally,
  usualLimit: number | undefined,
): readonly Rule[] => {
  const rate = rateOf(tally)
  return rules.filter(
    (rule) =>
      rule.group === group &&
      (rule.minRate === 0 || rate >= Math.max(rule.minRate, usualLimit ?? 0)) &&
      rule.shape(tally),
  )
}

import { describe, expect, it } from 'vitest'
import { ADDRESS6, be16, be32, bytes, ethernet, ip4, ip6, tcp, udp } from '../../test/wire.ts'
import { decodeFrame } from './decode.ts'
import { LINK } from './link.ts'
import { FIRST_FRAGMENT, LATER_FRAGMENT, newPacket, type Packet, SYN } from './packet.ts'

/** The packet, or the reason why there is none. */
function decode(
  frame: Uint8Array,
  { linkType = LINK.ethernet as number, wireBytes = frame.length } = {},
): Packet | string {
  const packet = newPacket()
  const at = { data: frame, start: 0, end: frame.length, wireBytes, timeUs: 1, linkType }
  return decodeFrame(at, packet) ?? packet
}

const V4 = ip4(tcp({ flags: SYN, options: [2, 4, 5, 180], payload: 3 }))
const V6 = ip6(udp(12), 17)

describe('link headers', () => {
  const cooked = (type: number, body: Uint8Array) => bytes(new Uint8Array(14), be16(type), body)
  const cooked2 = (type: number, body: Uint8Array) => bytes(be16(type), new Uint8Array(18), body)
  const snap = bytes(new Uint8Array(12), be16(60), be32(0xaaaa0300), [0, 0], be16(0x0800), V4)
  it.each<[string, Uint8Array, number, number]>([
    ['Ethernet', ethernet(V4), LINK.ethernet, 4],
    ['802.1Q', ethernet(V6, 0x86dd, [0x8100]), LINK.ethernet, 6],
    ['QinQ', ethernet(V4, 0x0800, [0x88a8, 0x8100]), LINK.ethernet, 4],
    ['802.3 with SNAP', snap, LINK.ethernet, 4],
    ['raw', V6, LINK.raw, 6],
    ['IPv4', V4, LINK.ipv4, 4],
    ['IPv6', V6, LINK.ipv6, 6],
    ['Linux cooked', cooked(0x0800, V4), LINK.cooked, 4],
    ['Linux cooked v2', cooked2(0x86dd, V6), LINK.cooked2, 6],
    ['null, little-endian', bytes([2, 0, 0, 0], V4), LINK.null, 4],
    ['null, big-endian', bytes([0, 0, 0, 30], V6), LINK.null, 6],
    ['loop', bytes([0, 0, 0, 24], V6), LINK.loop, 6],
  ])('%s', (_, frame, linkType, version) => {
    expect(decode(frame, { linkType })).toMatchObject({ version, wireBytes: frame.length })
  })

  it.each<[string, Uint8Array, number]>([
    ['link-unsupported', ethernet(V4), 147],
    ['not-ip', ethernet(V4, 0x0806), LINK.ethernet],
    ['not-ip', ethernet(V4, 38), LINK.ethernet],
    ['not-ip', bytes([0, 0, 0, 2], V4).with(3, 7), LINK.loop],
    ['link-cut', ethernet(new Uint8Array(0)).subarray(0, 13), LINK.ethernet],
    ['link-cut', ethernet(new Uint8Array(0), 0x8100), LINK.ethernet],
    ['link-cut', new Uint8Array(15), LINK.cooked],
    ['link-cut', new Uint8Array(19), LINK.cooked2],
    ['link-cut', new Uint8Array(3), LINK.null],
    ['vlan-depth', ethernet(V4, 0x0800, new Array(5).fill(0x8100)), LINK.ethernet],
    ['ip-cut', ethernet(new Uint8Array(0)), LINK.ethernet],
    ['ip-version', ethernet(V6, 0x0800), LINK.ethernet],
    ['ip-version', new Uint8Array(40), LINK.raw],
  ])('%s', (reason, frame, linkType) => {
    expect(decode(frame, { linkType })).toBe(reason)
  })
})

const raw = (packet: Uint8Array, wireBytes = packet.length) => decode(packet, { linkType: LINK.raw, wireBytes })
/** The same bytes but for one. */
const but = (packet: Uint8Array, at: number, value: number) => packet.with(at, value)

describe('IPv4', () => {
  it('reads every field of a SYN', () => {
    expect(raw(V4)).toMatchObject({
      protocol: 6,
      source2: 0xffff,
      source3: 0xc6336407 | 0,
      destination3: 0xc0000201 | 0,
      ipBytes: 47,
      extraBytes: 0,
      fragment: 0,
      sourcePort: 40_000,
      destinationPort: 443,
      tcpFlags: SYN,
      tcpWindow: 1024,
      tcpOptionBytes: 4,
      payloadBytes: 3,
      icmpType: -1,
    })
  })

  it('does not count the padding of Ethernet', () => {
    expect(decode(ethernet(bytes(ip4(tcp()), new Uint8Array(6))))).toMatchObject({ ipBytes: 40, payloadBytes: 0 })
  })

  it('reads headers from a frame that the capture cut, with the lengths of the wire', () => {
    const packet = ip4(udp(1000), { protocol: 17 })
    expect(raw(packet.subarray(0, 28), packet.length)).toMatchObject({ ipBytes: 1028, payloadBytes: 1000 })
  })

  it('takes the frame as the length where segmentation offload left 0', () => {
    expect(raw(but(but(V4, 2, 0), 3, 0))).toMatchObject({ ipBytes: 47 })
  })

  it('reads options, and refuses those that reach past the header', () => {
    expect(raw(ip4(tcp(), { options: [1, 7, 3, 4, 0, 0, 0, 0] }))).toMatchObject({ extraBytes: 8, sourcePort: 40_000 })
    for (const options of [
      [7, 5, 0, 0],
      [7, 1, 0, 0],
      [1, 1, 1, 7],
    ]) {
      expect(raw(ip4(tcp(), { options }))).toBe('ip-options')
    }
  })

  it('tells first fragments, with ports, from later ones, without', () => {
    const first = ip4(udp(8), { protocol: 17, fragment: 0x2000 })
    expect(raw(but(first, 24, 9))).toMatchObject({ fragment: FIRST_FRAGMENT, destinationPort: 53, payloadBytes: 8 })
    const later = ip4(udp(8), { protocol: 17, fragment: 0x0010 })
    expect(raw(later)).toMatchObject({ fragment: LATER_FRAGMENT, destinationPort: 0, payloadBytes: 16 })
  })

  it.each([
    ['ip-fragment', ip4(udp(8), { protocol: 17, fragment: 0x1fff })],
    ['ip-length', but(V4, 0, 0x44)],
    ['ip-length', but(V4, 3, 19)],
    ['ip-length', but(V4, 3, 48)],
    ['ip-cut', V4.subarray(0, 19)],
    ['transport-cut', ip4(tcp().subarray(0, 19))],
    ['transport-cut', ip4(udp(0).subarray(0, 7), { protocol: 17 })],
    ['transport-cut', ip4(bytes(8, 0, 0), { protocol: 1 })],
    ['transport-length', but(V4, 32, 0x40)],
    ['transport-length', but(V4, 32, 0x80)],
    ['transport-length', but(ip4(udp(8), { protocol: 17 }), 25, 7)],
    ['transport-length', but(ip4(udp(8), { protocol: 17 }), 25, 17)],
  ])('%s', (reason, packet) => {
    expect(raw(packet)).toBe(reason)
  })

  it('says ip-cut where the capture ends inside the options', () => {
    expect(raw(ip4(tcp(), { options: [1, 1, 1, 1] }).subarray(0, 22), 44)).toBe('ip-cut')
  })

  it('reads ICMP', () => {
    const echo = ip4(bytes([8, 0, 0, 0, 0, 1, 0, 1], new Uint8Array(56)), { protocol: 1 })
    expect(raw(echo)).toMatchObject({ icmpType: 8, icmpCode: 0, payloadBytes: 56 })
  })
})

describe('IPv6', () => {
  const options = (next: number) => bytes(next, 0, [1, 4, 0, 0, 0, 0])
  const fragment = (next: number, field: number) => bytes(next, 0, be16(field), be32(1))

  it('reads addresses and lengths', () => {
    expect(raw(V6)).toMatchObject({
      source0: 0x20010db8,
      destination3: 9,
      ipBytes: 60,
      payloadBytes: 12,
      extraBytes: 0,
    })
  })

  it('walks hop-by-hop, destination, authentication and fragment headers', () => {
    const authentication = bytes(44, 1, new Uint8Array(10))
    const body = bytes(options(60), options(51), authentication, fragment(17, 1), udp(4))
    expect(raw(ip6(body, 0))).toMatchObject({
      protocol: 17,
      extraBytes: 36,
      fragment: FIRST_FRAGMENT,
      destinationPort: 53,
      payloadBytes: 4,
    })
  })

  it('looks behind no later fragment', () => {
    expect(raw(ip6(bytes(fragment(0, 8), udp(4)), 44))).toMatchObject({ fragment: LATER_FRAGMENT, sourcePort: 0 })
  })

  it('reads ICMPv6', () => {
    expect(raw(ip6(bytes([128, 0, 0, 0, 0, 0, 0, 0]), 58))).toMatchObject({ icmpType: 128, payloadBytes: 0 })
  })

  it.each([
    ['ip-extensions', ip6(bytes(...Array.from({ length: 9 }, () => options(60)), udp(0)), 60)],
    ['ip-length', ip6(bytes(60, 9, new Uint8Array(6)), 60)],
    ['ip-length', ip6(new Uint8Array(4), 60)],
    ['ip-length', but(V6, 5, 21)],
    ['ip-fragment', ip6(bytes(fragment(17, 0xfff8), udp(0)), 44)],
    ['ip-cut', V6.subarray(0, 39)],
    ['transport-cut', ip6(udp(0).subarray(0, 4), 17, ADDRESS6)],
  ])('%s', (reason, packet) => {
    expect(raw(packet)).toBe(reason)
  })

  it('says ip-cut where the capture ends inside an extension', () => {
    expect(raw(ip6(bytes(options(60), udp(0)), 60).subarray(0, 44), 56)).toBe('ip-cut')
  })
})

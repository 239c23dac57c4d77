/**
 * IPv4 packets written straight into a capture. Nothing is sent: floods with forged senders cannot be sent without harm,
 * not even on a loopback that another process listens on.
 *
 * @module
 */

const FILE_HEADER = 24
const RECORD_HEADER = 16
const ETHERNET = 14
/** Headers are all that is read of a packet; the record says how long it was. */
const SNAP = 82

export interface Ip {
  readonly source: number
  readonly destination: number
}

export interface TcpSegment extends Ip {
  readonly sourcePort: number
  readonly destinationPort: number
  readonly flags: number
  readonly window: number
  /** Zeros that stand for options: a multiple of 4, at most 40. */
  readonly optionBytes: number
  readonly payloadBytes: number
}

export interface UdpDatagram extends Ip {
  readonly sourcePort: number
  readonly destinationPort: number
  readonly payloadBytes: number
}

export interface IcmpMessage extends Ip {
  readonly type: number
  readonly code: number
  readonly payloadBytes: number
}

export interface CaptureFile {
  tcp(timeUs: number, of: TcpSegment): void
  /** In fragments of 1,480 bytes where it is longer than one packet holds. Gives how many packets it made. */
  udp(timeUs: number, of: UdpDatagram): number
  icmp(timeUs: number, of: IcmpMessage): void
  readonly packets: number
  bytes(): Uint8Array
}

/** Linktype Ethernet, microseconds, little-endian. */
export function captureFile(): CaptureFile {
  let store = new DataView(new ArrayBuffer(1 << 20))
  let size = FILE_HEADER
  let packets = 0
  let identification = 1
  store.setUint32(0, 0xa1b2c3d4, true)
  store.setUint16(4, 2, true)
  store.setUint16(6, 4, true)
  store.setUint32(16, SNAP, true)
  store.setUint32(20, 1, true)

  /** Starts a record and fills its IPv4 header; gives where the transport header goes. */
  const ip = (timeUs: number, of: Ip, protocol: number, bodyBytes: number, fragment: number, id: number): number => {
    const wire = ETHERNET + 20 + bodyBytes
    const captured = Math.min(wire, SNAP)
    if (size + RECORD_HEADER + SNAP > store.byteLength) {
      const larger = new Uint8Array(store.byteLength * 2)
      larger.set(new Uint8Array(store.buffer))
      store = new DataView(larger.buffer)
    }
    store.setUint32(size, Math.floor(timeUs / 1e6), true)
    store.setUint32(size + 4, Math.floor(timeUs % 1e6), true)
    store.setUint32(size + 8, captured, true)
    store.setUint32(size + 12, wire, true)
    const at = size + RECORD_HEADER + ETHERNET
    store.setUint16(at - 2, 0x0800)
    store.setUint8(at, 0x45)
    store.setUint16(at + 2, 20 + bodyBytes)
    store.setUint16(at + 4, id)
    store.setUint16(at + 6, fragment)
    store.setUint8(at + 8, 64)
    store.setUint8(at + 9, protocol)
    store.setInt32(at + 12, of.source | 0)
    store.setInt32(at + 16, of.destination | 0)
    size += RECORD_HEADER + captured
    packets++
    return at + 20
  }
  const nextId = (): number => {
    identification = (identification + 1) & 0xffff
    return identification
  }

  return {
    get packets() {
      return packets
    },
    tcp(timeUs, of) {
      const at = ip(timeUs, of, 6, 20 + of.optionBytes + of.payloadBytes, 0, nextId())
      store.setUint16(at, of.sourcePort)
      store.setUint16(at + 2, of.destinationPort)
      store.setUint8(at + 12, (5 + of.optionBytes / 4) << 4)
      store.setUint8(at + 13, of.flags)
      store.setUint16(at + 14, of.window)
    },
    udp(timeUs, of) {
      const whole = 8 + of.payloadBytes
      const id = nextId()
      let made = 0
      for (let from = 0; from < whole; from += 1480) {
        const part = Math.min(1480, whole - from)
        const at = ip(timeUs + made * 2, of, 17, part, (from + part < whole ? 0x2000 : 0) | (from / 8), id)
        made++
        if (from > 0) continue
        store.setUint16(at, of.sourcePort)
        store.setUint16(at + 2, of.destinationPort)
        store.setUint16(at + 4, whole)
      }
      return made
    },
    icmp(timeUs, of) {
      const at = ip(timeUs, of, 1, 8 + of.payloadBytes, 0, nextId())
      store.setUint8(at, of.type)
      store.setUint8(at + 1, of.code)
    },
    bytes: () => new Uint8Array(store.buffer.slice(0, size)),
  }
}

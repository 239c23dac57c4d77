/** Frames, packets and captures built field by field from the layouts of the RFCs, for tests. */

export const bytes = (...parts: readonly (number | readonly number[] | Uint8Array)[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => (typeof part === 'number' ? [part] : [...part])))

export const be16 = (value: number): number[] => [(value >>> 8) & 255, value & 255]
export const be32 = (value: number): number[] => [...be16(value >>> 16), ...be16(value & 0xffff)]
const ordered = (isLittle: boolean, field: number[]): number[] => (isLittle ? field.toReversed() : field)

export interface TcpFields {
  sourcePort?: number
  destinationPort?: number
  flags?: number
  window?: number
  options?: number[]
  payload?: number
}

export const tcp = (of: TcpFields = {}): Uint8Array => {
  const options = of.options ?? []
  return bytes(
    [...be16(of.sourcePort ?? 40_000), ...be16(of.destinationPort ?? 443), ...be32(1), ...be32(2)],
    [(5 + options.length / 4) << 4, of.flags ?? 0x10, ...be16(of.window ?? 1024), 0, 0, 0, 0],
    options,
    new Uint8Array(of.payload ?? 0),
  )
}

export const udp = (payload: number, sourcePort = 40_000, destinationPort = 53): Uint8Array =>
  bytes([...be16(sourcePort), ...be16(destinationPort), ...be16(8 + payload), 0, 0], new Uint8Array(payload))

export interface Ip4Fields {
  source?: number[]
  destination?: number[]
  protocol?: number
  /** Flags and offset, as they stand in the header. */
  fragment?: number
  options?: number[]
}

export const ip4 = (body: Uint8Array, of: Ip4Fields = {}): Uint8Array => {
  const options = of.options ?? []
  const header = 20 + options.length
  return bytes(
    [
      0x40 | (header / 4),
      0,
      ...be16(header + body.length),
      0,
      0,
      ...be16(of.fragment ?? 0),
      64,
      of.protocol ?? 6,
      0,
      0,
    ],
    [...(of.source ?? [198, 51, 100, 7]), ...(of.destination ?? [192, 0, 2, 1])],
    options,
    body,
  )
}

export const ADDRESS6 = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]

export const ip6 = (body: Uint8Array, next: number, source = ADDRESS6, destination = ADDRESS6): Uint8Array =>
  bytes([0x60, 0, 0, 0, ...be16(body.length), next, 64], source, destination, body)

export const ethernet = (body: Uint8Array, type = 0x0800, tags: number[] = []): Uint8Array =>
  bytes(new Uint8Array(12), ...tags.map((tag) => [...be16(tag), 0, 5]), be16(type), body)

export interface Captured {
  frame: Uint8Array
  seconds?: number
  fraction?: number
  wireBytes?: number
}

export const pcap = (
  frames: readonly Captured[],
  { isLittle = true, isNano = false, linkType = 1 } = {},
): Uint8Array => {
  const u16 = (value: number) => ordered(isLittle, be16(value))
  const u32 = (value: number) => ordered(isLittle, be32(value))
  return bytes(
    [
      ...u32(isNano ? 0xa1b23c4d : 0xa1b2c3d4),
      ...u16(2),
      ...u16(4),
      ...u32(0),
      ...u32(0),
      ...u32(65_535),
      ...u32(linkType),
    ],
    ...frames.map(({ frame, seconds = 0, fraction = 0, wireBytes = frame.length }) =>
      bytes([...u32(seconds), ...u32(fraction), ...u32(frame.length), ...u32(wireBytes)], frame),
    ),
  )
}

/** One block of a pcapng file, padded, with its length at both ends. */
export const block = (type: number, body: Uint8Array, isLittle = true): Uint8Array => {
  const u32 = (value: number) => ordered(isLittle, be32(value))
  const padded = bytes(body, new Uint8Array((4 - (body.length % 4)) % 4))
  return bytes(u32(type), u32(padded.length + 12), padded, u32(padded.length + 12))
}

export const section = (isLittle = true): Uint8Array =>
  block(
    0x0a0d0d0a,
    bytes(ordered(isLittle, be32(0x1a2b3c4d)), ordered(isLittle, be16(1)), [0, 0], new Uint8Array(8).fill(255)),
    isLittle,
  )

export const describeInterface = (
  linkType: number,
  { isLittle = true, snapLength = 0, options = [] as number[] } = {},
) => block(1, bytes(ordered(isLittle, be16(linkType)), [0, 0], ordered(isLittle, be32(snapLength)), options), isLittle)

export const enhanced = (
  frame: Uint8Array,
  { isLittle = true, on = 0, high = 0, low = 0, captured = frame.length, wireBytes = frame.length } = {},
): Uint8Array => {
  const u32 = (value: number) => ordered(isLittle, be32(value))
  return block(6, bytes(u32(on), u32(high), u32(low), u32(captured), u32(wireBytes), frame), isLittle)
}

/**
 * What a server tells of the requests that it met and of the connections that are open. No header, no body, no address of a
 * resource is in them: of a target only its class and a hash.
 *
 * @module
 */

/** What a target asks for. `none`: the head never became whole. */
export type PathClass = 'packets' | 'answers' | 'keys' | 'log' | 'health' | 'other' | 'none'

/** One request that ended, or one connection that ended before it brought one. */
export interface HttpRecord {
  /** Whom it counts for: {@link clientOf} an address. */
  readonly client: string
  /** Milliseconds since 1970 when its head was whole; without one, when its connection ended. */
  readonly startMs: number
  /** Milliseconds that the head took, in steps of the sweep; NaN: it never became whole; 0 where the runtime does not show it. */
  readonly headMs: number
  /** Milliseconds from head to the end of the body; 0 without a body, or where the runtime does not show it; NaN: no end came. */
  readonly bodyMs: number
  /** Milliseconds since 1970 when it was answered, or given up. Records come in this order. */
  readonly endMs: number
  /** Of head and body; NaN where the runtime does not show it. */
  readonly bytesIn: number
  /** 0: nothing was answered. */
  readonly status: number
  readonly isPost: boolean
  readonly path: PathClass
  /** {@link targetHash}; 0 without a head. */
  readonly target: number
  /** The first request of its connection; false where the runtime does not show it. */
  readonly isFirst: boolean
}

/** The connections of one client that are open at one time. Each is counted once, but for answers of pipelined requests. */
export interface OpenRecord {
  readonly client: string
  readonly connections: number
  /** Open for {@link SILENT_MS} and more without a byte. */
  readonly silent: number
  /** With a part of a head. */
  readonly heads: number
  /** Of `heads`: for {@link SLOW_MS} and more. */
  readonly slowHeads: number
  /** Sum of the ages of `heads`, in milliseconds. */
  readonly headMs: number
  /** With a part of a body. */
  readonly bodies: number
  /** Of `bodies`: for {@link SLOW_MS} and more, at less than {@link SLOW_BODY_BYTES_PER_S}. */
  readonly slowBodies: number
  /** Sums over `bodies`: milliseconds since the head, and bytes since then. */
  readonly bodyMs: number
  readonly bodyBytes: number
  /** Whose request is whole and whose answer is not: long streams among them. */
  readonly answers: number
}

/** A head or a body that takes so long is slow: one of a bad network arrives sooner. */
export const SLOW_MS = 2_000
export const SLOW_BODY_BYTES_PER_S = 1_024
/** Browsers open connections ahead, and use or close them. */
export const SILENT_MS = 4_000

/** The first that fits. */
const CLASSES: readonly (readonly [string, PathClass])[] = [
  ['/v1/packets/', 'answers'],
  ['/v1/packets', 'packets'],
  ['/v1/routes', 'keys'],
  ['/v1/keys', 'keys'],
  ['/log', 'log'],
  ['/health', 'health'],
  ['/readyz', 'health'],
  ['/metrics', 'health'],
]

/** @param target Path of a request, attacker-controlled. */
export function pathClassOf(target: string): PathClass {
  return CLASSES.find(([prefix]) => target.startsWith(prefix))?.[1] ?? 'other'
}

const HASHED_CHARS = 256

/** FNV-1a over the first 256 characters, never 0. Whoever wants collisions gets them: it counts what differs, no more. */
export function targetHash(target: string): number {
  let hash = 0x811c9dc5
  const length = Math.min(target.length, HASHED_CHARS)
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ target.charCodeAt(i), 0x01000193)
  return hash >>> 0 || 1
}

const MAX_CLIENT_CHARS = 64

/**
 * Whom to count for: an IPv4 address; of an IPv6 address its first 64 bits, which one customer has; anything else as it is, up
 * to 64 characters.
 */
export function clientOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  if (!address.includes(':')) return address.slice(0, MAX_CLIENT_CHARS)
  const [front = '', back] = (address.split('%', 1)[0] ?? '').split('::')
  const head = front === '' ? [] : front.split(':')
  const tail = back === undefined || back === '' ? [] : back.split(':')
  const zeros = back === undefined ? 0 : Math.max(0, 8 - head.length - tail.length)
  const groups = [...head, ...Array<string>(zeros).fill('0'), ...tail].slice(0, 4)
  return `${groups.map((group) => group.replace(/^0+(?=.)/, '').toLowerCase()).join(':')}::/64`.slice(
    0,
    MAX_CLIENT_CHARS,
  )
}

/**
 * A file on a web server, read in ranges: only what a scan looks at is fetched.
 *
 * @module
 */
import { DetectorError } from '../errors.ts'
import type { ByteSource } from '../gguf/source.ts'

export interface HttpSourceOptions {
  /** Default the platform's. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>
  readonly signal?: AbortSignal | undefined
  /** A larger file is refused. Default 2 TiB. */
  readonly maxBytes?: number | undefined
  /** Milliseconds for one range. Default 30,000. */
  readonly timeoutMs?: number | undefined
}

const MAX_BYTES = 2 * 1024 ** 4
const TIMEOUT_MS = 30_000

/**
 * Asks for the first byte, to learn the length and the version of the file. Every range must then be of that version: the
 * same length, the same strong ETag or modification time.
 *
 * @param url `http:` or `https:`. Attacker-controlled servers are expected; redirects are followed.
 * @throws {DetectorError} `MODEL_UNAVAILABLE` if the server does not serve ranges, or fails; `NOT_FOUND`; `STORE_FAILED` when
 *   the file changes while it is read; `CANCELLED`.
 */
export async function httpSource(url: string, options: HttpSourceOptions = {}): Promise<ByteSource> {
  const { maxBytes = MAX_BYTES } = options
  const first = await range(url, 0, 1, options)
  const { size, version } = first
  if (size > maxBytes) throw refused(url, `it has ${size} bytes, wanted at most ${maxBytes}`)
  return {
    name: url,
    size,
    isFar: true,
    async read(offset, length) {
      if (length === 0) return new Uint8Array(0)
      const part = await range(url, offset, length, options)
      if (part.size !== size || part.version !== version) {
        throw new DetectorError('STORE_FAILED', `Cannot read ${url}: it changed while it was read`)
      }
      return part.bytes
    },
  }
}

interface Part {
  readonly bytes: Uint8Array
  readonly size: number
  /** What tells one version of the file from another; empty where the server does not say. */
  readonly version: string
}

async function range(url: string, offset: number, length: number, options: HttpSourceOptions): Promise<Part> {
  const { fetch: get = (to, init) => fetch(to, init), signal, timeoutMs = TIMEOUT_MS } = options
  const timeout = AbortSignal.timeout(timeoutMs)
  const last = offset + length - 1
  try {
    const response = await get(url, {
      // A compressed range would be a range of something else.
      headers: { range: `bytes=${offset}-${last}`, 'accept-encoding': 'identity' },
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    })
    const size = sizeOf(url, response, offset, last)
    const bytes = await body(url, response, length)
    const tag = response.headers.get('etag') ?? ''
    const version = tag !== '' && !tag.startsWith('W/') ? tag : (response.headers.get('last-modified') ?? '')
    return { bytes, size, version }
  } catch (cause) {
    if (cause instanceof DetectorError) throw cause
    if (signal?.aborted) throw new DetectorError('CANCELLED', `Cannot read ${url}: cancelled`, { cause })
    throw new DetectorError('MODEL_UNAVAILABLE', `Cannot read ${url}: ${(cause as Error).message}`, { cause })
  }
}

function sizeOf(url: string, response: Response, offset: number, last: number): number {
  const { status } = response
  const state = statusState(status, response.headers)
  if (state !== undefined) {
    void response.body?.cancel()
    throw status === 404 ? new DetectorError('NOT_FOUND', `Cannot read ${url}: ${state}`) : refused(url, state)
  }
  const stated = response.headers.get('content-range') ?? ''
  const [, first, end, total] = /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16})$/.exec(stated) ?? []
  if (Number(first) !== offset || Number(end) !== last || !(Number(total) > last)) {
    void response.body?.cancel()
    throw refused(url, `the server gave the range "${stated.slice(0, 80)}", wanted bytes ${offset} to ${last}`)
  }
  return Number(total)
}

function statusState(status: number, headers: Headers): string | undefined {
  if (status === 200) return 'the server sends the whole file, wanted ranges of it'
  if (status !== 206) return `the server says ${status}, wanted 206`
  const encoding = headers.get('content-encoding')
  return encoding === null || encoding === 'identity' ? undefined : `the range is encoded as ${encoding.slice(0, 40)}`
}

/** No more than was asked for, whatever the server sends. */
async function body(url: string, response: Response, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  let filled = 0
  for await (const chunk of response.body ?? []) {
    if (chunk.length > length - filled)
      throw refused(url, `the server sends more than the ${length} bytes of the range`)
    bytes.set(chunk, filled)
    filled += chunk.length
  }
  if (filled < length) throw refused(url, `the server sent ${filled} of ${length} bytes`)
  return bytes
}

const refused = (url: string, state: string) => new DetectorError('MODEL_UNAVAILABLE', `Cannot read ${url}: ${state}`)

import { Agent, type Dispatcher, request } from 'undici'
import { ALLOWED_HOSTS } from './catalogue.ts'
import { ModelError } from './model-error.ts'
import type { PartFile } from './part-file.ts'

export interface DownloadOptions {
  readonly signal: AbortSignal
  /** Bytes in the part file so far. */
  readonly onBytes: (done: number) => void
  /** The most that may come. */
  readonly maxBytes: number
  /** Default {@link ALLOWED_HOSTS}. Given hosts may also be asked by plain HTTP (tests, a mirror in the same house). */
  readonly trustedHosts?: readonly string[]
}

const CONNECT_TIMEOUT_MS = 5_000
/** Between two pieces of a body; a server that is silent for longer counts as broken. */
const IDLE_TIMEOUT_MS = 30_000
const MAX_REDIRECTS = 5
const TRIES = 3

/**
 * Fetches `url` into `part`, going on where it ends (`Range`). A connection that breaks in the middle is tried again from
 * there, three times in all; then the part file is left for the next call.
 *
 * @throws {ModelError} `NOT_PERMITTED` for a host outside the list, also as a redirect; `MODEL_UNAVAILABLE` when the server
 *   cannot be reached or says no; `DOCUMENT_MALFORMED` when it sends too much; `CANCELLED`.
 */
export async function download(url: string, part: PartFile, options: DownloadOptions): Promise<void> {
  const dispatcher = new Agent({
    connect: { timeout: CONNECT_TIMEOUT_MS },
    headersTimeout: IDLE_TIMEOUT_MS,
    bodyTimeout: IDLE_TIMEOUT_MS,
  })
  try {
    for (let tries = 1; ; tries++) {
      const before = part.bytes
      try {
        return await downloadOnce(url, part, options, dispatcher)
      } catch (error) {
        if (options.signal.aborted)
          throw new ModelError('CANCELLED', 'Cannot fetch the model: cancelled', { cause: error })
        if (error instanceof ModelError) throw error
        // Only a body that broke after some of it came is worth another try: a dead host would only cost time.
        if (part.bytes === before || tries === TRIES) throw unavailable(url, reasonOf(error), error)
      }
    }
  } finally {
    await dispatcher.destroy()
  }
}

async function downloadOnce(
  url: string,
  part: PartFile,
  options: DownloadOptions,
  dispatcher: Dispatcher,
): Promise<void> {
  const headers = part.bytes > 0 ? { range: `bytes=${part.bytes}-` } : {}
  const answer = await follow(url, headers, options, dispatcher)
  if (answer.statusCode === 416) {
    await answer.body.dump()
    // What is there is no beginning of what the server has.
    await part.restart()
    return downloadOnce(url, part, options, dispatcher)
  }
  if (answer.statusCode !== 200 && answer.statusCode !== 206) {
    await answer.body.dump()
    throw unavailable(url, `the server says ${answer.statusCode}`)
  }
  const goesOn = answer.statusCode === 206 && rangeStart(answer.headers['content-range']) === part.bytes
  if (!goesOn && part.bytes > 0) await part.restart()
  if (!goesOn && answer.statusCode === 206) {
    answer.body.destroy()
    throw unavailable(url, 'the server sent another range than was asked for')
  }
  for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
    if (part.bytes + chunk.length > options.maxBytes) {
      throw new ModelError('DOCUMENT_MALFORMED', `Cannot fetch ${url}: it sends more than ${options.maxBytes} bytes`)
    }
    await part.write(chunk)
    options.onBytes(part.bytes)
  }
}

async function follow(
  first: string,
  headers: Record<string, string>,
  options: DownloadOptions,
  dispatcher: Dispatcher,
): Promise<Dispatcher.ResponseData> {
  let url = permitted(new URL(first), options.trustedHosts)
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const answer = await request(url, { dispatcher, headers, signal: options.signal })
    const location = answer.headers['location']
    if (answer.statusCode < 301 || answer.statusCode > 308 || typeof location !== 'string') return answer
    await answer.body.dump()
    url = permitted(new URL(location, url), options.trustedHosts)
  }
  throw unavailable(first, `more than ${MAX_REDIRECTS} redirects`)
}

function permitted(url: URL, trustedHosts: readonly string[] | undefined): URL {
  const hosts = trustedHosts ?? ALLOWED_HOSTS
  const known = hosts.some((host) => url.hostname === host || url.hostname.endsWith(`.${host}`))
  if (known && (url.protocol === 'https:' || trustedHosts !== undefined)) return url
  throw new ModelError(
    'NOT_PERMITTED',
    `Cannot fetch a model from ${url.protocol}//${url.host}: not on the allow list, wanted https and one of ${hosts.join(', ')}`,
  )
}

function rangeStart(header: string | string[] | undefined): number | undefined {
  const match = typeof header === 'string' ? /^bytes (\d+)-/.exec(header) : null
  return match === null ? undefined : Number(match[1])
}

function unavailable(url: string, state: string, cause?: unknown): ModelError {
  return new ModelError('MODEL_UNAVAILABLE', `Cannot fetch ${url}: ${state}`, cause === undefined ? {} : { cause })
}

function reasonOf(error: unknown): string {
  return error instanceof Error
    ? error.message || String((error as { code?: unknown }).code ?? error.name)
    : String(error)
}

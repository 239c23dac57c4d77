/**
 * Bodies with a cap.
 *
 * @module
 */
import { concat } from '@mystranet/sdk/bytes'
import type { MiddlewareHandler } from 'hono'
import { RouterError } from '../errors.ts'

/**
 * Refuses a body over its cap: at once if its length is said in advance, else as soon as it is longer; and one whose sender
 * hung up before its end, which is no fault of ours. What follows it may read the body as often as it likes.
 *
 * @param what For the message: "Cannot …".
 */
export function bodyCap(maxBytes: number, what: string): MiddlewareHandler {
  const refuse = (): never => {
    throw new RouterError('PACKET_TOO_LARGE', `Cannot ${what}: wanted at most ${maxBytes} bytes`)
  }
  return async (c, next) => {
    const { raw } = c.req
    if (raw.body === null) return next()
    const said = raw.headers.has('transfer-encoding') ? null : raw.headers.get('content-length')
    const incomplete = (cause: unknown): never => {
      throw new RouterError('PACKET_MALFORMED', `Cannot ${what}: its body ended before it was whole`, { cause })
    }
    if (said !== null) {
      if (Number(said) > maxBytes) refuse()
      await c.req.arrayBuffer().catch(incomplete)
      return next()
    }
    const bytes = await readUpTo(raw.body, maxBytes).catch(incomplete)
    c.req.raw = new Request(raw, { body: bytes ?? refuse() })
    return next()
  }
}

/** Undefined for more. The rest is then still to be read by whoever wants to. */
async function readUpTo(
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const reader = body.getReader()
  const chunks: Uint8Array[] = []
  let size = 0
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    size += read.value.length
    if (size > maxBytes) {
      reader.releaseLock()
      return undefined
    }
    chunks.push(read.value)
  }
  return concat(...chunks)
}

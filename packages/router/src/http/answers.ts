/**
 * Answers over HTTP: a stream of records that is as slow as its reader (docs/protocol.md §8.1).
 *
 * @module
 */
import { concat, fromBase64, utf8 } from '@mystranet/sdk/bytes'
import { ANSWER_MEDIA_TYPE, encodeRecord } from '@mystranet/sdk/envelope'
import { Hono } from 'hono'
import { RouterError } from '../errors.ts'
import type { AnswerReader } from '../nexus.ts'

export interface AnswerRoutesDeps {
  /** `Nexus.readAnswer`. */
  readAnswer(packet: string, fetch: Uint8Array): Promise<AnswerReader>
  /** Milliseconds between heartbeats, at most 10,000. */
  readonly heartbeatMs: number
}

const END = encodeRecord('end')
const PACKET_ID = /^[0-9a-f]{64}$/
const MAX_AUTHORIZATION_CHARS = 4_096

/**
 * `GET /v1/packets/{hex id}/answer` with `Authorization: Weave {base64 SignedDocument of type answer-fetch}`. A heartbeat
 * comes at once and at least every ten seconds; record 0 ends it. At most one page is in memory for each reader.
 */
export function answerRoutes({ readAnswer, heartbeatMs }: AnswerRoutesDeps) {
  return new Hono().get('/v1/packets/:id/answer', async (c) => {
    const id = c.req.param('id')
    if (!PACKET_ID.test(id))
      throw new RouterError('FIELD_INVALID', 'Cannot fetch the answer: its packet id is not 64 hex digits')
    const reader = await readAnswer(id, fetchOf(c.req.header('authorization')))
    const body = answerStream(reader, heartbeatMs)
    return c.body(body, 200, {
      'content-type': ANSWER_MEDIA_TYPE,
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    })
  })
}

function fetchOf(authorization: string | undefined): Uint8Array {
  const text = authorization?.startsWith('Weave ') ? authorization.slice(6) : undefined
  const document = text === undefined || text.length > MAX_AUTHORIZATION_CHARS ? undefined : fromBase64(text)
  if (document === undefined) {
    throw new RouterError(
      'SIGNATURE_INVALID',
      'Cannot fetch the answer: no authorization, wanted “Weave” and a signed answer-fetch',
    )
  }
  return document
}

/** One pull, one page: what the reader does not take stays in the store. */
export function answerStream(reader: AnswerReader, heartbeatMs: number): ReadableStream<Uint8Array> {
  let isGone = false
  let isFirst = true
  const leave = () => {
    isGone = true
    reader.close()
  }
  const beat = () => encodeRecord('heartbeat', utf8(reader.heartbeat()))
  const source: UnderlyingDefaultSource<Uint8Array> = {
    async pull(controller) {
      try {
        if (isFirst) {
          isFirst = false
          return controller.enqueue(beat())
        }
        for (let waited = false; !isGone; waited = true) {
          const page = await reader.next()
          if (page.length > 0)
            return controller.enqueue(concat(...page.map(({ type, value }) => encodeRecord(type, value))))
          if (await reader.ended()) {
            controller.enqueue(END)
            leave()
            return controller.close()
          }
          if (waited) return controller.enqueue(beat())
          await reader.changed(heartbeatMs)
        }
      } catch (error) {
        leave()
        // A stream that ends without record 0 was cut; the reader resumes.
        controller.error(error)
      }
    },
    cancel: leave,
  }
  return new ReadableStream(source, { highWaterMark: 0 })
}

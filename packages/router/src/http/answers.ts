/**
 * Answers over HTTP (docs/protocol.md §8.1).
 *
 * @module
 */
import { fromBase64 } from '@mystranet/sdk/bytes'
import { ANSWER_MEDIA_TYPE } from '@mystranet/sdk/envelope'
import { Hono } from 'hono'
import type { NexusDoor } from '../door.ts'
import { RouterError } from '../errors.ts'

const PACKET_ID = /^[0-9a-f]{64}$/
const MAX_AUTHORIZATION_CHARS = 4_096

/** `GET /v1/packets/{hex id}/answer` with `Authorization: Weave {base64 SignedDocument of type answer-fetch}`. */
export function answerRoutes(door: Pick<NexusDoor, 'readAnswer'>) {
  return new Hono().get('/v1/packets/:id/answer', async (c) => {
    const { id, fetch } = readFetch(c.req.param('id'), c.req.header('authorization'))
    return c.body(await door.readAnswer(id, fetch), 200, {
      'content-type': ANSWER_MEDIA_TYPE,
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    })
  })
}

/** What a fetch names and carries. @throws {RouterError} `FIELD_INVALID` or `SIGNATURE_INVALID`. */
export function readFetch(id: string, authorization: string | undefined): { id: string; fetch: Uint8Array } {
  if (!PACKET_ID.test(id))
    throw new RouterError('FIELD_INVALID', 'Cannot fetch the answer: its packet id is not 64 hex digits')
  const text = authorization?.startsWith('Weave ') ? authorization.slice(6) : undefined
  const fetch = text === undefined || text.length > MAX_AUTHORIZATION_CHARS ? undefined : fromBase64(text)
  if (fetch === undefined) {
    throw new RouterError(
      'SIGNATURE_INVALID',
      'Cannot fetch the answer: no authorization, wanted “Weave” and a signed answer-fetch',
    )
  }
  return { id, fetch }
}

/**
 * A witness over HTTP.
 *
 * @module
 */
import { MAX_NOTE_BYTES } from '@mystranet/schemas/limits'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { WitnessAnswer } from '../log/ports.ts'
import type { Witness } from './witness.ts'

/** The note, 63 hashes of 45 characters, and the size line. */
const MAX_BODY_BYTES = MAX_NOTE_BYTES + 4_096

/** `POST /add-checkpoint`. Mount it under the submission prefix. */
export function witnessRoutes(witness: Witness) {
  return new Hono().post('/add-checkpoint', bodyLimit({ maxSize: MAX_BODY_BYTES }), async (c) =>
    toResponse(await witness.addCheckpoint(new Uint8Array(await c.req.arrayBuffer()))),
  )
}

function toResponse({ status, contentType, body }: WitnessAnswer): Response {
  return new Response(new Uint8Array(body), {
    status,
    headers: { 'content-type': contentType ?? 'text/plain; charset=utf-8' },
  })
}

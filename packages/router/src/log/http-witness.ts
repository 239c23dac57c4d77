/**
 * The way to a witness over HTTP ({@link https://c2sp.org/tlog-witness C2SP tlog-witness}).
 *
 * @module
 */
import { PacketError } from '@mystranet/sdk/errors'
import type { WitnessLink } from './ports.ts'

/** A size, or a few signature lines. */
const MAX_ANSWER_BYTES = 64 * 1024

export interface HttpWitness {
  /** Its name in the policy. */
  readonly name: string
  /** Submission prefix, with or without the final slash. */
  readonly url: string
  fetch?(url: string, init: RequestInit): Promise<Response>
}

/** Links to a witness. Follows no redirects: the policy names the key, the configuration the place. */
export function httpWitness({ name, url, fetch = globalThis.fetch }: HttpWitness): WitnessLink {
  const target = `${url.replace(/\/$/, '')}/add-checkpoint`
  return {
    name,
    async addCheckpoint(body, signal) {
      const request = { method: 'POST', body: new Uint8Array(body), signal, redirect: 'error' } as const
      const response = await fetch(target, request)
      const contentType = response.headers.get('content-type')
      const answer = { status: response.status, body: await readCapped(response) }
      return contentType === null ? answer : { ...answer, contentType }
    },
  }
}

async function readCapped(response: Response): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of response.body ?? []) {
    length += part.length
    if (length > MAX_ANSWER_BYTES) {
      throw new PacketError('NOTE_MALFORMED', `Cannot read a witness’s answer: over ${MAX_ANSWER_BYTES} bytes`)
    }
    parts.push(part)
  }
  const body = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    body.set(part, at)
    at += part.length
  }
  return body
}

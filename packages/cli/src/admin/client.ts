/**
 * What `weave status`, `weave dead`, `weave findings` and others ask the `weave up` of the same state folder, over its admin socket.
 *
 * @module
 */
import { request } from 'node:http'
import { CODES, type Code } from '@mystranet/schemas/codes'
import { PacketError } from '@mystranet/sdk/errors'
import type { StateFolder } from '../state.ts'
import { socketPath } from './socket.ts'

const TIMEOUT_MS = 30_000
const MAX_BYTES = 64 * 1024 * 1024

/**
 * One request.
 *
 * @param body What JSON can say.
 *
 * @throws {PacketError} `ROUTER_UNREACHABLE` when nothing runs there; the code of a refusal.
 */
export async function askAdmin<T>(
  state: StateFolder,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<T> {
  const { status, text } = await send(state, method, path, body === undefined ? '' : JSON.stringify(body))
  const document: unknown = text === '' ? undefined : JSON.parse(text)
  if (status < 300) return document as T
  const { code, detail } = (document ?? {}) as { code?: string; detail?: string }
  const isKnown = code !== undefined && Object.hasOwn(CODES, code)
  throw new PacketError(isKnown ? (code as Code) : 'INTERNAL', detail ?? `Cannot ask weave up: status ${status}`)
}

function send(
  state: StateFolder,
  method: string,
  path: string,
  body: string,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: socketPath(state), method, path, timeout: TIMEOUT_MS }, (response) => {
      const chunks: Buffer[] = []
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > MAX_BYTES) outgoing.destroy(new Error('too long'))
        chunks.push(chunk)
      })
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
      )
      response.on('error', reject)
    })
    outgoing.on('timeout', () => outgoing.destroy(new Error('timed out')))
    outgoing.on('error', (cause: NodeJS.ErrnoException) => {
      const state_ = cause.code === 'ENOENT' || cause.code === 'ECONNREFUSED' ? 'it does not run' : cause.message
      reject(new PacketError('ROUTER_UNREACHABLE', `Cannot ask the weave up of ${state.root}: ${state_}`, { cause }))
    })
    outgoing.end(body)
  })
}

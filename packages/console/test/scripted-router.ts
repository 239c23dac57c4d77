/**
 * The scripted world behind HTTP, with the pages: what `weave up` is to a browser.
 *
 * @module
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { KINDS } from '@mystranet/schemas/kinds'
import { decode, encode, KeyChain, KeyEvents, Receipt, Receipts, Routes } from '@mystranet/schemas/messages'
import { toHex } from '../../sdk/src/bytes.ts'
import type { ParsedPacket } from '../../sdk/src/envelope/parse.ts'
import { createConsole } from '../src/index.ts'
import { scriptedWorld } from './scripted-world.ts'

export interface Script {
  readonly words: readonly string[]
  /** Milliseconds between two words. */
  readonly delayMs: number
  /** An unknown instance needs this invite. */
  readonly invite: string
}

/** Listens on a free port of the loopback address until it is closed. */
export async function startScriptedRouter(script: Script) {
  const world = await scriptedWorld()
  const pages = await createConsole({ trustFile: () => world.trustFile })
  const requests = new Map<string, ParsedPacket>()
  const cancelled = new Set<string>()

  async function api(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const send = (bytes: Uint8Array, status = 200) => response.writeHead(status).end(bytes)
    const refuse = (status: number, code: string) =>
      response.writeHead(status).end(JSON.stringify({ code, detail: 'Cannot go on: a script says so' }))
    const [, , what, id] = path.split('/')
    if (path === '/log/checkpoint') return void send(world.checkpoint())
    const width = /^\/log\/tile\/0\/000\.p\/(\d+)$/.exec(path)?.[1]
    if (width !== undefined) return void send(world.tile(Number(width)))
    if (what === 'routes') return void send(encode(Routes, world.routes()))
    if (what === 'keys' && request.method === 'POST') {
      const body = decode(KeyEvents, await bodyOf(request))
      if (!world.knows(body) && body.invite !== script.invite) return void refuse(403, 'NOT_PERMITTED')
      return void send(encode(Receipts, { receipts: await world.enrol(body) }))
    }
    if (what === 'keys') {
      const chain = world.keysOf(id!)
      return void (chain ? send(encode(KeyChain, chain)) : refuse(404, 'NOT_FOUND'))
    }
    if (request.method === 'POST') {
      const { packet, receipt } = await world.submit(await bodyOf(request))
      if (packet.core.kind === KINDS.CANCEL) cancelled.add(toHex(packet.core.inReplyTo!))
      else requests.set(toHex(packet.id), packet)
      return void send(encode(Receipt, receipt), 202)
    }
    response.writeHead(200)
    for await (const record of world.answer(requests.get(id!)!, script.words, script.delayMs, () =>
      cancelled.has(id!),
    )) {
      response.write(record)
    }
    response.end()
  }

  const server = createServer(async (request, response) => {
    try {
      const path = new URL(request.url!, 'http://x').pathname
      if (path.startsWith('/v1/') || path.startsWith('/log/')) return await api(request, response, path)
      const answer = await pages(new Request(`http://x${request.url}`, { method: request.method! }))
      if (answer === undefined) return void response.writeHead(404).end()
      response
        .writeHead(answer.status, Object.fromEntries(answer.headers))
        .end(new Uint8Array(await answer.arrayBuffer()))
    } catch (error) {
      console.error(error)
      response.writeHead(500).end()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    world,
    cancelled,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function bodyOf(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return new Uint8Array(Buffer.concat(chunks))
}

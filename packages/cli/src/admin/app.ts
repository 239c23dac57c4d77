/**
 * What the owner of a state folder may ask of the `weave up` in it. Served on a socket that only the owner reaches.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import type { AgentState, Nexus } from '@mystranet/router'
import { CODES, codeOfWire } from '@mystranet/schemas/codes'
import { decode, Notice, SignedDocument } from '@mystranet/schemas/messages'
import { toHex } from '@mystranet/sdk/bytes'
import { openPacketJson, type PacketJson, type PacketProjection } from '@mystranet/sdk/json'
import { Hono } from 'hono'
import { codeOf } from '../exit.ts'
import type { Running } from '../running.ts'
import type { RunningDetector } from '../up/detector.ts'
import { findingRoutes } from './findings.ts'

/** What the admin interface looks at; undefined as long as the router is being opened. */
export interface Administered {
  readonly nexus: Pick<Nexus, 'agents' | 'dead' | 'showPackets' | 'tables'>
  readonly running: Running | undefined
  readonly detector: RunningDetector
  readonly agentPid: number | undefined
  readonly agentRestarts: number
  readonly fault: string | undefined
  /** Why a question would not be answered now; nothing: it would. */
  missing(): Promise<readonly string[]>
  /** @param role Whether whoever enrols with it is to answer questions. */
  invite(token: string, untilMs: number, role: 'user' | 'agent'): Promise<void>
}

export interface StatusDocument {
  readonly ready: boolean
  readonly missing: readonly string[]
  readonly running: Running | undefined
  readonly table: { readonly version: string; readonly expiresMs: number; readonly tags: readonly string[] } | undefined
  readonly agents: readonly AgentState[]
  readonly agentPid: number | undefined
  readonly agentRestarts: number
  readonly deadLetters: number
}

export interface DeadDocument {
  readonly packet: string
  readonly code: string
  readonly at: string
  readonly expires: string
  /** From the notice that the nexus signed. */
  readonly attempts: readonly { readonly attempt: number; readonly agent: string | undefined; readonly code: string }[]
}

/** One dead letter with the packet that it is about, as its JSON projection (docs/protocol.md §15). */
export interface ShownDeadDocument extends DeadDocument {
  /** Absent when the router keeps the packet no more. */
  readonly projection: PacketProjection | undefined
}

const MAX_LETTERS = 1_000
const PACKET = ':packet{[0-9a-f]{64}}'
const INVITE_MS = 15 * 60_000
let opened: Promise<PacketJson> | undefined
/** The schema is checked once, when the first packet is shown. */
const packetJson = () => {
  opened ??= openPacketJson()
  return opened
}
const nameOf = (wire: number) => codeOfWire(wire) ?? String(wire)

export function adminApp(administered: () => Administered | undefined): Hono {
  const at = () => {
    const there = administered()
    if (there === undefined) throw problem(503, 'DRAINING', 'weave up is starting or stopping')
    return there
  }
  const app = new Hono()
  app.get('/status', async (context) => context.json(await statusOf(at())))
  app.get('/dead', async (context) => context.json((await at().nexus.dead.list(MAX_LETTERS)).map(letterOf)))
  app.get(`/dead/${PACKET}`, async (context) => {
    const { dead, showPackets } = at().nexus
    const id = context.req.param('packet')
    const letter = await dead.show(id)
    if (letter === undefined) return noLetter()
    const stored = await showPackets(id)
    const projection = stored && (await packetJson()).write(stored.packet)
    return context.json({ ...letterOf(letter), projection } satisfies ShownDeadDocument)
  })
  app.post(`/dead/${PACKET}/replay`, async (context) => {
    await at().nexus.dead.replay(context.req.param('packet'))
    return context.json({})
  })
  app.delete(`/dead/${PACKET}`, async (context) =>
    (await at().nexus.dead.drop(context.req.param('packet'))) ? context.json({}) : noLetter(),
  )
  for (const [path, role] of [['/invite', 'user'] as const, ['/invite/agent', 'agent'] as const]) {
    app.post(path, async (context) => {
      const token = randomBytes(24).toString('base64url')
      const untilMs = Date.now() + INVITE_MS
      await at().invite(token, untilMs, role)
      return context.json({ token, untilMs })
    })
  }
  app.route(
    '/',
    findingRoutes(() => at().detector),
  )
  app.notFound(() => problem(404, 'NOT_FOUND', 'There is no such thing to ask').response)
  app.onError((error) => {
    if (error instanceof Refusal) return error.response
    const code = codeOf(error) ?? 'INTERNAL'
    return problem(CODES[code].status, code, error.message).response
  })
  return app
}

async function statusOf(there: Administered): Promise<StatusDocument> {
  const known = (await there.nexus.tables.shown())?.known.table
  const missing = [...(there.fault === undefined ? [] : [there.fault]), ...(await there.missing())]
  return {
    ready: missing.length === 0,
    missing,
    running: there.running,
    table: known && {
      version: `${known.version}`,
      expiresMs: known.expiresMs,
      tags: known.rules.flatMap(({ tag }) => tag ?? []),
    },
    agents: there.nexus.agents(),
    agentPid: there.agentPid,
    agentRestarts: there.agentRestarts,
    deadLetters: (await there.nexus.dead.list(MAX_LETTERS)).length,
  }
}

function letterOf(letter: Awaited<ReturnType<Nexus['dead']['list']>>[number]): DeadDocument {
  const notice = decode(Notice, decode(SignedDocument, letter.notice).body)
  return {
    packet: letter.packet,
    code: nameOf(letter.code),
    at: new Date(letter.atMs).toISOString(),
    expires: new Date(letter.expiresMs).toISOString(),
    attempts: notice.attempts.map(({ attempt, agent, code }) => ({
      attempt,
      agent: agent && toHex(agent),
      code: nameOf(code),
    })),
  }
}

/** An answer that is thrown, so that it ends whatever was being done. */
class Refusal extends Error {
  readonly response: Response

  constructor(status: number, code: string, detail: string) {
    super(detail)
    this.response = Response.json({ code, detail }, { status })
  }
}

const problem = (status: number, code: string, detail: string) => new Refusal(status, code, detail)
const noLetter = () => problem(404, 'NOT_FOUND', 'There is no such dead letter').response

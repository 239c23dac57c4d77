/**
 * The detector's part of the admin interface: its findings, an operator's word about them, and its models.
 *
 * @module
 */
import { type BookedFinding, evidenceOf, type FindingState, parseObservation } from '@mystranet/detector/loop'
import { CODES } from '@mystranet/schemas/codes'
import { parseMessage, parseSigned } from '@mystranet/schemas/topics'
import { fromHex, toHex } from '@mystranet/sdk/bytes'
import { PacketError } from '@mystranet/sdk/errors'
import { sha256 } from '@mystranet/sdk/proof/merkle'
import { Hono } from 'hono'
import { codeOf } from '../exit.ts'
import type { RunningDetector } from '../up/detector.ts'
import type { ModelState } from '../up/detector-models.ts'
import { volumeDesk } from './volumes.ts'

export interface FindingDocument {
  readonly id: string
  readonly topic: string
  readonly type: string
  readonly source: string
  readonly severity: number
  readonly state: FindingState
  /** When it was seen. */
  readonly at: string
  /** Its place in the log, once its leaf is confirmed; decimal. */
  readonly leafIndex: string | undefined
  readonly attempts: number
  /** Why it is dead, or why the last attempt to publish it failed. */
  readonly code: string | undefined
  /** The threshold that a word about it moves. */
  readonly tunes: string | undefined
}

/** With what was signed. */
export interface ShownFindingDocument extends FindingDocument {
  /** Fields of the signed message but its content. Bytes are hex. */
  readonly message: Readonly<Record<string, unknown>>
  /** The content as JSON, or in hex when it is none. */
  readonly content: unknown
}

export interface FindingsDocument {
  readonly findings: readonly FindingDocument[]
  readonly counts: Readonly<Record<FindingState, number>>
  /** Given up for want of room, by severity. */
  readonly shed: readonly { readonly severity: number; readonly count: number }[]
}

export interface DetectorDocument {
  readonly models: readonly ModelState[]
  readonly thresholds: readonly {
    readonly name: string
    readonly at: number
    readonly standard: number
    readonly least: number
    readonly most: number
  }[]
}

/** A signed document that somebody else can check. */
export interface EvidenceRequest {
  readonly type: string
  readonly source: string
  /** Its bytes in hex, at most 64 KiB of them. */
  readonly proof: string
}

/** Rows that another program's model scored: a candidate here is tried on them, too. NaN is null. */
export interface LiveRows {
  readonly id: string
  readonly rows: readonly (readonly (number | null)[])[]
}

const MAX_ROWS = 256
const ID = ':id{[0-9a-f]{64}}'
const STATES: readonly string[] = ['waiting', 'published', 'confirmed', 'dead'] satisfies readonly FindingState[]
const MAX_FINDINGS = 1_000

/** @param detector Throws as long as there is none. */
export function findingRoutes(detector: () => RunningDetector): Hono {
  const app = new Hono()
  const volumes = volumeDesk((fact) => detector().volume(fact))
  app.get('/findings', async (context) => {
    const { outbox } = detector()
    const state = context.req.query('state') ?? ''
    const listed = await outbox.list(MAX_FINDINGS, STATES.includes(state) ? (state as FindingState) : undefined)
    const { states, shed } = await outbox.counts()
    return context.json({ findings: listed.map(documentOf), counts: states, shed } satisfies FindingsDocument)
  })
  app.get(`/findings/${ID}`, async (context) => {
    const found = await detector().outbox.find(context.req.param('id'))
    return found === undefined ? context.notFound() : context.json(shown(found))
  })
  app.post(`/findings/${ID}/:word{accept|overrule}`, async (context) => {
    const { id, word } = context.req.param()
    await detector().judge(id, word === 'accept')
    return context.json({})
  })
  app.post('/observations', async (context) => {
    const { observe } = detector()
    const given: unknown = await context.req.json()
    const observations = (Array.isArray(given) ? given : [given]).map(parseObservation)
    for (const each of observations) observe(each)
    return context.json({ taken: observations.length })
  })
  app.post('/volumes', async (context) => context.json(volumes(await context.req.json())))
  app.post('/evidence', async (context) => {
    const { type, source, proof } = (await context.req.json()) as EvidenceRequest
    const bytes = fromHex(proof) ?? new Uint8Array()
    const name = JSON.stringify([type, toHex(sha256(bytes))])
    const id = await detector().tell(evidenceOf({ type, source, atMs: Date.now() }, [], bytes, name))
    return context.json({ id })
  })
  app.get('/detector', async (context) => {
    const { models, threshold } = detector()
    const thresholds = [...models.bounds()].map(async ([name, { standard, least, most }]) => {
      return { name, at: (await threshold(name)) ?? standard, standard, least, most }
    })
    return context.json({ models: models.list(), thresholds: await Promise.all(thresholds) } satisfies DetectorDocument)
  })
  app.post('/detector/rows', async (context) => {
    const { id, rows } = (await context.req.json()) as LiveRows
    const server = detector().models.server(id)
    const flat = Float32Array.from(rows.slice(0, MAX_ROWS).flat(), (value) => value ?? Number.NaN)
    await server?.score(flat, Math.min(rows.length, MAX_ROWS))
    return context.json({})
  })
  app.post('/detector/models', async (context) => {
    const { folder } = (await context.req.json()) as { folder: string }
    return context.json(await detector().models.offer(folder).catch(rethrow))
  })
  return app
}

/** Codes of artifacts travel nowhere else, and are in no table of refusals: the message carries them. */
function rethrow(cause: unknown): never {
  const code = codeOf(cause)
  if (code === undefined || Object.hasOwn(CODES, code)) throw cause
  throw new PacketError('NOT_PERMITTED', `${(cause as Error).message} (${code})`, { cause })
}

function documentOf(finding: BookedFinding): FindingDocument {
  const { id, topic, type, source, severity, state, atMs, leafIndex, attempts, code, tunes } = finding
  const at = new Date(atMs).toISOString()
  return { id, topic, type, source, severity, state, at, leafIndex: leafIndex?.toString(), attempts, code, tunes }
}

function shown(finding: BookedFinding): ShownFindingDocument {
  const { body } = parseSigned(finding.message)
  const message: Record<string, unknown> = {}
  let content: unknown
  for (const [name, value] of Object.entries(parseMessage(finding.topic, body))) {
    if (name === 'payload' || name === 'proofBlob' || name === 'params') content = contentOf(value as Uint8Array)
    else if (value instanceof Uint8Array) message[name] = toHex(value)
    else message[name] = Array.isArray(value) ? value.map((each) => toHex(each as Uint8Array)) : value
  }
  return { ...documentOf(finding), message, content }
}

function contentOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    return toHex(bytes)
  }
}

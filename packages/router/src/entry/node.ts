/**
 * The router on Node: edge, nexus, log and one witness of our own in one process; stores in plain files and SQLite.
 *
 * First start: trust file → key events by invite or link → `publishTable` of a table that was signed elsewhere → `listen`.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type ServerType, serve } from '@hono/node-server'
import { getConnInfo } from '@hono/node-server/conninfo'
import type { HttpVerdict } from '@mystranet/detector/l7'
import type { DocumentSigner } from '@mystranet/sdk/envelope'
import type { NoteSigner } from '@mystranet/sdk/proof/note'
import type { TrustFile } from '@mystranet/sdk/proof/trust-file'
import type { Context } from 'hono'
import type { DestinationStream } from 'pino'
import { createTrace } from '../adapters/pino-trace.ts'
import { openSqliteStores } from '../adapters/sqlite/stores.ts'
import { sqliteTopicStream } from '../adapters/sqlite/topic-stream.ts'
import { createAgentLinks } from '../agent-links.ts'
import { createApp } from '../app.ts'
import { type RouterConfig, readConfig } from '../config.ts'
import type { OnPacket } from '../dispatch/tell.ts'
import { packetJson } from '../http/packet-json.ts'
import { createRequestWatch, type RequestWatch } from '../http/watch.ts'
import type { Log } from '../log/log.ts'
import type { WitnessLink } from '../log/ports.ts'
import { createMetrics, type Gauge, type Metrics } from '../metrics.ts'
import { createNexus, type Nexus } from '../nexus.ts'
import { inviteHash, nexusDoor } from '../nexus-door.ts'
import { gaugesOf } from '../nexus-state.ts'
import { packetLog } from '../packet-log.ts'
import type { AgentLinks, Invites } from '../ports.ts'
import { createRateLimit } from '../rate.ts'
import { logFindings } from '../topic/findings.ts'
import { trustedProducers } from '../topic/producers.ts'
import { createTopics, type Topics } from '../topic/topics.ts'
import type { Trace } from '../trace.ts'
import { type Linger, lingerOf } from './linger.ts'
import { openLogFiles } from './log-files.ts'
import { observeServer } from './observe.ts'

/** Keys that a router holds. None of them signs a routing table. */
export interface RouterKeys {
  readonly log: NoteSigner
  /** Of the witness in this process; absent: only `witnesses` are asked. */
  readonly witness?: NoteSigner | undefined
  /** Signs notices of dead letters and voids. */
  readonly nexus: DocumentSigner
}

export interface StartOptions {
  /** A folder of this router alone; made when it is not there. */
  readonly stateDir: string
  readonly keys: RouterKeys
  readonly trust: TrustFile
  /** Witnesses elsewhere, by their names in the trust file's policy. */
  readonly witnesses?: readonly WitnessLink[]
  /** Settings that win over the environment. */
  readonly config?: Partial<RouterConfig>
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Where log lines go; standard output unless given. */
  readonly logTo?: DestinationStream
  /** A broker, `nats://host:port`: then the queue and the topics lie there, and agents may dial in there. */
  readonly nats?: string | undefined
  /** Told of each invitation that let an instance in, before its keys are logged. Its rejection keeps the instance out. */
  readonly onInvited?: ((tokenHash: string, instance: string) => Promise<void>) | undefined
  /** Told of each window of requests that is called an attack. Acting on it is its own affair; it must not block. */
  readonly onRequestVerdict?: ((verdict: HttpVerdict) => void) | undefined
  /** Told of every packet that was taken or refused. It must not block. */
  readonly onPacket?: OnPacket | undefined
}

export interface StartedRouter {
  readonly app: ReturnType<typeof createApp>
  readonly nexus: Nexus
  readonly links: AgentLinks
  readonly log: Log
  /** The log as it lies here: tiles by their paths, and addenda, which no public log gives. */
  readonly stored: {
    read(path: string): Promise<Uint8Array | undefined>
    addendum(digest: Uint8Array): Promise<Uint8Array | undefined>
  }
  /** Findings and what comes back to them: here, or on the broker. */
  readonly topics: Topics
  /** Slow connections and floods of requests: the last findings, and the model that has a vote. */
  readonly requests: Pick<RequestWatch, 'findings' | 'use'>
  readonly config: RouterConfig
  readonly trace: Trace
  readonly metrics: Pick<Metrics, 'count' | 'observe'>
  /** Shows more gauges on `/metrics`, of what runs beside the router. */
  addGauges(more: () => Promise<readonly Gauge[]>): void
  /** Puts a table into force that an operator signed; gives its receipt. */
  publishTable(document: Uint8Array): Promise<Uint8Array>
  /** Lets whoever holds the token enrol one instance. @param token At least 16 characters without spaces. */
  invite(token: string, untilMs: number): Promise<void>
  /** Begins to take requests. @returns The address, such as `http://127.0.0.1:8470`. */
  listen(): Promise<string>
  /** Takes nothing new, lets agents finish for so long, then closes the stores. */
  close(graceMs?: number): Promise<void>
}

const TICK_MS = 250
/** Messages of a topic that one consumer may hold. */
const TOPIC_IN_FLIGHT = 64

/**
 * Opens a router's state and wires it. It takes no requests before `listen`.
 *
 * @throws {ConfigError} with all faults of the configuration.
 * @throws {PacketError} `SCHEMA_UNTRUSTED` when its packet schema is not the signed one; `STORE_FAILED` when the stores contradict each other.
 */
export async function openRouter(options: StartOptions): Promise<StartedRouter> {
  const { stateDir, keys, trust } = options
  const config = readConfig(options.env ?? process.env, options.config)
  const trace = createTrace(config.logLevel, options.logTo)
  const metrics = createMetrics()
  // Refuses to start on a schema that was not signed.
  await packetJson()
  await mkdir(stateDir, { recursive: true, mode: 0o700 })
  const files = await openLogFiles(options, trace)
  const links = createAgentLinks(Date.now)
  const sqlite = openSqliteStores(join(stateDir, 'router.sqlite'), config)
  const fabric = await openFabric(options, config, links, trace).catch(async (error: unknown) => {
    await files.close()
    await sqlite.db.close()
    throw error
  })
  const stores = {
    ...sqlite,
    ...(fabric && { queue: fabric.queue }),
    ...(fabric?.answers && { answers: fabric.answers }),
    invites: toldOf(sqlite.invites, options),
  }
  const ownKeys = [keys.log.publicKey, keys.nexus.publicKey, ...(keys.witness ? [keys.witness.publicKey] : [])]
  const commits = packetLog(files.log, config.commitDeadlineMs)
  const random = (bytes: number) => new Uint8Array(randomBytes(bytes))
  const nexus = createNexus({
    ...stores,
    links,
    config,
    trust,
    trace,
    metrics,
    ownKeys,
    log: commits,
    signer: keys.nexus,
    nowMs: Date.now,
    random,
    onPacket: options.onPacket,
  })
  const topics = createTopics({
    stream: fabric?.topics ?? sqliteTopicStream(sqlite.db, topicLimits(config)),
    producers: trustedProducers(trust, nexus.keyring),
    trace,
    metrics,
    nowMs: Date.now,
  })
  const { network } = trust
  const consumers = logFindings({ topics, log: commits, network, signer: keys.nexus, nowMs: Date.now, random })
  const tick = () => Promise.all([nexus.tick(), ...consumers.map(({ pump }) => pump())])
  const state = {
    ...stores,
    agents: nexus.agents,
    nowMs: Date.now,
    canaryMs: config.canaryMs,
    isLogStopped: () => files.log.stopped,
  }
  const log = { published: files.log.published, tiles: files.tiles }
  const door = nexusDoor({ ...state, nexus, log, heartbeatMs: config.heartbeatMs })
  const gauges: (() => Promise<readonly Gauge[]>)[] = []
  const noGauges = (error: unknown): readonly Gauge[] => {
    trace.fault('gauges', error)
    return []
  }
  const requests = createRequestWatch(metrics, options.onRequestVerdict)
  const app = createApp({
    door,
    metrics,
    trace,
    gauges: async () => [
      ...(await gaugesOf(state)),
      ...requests.gauges(),
      ...(await Promise.all(gauges.map((more) => more().catch(noGauges)))).flat(),
    ],
    nowMs: Date.now,
    corsOrigins: config.corsOrigins,
    addresses: createRateLimit('address', { perMinute: config.addressPerMinute, burst: config.addressBurst }),
    addressOf,
  })
  const timer = setInterval(() => void tick(), TICK_MS)
  timer.unref()
  let server: ServerType | undefined
  let linger: Linger | undefined
  let unobserve: (() => void) | undefined

  return {
    app,
    nexus,
    links,
    config,
    trace,
    topics,
    requests,
    metrics,
    addGauges: (more) => void gauges.push(more),
    log: files.log,
    stored: { read: files.tiles.read, addendum: files.addendum },
    publishTable: nexus.publishTable,
    invite: (token, untilMs) => stores.invites.add(inviteHash(token), untilMs),
    async listen() {
      const opened = await listen(app, config)
      server = opened.server
      linger = lingerOf(server)
      unobserve = observeServer(server, requests, (error) => trace.fault('observe', error))
      fabric?.serve(door)
      trace.stage('listen', { url: opened.url })
      return opened.url
    },
    async close(graceMs = 0) {
      for (const { instance } of links.agents()) links.send(instance, { type: 'drain' })
      const until = Date.now() + graceMs
      while (Date.now() < until && links.agents().some(({ running }) => running > 0)) await pause(50)
      clearInterval(timer)
      await linger?.quiet()
      unobserve?.()
      if (server !== undefined) await shut(server)
      await tick()
      await nexus.idle()
      await fabric?.close()
      await files.close()
      await stores.db.close()
    },
  }
}

/** {@link openRouter}, then `listen`: for a router whose table is in force already. */
export async function startRouter(options: StartOptions): Promise<StartedRouter & { readonly url: string }> {
  const router = await openRouter(options)
  return { ...router, url: await router.listen() }
}

const topicLimits = ({ topicLimit, topicMaxBytes }: RouterConfig) => ({
  messages: topicLimit,
  bytes: topicMaxBytes,
  inFlight: TOPIC_IN_FLIGHT,
})

/** What lies on the broker, if there is to be one; its code is loaded only then. */
async function openFabric({ nats }: StartOptions, config: RouterConfig, links: AgentLinks, trace: Trace) {
  if (nats === undefined) return undefined
  const { openNatsFabric } = await import('../adapters/nats-fabric.ts')
  return openNatsFabric({
    url: nats,
    links,
    limit: config.queueLimit,
    replicas: config.natsReplicas,
    maxBytes: config.natsMaxBytes,
    topics: topicLimits(config),
    keepsAnswers: config.natsAnswers === 1,
    onLost: (cause) => trace.fault('nats', cause),
    onFault: (error) => trace.fault('edge', error),
  })
}

function toldOf(invites: Invites, { onInvited }: StartOptions): Invites {
  if (onInvited === undefined) return invites
  return {
    add: invites.add,
    async use(tokenHash, instance, nowMs) {
      if (!(await invites.use(tokenHash, instance, nowMs))) return false
      await onInvited(tokenHash, instance)
      return true
    },
  }
}

function listen(app: ReturnType<typeof createApp>, { host, port }: RouterConfig) {
  return new Promise<{ server: ServerType; url: string }>((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname: host, port }, ({ address, port: taken, family }: AddressInfo) =>
      resolve({ server, url: `http://${family === 'IPv6' ? `[${address}]` : address}:${taken}` }),
    )
    server.once('error', reject)
  })
}

function shut(server: ServerType): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    // Answers that are being read would keep it open for ever; their readers resume.
    if ('closeAllConnections' in server) server.closeAllConnections()
  })
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** The peer's address; requests that no socket carried, in tests, share one. */
function addressOf(c: Context): string {
  try {
    return getConnInfo(c).remote.address ?? 'unknown'
  } catch {
    return 'unknown'
  }
}

/**
 * Edge, nexus, log, witness, page and proxy in this process, the agent as a child: what `weave up` is.
 *
 * First start: keys → trust file `local` → the router's stores → the local user is enrolled → the agent enrols itself over
 * its link → the routing table is signed and logged → listen. A later start whose table still fits listens before the
 * agent is back: packets wait for it.
 *
 * @module
 */
import { createConsole } from '@mystranet/console'
import { openRouter, type StartedRouter, type StartOptions } from '@mystranet/router'
import { PacketError } from '@mystranet/sdk/errors'
import { type Administered, adminApp } from '../admin/app.ts'
import { listenAdmin } from '../admin/socket.ts'
import type { Config } from '../config.ts'
import { type RunningProxy, startProxy } from '../proxy/start.ts'
import { type Running, removeRunning, writeRunning } from '../running.ts'
import { type Session, sessionOf } from '../session.ts'
import { makeStateFolder, type StateFolder, stateFolder } from '../state.ts'
import { type AgentBook, openAgentBook } from './agent-book.ts'
import { type AgentProcess, startAgentProcess } from './agent-process.ts'
import { type RunningDetector, startDetector } from './detector.ts'
import { agentEnv } from './engine-env.ts'
import { type Keys, readKeys, readLocalTrust } from './keys.ts'
import { localUser } from './local-user.ts'
import { agentsInForce, keepTable } from './table.ts'

export interface AllInOne {
  readonly running: Running
  readonly session: Session
  readonly proxy: RunningProxy
  readonly state: StateFolder
  /** Page address with an invite of one use in its fragment, which no server sees. */
  pageUrl(): Promise<string>
  /** Resolves when a question would be answered; rejects when the agent never came up, or past the time. */
  ready(timeoutMs: number, signal?: AbortSignal): Promise<void>
  /** Rejects when something ends that must not: the agent was given up. Never resolves. */
  readonly broken: Promise<never>
  /** Undefined when no model runs on this machine. */
  readonly agent: AgentProcess | undefined
  /** Takes nothing new, finishes what runs, closes everything. May be called twice. */
  close(): Promise<void>
}

export interface AllInOneOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  /** One line for people. */
  onLine(line: string): void
}

/** What runs when the program is told to end has so long. */
const GRACE_MS = 10_000
/** Findings that are under way when it ends have so long. */
const DETECTOR_GRACE_MS = 2_000
const RENEWAL_MS = 3_600_000
const INVITE_MS = 15 * 60_000
const READY_POLL_MS = 50

/** Starts it all. @throws {UsageError | PacketError} with nothing left running. */
export async function startAllInOne(config: Config, options: AllInOneOptions): Promise<AllInOne> {
  const state = stateFolder(config.state)
  await makeStateFolder(state)
  let administered: Administered | undefined
  const undo: (() => Promise<unknown>)[] = []
  try {
    const app = adminApp(() => administered)
    const admin = await listenAdmin(state, (request) => app.fetch(request))
    undo.push(() => admin.close())
    const keys = await readKeys(state)
    const { trust, bytes } = await readLocalTrust(state, keys)
    const env = hasModel(config) ? await agentEnv(config, state) : undefined
    const book = await openAgentBook(state)
    const invited = createInvited(book)
    let detector: RunningDetector | undefined
    const router = await openStores({
      config,
      state,
      keys,
      trust,
      options,
      onInvited: invited.take,
      onRequestVerdict: (verdict) => detector?.requestVerdict(verdict),
      onPacket: (fact) => detector?.packet(fact),
    })
    // Agents elsewhere finish what runs; the one here has been stopped by then.
    undo.push(() => router.close(config.nats === undefined ? 0 : GRACE_MS))
    await mountPage(router, bytes)
    const seeds = await localUser(router, state, trust.network)
    const watching = await startDetector({ router, state, keys, network: trust.network })
    detector = watching
    undo.push(() => watching.close(DETECTOR_GRACE_MS))
    const onRefused = () => watching.modelRefused(env?.['WEAVE_AGENT_MODEL'])
    const linked = linkAgents(router, keys, { config, network: trust.network, env, options, book, onRefused })
    undo.push(async () => linked.agent?.stop(0))
    invited.listen(linked.renew)
    await Promise.race([linked.tableInForce(), linked.broken])
    const url = await listenOn(router, config)
    const session = await sessionOf({ state, router: url, trust, seeds, stays: true })
    await session.client.enrol()
    const proxy = await startProxy(session, { state, host: config.proxyHost, port: config.proxyPort })
    undo.push(() => proxy.close())
    const running: Running = { pid: process.pid, url, proxyUrl: proxy.url, tags: config.tags, startedMs: Date.now() }
    await writeRunning(state, running)
    undo.push(() => removeRunning(state))
    const missing = () => missingOf(url)
    administered = {
      nexus: router.nexus,
      running,
      detector: watching,
      get agentPid() {
        return linked.agent?.pid
      },
      get agentRestarts() {
        return linked.agent?.restarts ?? 0
      },
      get fault() {
        return linked.fault()
      },
      missing,
      async invite(token, untilMs, role) {
        if (role === 'agent') await book.expect(token)
        await router.invite(token, untilMs)
      },
    }
    let closing: Promise<void> | undefined
    return {
      running,
      session,
      proxy,
      state,
      agent: linked.agent,
      broken: linked.broken,
      async pageUrl() {
        const token = Buffer.from(crypto.getRandomValues(new Uint8Array(24))).toString('base64url')
        await router.invite(token, Date.now() + INVITE_MS)
        return `${url}/#invite=${token}`
      },
      ready: (timeoutMs, signal) => Promise.race([becomesReady(missing, timeoutMs, signal), linked.broken]),
      close() {
        closing ??= drain({ linked, undo })
        return closing
      },
    }
  } catch (error) {
    await unwind(undo)
    throw error
  }
}

type Trust = Session['trust']

interface StorePlace {
  readonly config: Config
  readonly state: StateFolder
  readonly keys: Keys
  readonly trust: Trust
  readonly options: AllInOneOptions
  onInvited(tokenHash: string, instance: string): Promise<void>
  onRequestVerdict: NonNullable<StartOptions['onRequestVerdict']>
  onPacket: NonNullable<StartOptions['onPacket']>
}

/** Without a broker the model must be here; with one, it may be anywhere. */
const hasModel = ({ nats, engine, model }: Config) => nats === undefined || engine !== 'llama' || model !== undefined

/** Carries the news of used invitations to whoever listens once all is wired. */
function createInvited(book: AgentBook) {
  let renew: () => void = () => undefined
  return {
    async take(tokenHash: string, instance: string) {
      if (await book.admit(tokenHash, instance)) renew()
    },
    listen(heard: () => void) {
      renew = heard
    },
  }
}

async function openStores({ config, state, keys, trust, options, ...told }: StorePlace): Promise<StartedRouter> {
  const settings = { host: config.host, port: config.port, logLevel: config.logLevel as 'warn' }
  // The router's own lines are JSON for machines; they share standard error with what people read.
  const logTo = { write: (line: string) => void process.stderr.write(line) }
  const { env } = options
  const { nats } = config
  return openRouter({ stateDir: state.router, keys: keys.router, trust, config: settings, env, logTo, nats, ...told })
}

/** The page and the verifier, where the router itself has no route. */
async function mountPage(router: StartedRouter, trustFile: Uint8Array): Promise<void> {
  const page = await createConsole({ trustFile: () => trustFile })
  router.app.get('*', async (context, next) => (await page(context.req.raw)) ?? next())
}

interface LinkPlace {
  readonly config: Config
  readonly network: Uint8Array
  /** Undefined: no agent runs here. */
  readonly env: Record<string, string> | undefined
  readonly options: AllInOneOptions
  readonly book: AgentBook
  /** The agent was given up: its model may be why. */
  onRefused(): Promise<void>
}

/** The agent's process, if there is one here, and the table that names it and those of the book. */
function linkAgents(router: StartedRouter, keys: Keys, { config, network, env, options, book, onRefused }: LinkPlace) {
  const broken = Promise.withResolvers<never>()
  broken.promise.catch(() => {})
  const tabled = Promise.withResolvers<void>()
  let fault: string | undefined
  let own: Uint8Array | undefined
  let last: Promise<void> = Promise.resolve()

  async function keep(): Promise<void> {
    // An agent of its own comes first, and is waited for: a table without it would leave it out.
    if (env !== undefined && own === undefined) return
    const agents = [...(own === undefined ? [] : [own]), ...book.agents()]
    if (agents.length === 0) return
    const version = await keepTable(router.nexus, { network, tags: config.tags, agents }, keys.operator, Date.now())
    if (version !== undefined) options.onLine(`weave: routing table version ${version} signed, logged and in force`)
    tabled.resolve()
  }
  const report = (error: unknown) => options.onLine(`weave: ${error instanceof Error ? error.message : String(error)}`)
  const renew = () => {
    // In turn: each version names the one before it.
    last = last.then(keep).catch(report)
  }
  const start = (given: Record<string, string>) =>
    startAgentProcess({
      env: given,
      links: router.links,
      onHello(instance) {
        own = instance
        renew()
      },
      onLine: options.onLine,
      onGivenUp(reason) {
        fault = `the agent did not start: ${reason}`
        const error = new PacketError('MODEL_UNAVAILABLE', `Cannot run the model: ${reason}`)
        void onRefused().finally(() => broken.reject(error))
      },
    })
  const agent = env && start(env)
  const renewal = setInterval(renew, RENEWAL_MS)
  renewal.unref()
  return {
    agent,
    renew,
    broken: broken.promise,
    fault: () => fault,
    async tableInForce() {
      if (env === undefined) return renew()
      const known = (await router.nexus.tables.shown())?.known
      if (agentsInForce(known, config.tags, network, Date.now()) === undefined) await tabled.promise
    },
    stopRenewal: () => clearInterval(renewal),
  }
}

async function listenOn(router: StartedRouter, { host, port }: Config): Promise<string> {
  try {
    return await router.listen()
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    const state = code === 'EADDRINUSE' ? 'it is in use' : `it failed (${code ?? String(cause)})`
    throw new PacketError('NOT_PERMITTED', `Cannot listen on ${host}:${port}: ${state}, wanted a free one (--port)`, {
      cause,
    })
  }
}

async function missingOf(url: string): Promise<readonly string[]> {
  const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined)
  const body = (await response?.json().catch(() => undefined)) as { readonly missing: readonly string[] } | undefined
  return body?.missing ?? ['the router does not answer']
}

async function becomesReady(
  missing: () => Promise<readonly string[]>,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<void> {
  const until = Date.now() + timeoutMs
  for (;;) {
    const reasons = await missing()
    if (reasons.length === 0) return
    if (signal?.aborted) throw new PacketError('CANCELLED', 'Cannot wait any longer: stopped')
    if (Date.now() > until) {
      throw new PacketError('TIMED_OUT', `Cannot answer questions after ${timeoutMs} ms: ${reasons.join('; ')}`)
    }
    await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS))
  }
}

interface Parts {
  readonly linked: ReturnType<typeof linkAgents>
  readonly undo: (() => Promise<unknown>)[]
}

/** In this order nothing is cut that could end well: the agent finishes, then readers get what it said, then the stores. */
async function drain({ linked, undo }: Parts): Promise<void> {
  linked.stopRenewal()
  await linked.agent?.stop(GRACE_MS)
  await unwind(undo)
}

async function unwind(undo: (() => Promise<unknown>)[]): Promise<void> {
  for (const step of undo.splice(0).reverse()) {
    await step().catch((error: unknown) => process.stderr.write(`weave: ${String(error)}\n`))
  }
}

/**
 * The world as a client knows it: the directory in force and the log behind it, neither older than seen before.
 *
 * @module
 */
import type { TrustFile } from '../proof/trust-file.ts'
import { type Directory, fetchDirectory, rememberDirectory } from '../transport/directory.ts'
import { createLogView, type LogStanding, type LogView, type LogViewDeps } from '../transport/log-view.ts'
import type { Memory } from '../transport/memory.ts'
import type { Router } from '../transport/router.ts'

/** A table is asked for again after this long. */
const FRESH_MS = 60_000

export interface World {
  readonly log: LogView
  /** Fetched now, and its log held to what was seen before. */
  routes(): Promise<Directory>
  /**
   * At most a minute old. Its log is held to what was seen meanwhile, so that no question waits for it; whoever believes an
   * answer asks {@link log} again. After a refusal nothing is given until the log holds again.
   */
  fresh(): Promise<Directory>
  /** The next one is fetched. */
  forget(): void
}

export interface WorldDeps {
  readonly router: Router
  readonly trust: TrustFile
  readonly memory: Memory
  readonly now: () => number
}

export function createWorld({ router, trust, memory, now }: WorldDeps): World {
  const findForks: LogViewDeps['findForks'] = async (...args) => (await import('../later.ts')).findForks(...args)
  const log = createLogView({ findForks, router, trust, memory })
  let directory: Directory | undefined

  async function fetched() {
    const found = await fetchDirectory(router, trust, memory, now())
    directory = found
    const held = log.hold([found.checkpoint]).then((standing) => {
      if (standing.result === 'pass') rememberDirectory(found, memory)
      return standing
    })
    held.catch(() => forget())
    return { found, held }
  }

  const passed = (standing: LogStanding) => {
    if (standing.result === 'skipped') throw standing.cause
  }
  const forget = () => {
    directory = undefined
  }

  async function routes(): Promise<Directory> {
    const { found, held } = await fetched()
    passed(await held)
    return found
  }

  return {
    log,
    routes,
    async fresh() {
      if (log.refused) return routes()
      if (directory && now() - directory.fetchedMs < FRESH_MS) return directory
      return (await fetched()).found
    },
    forget,
  }
}

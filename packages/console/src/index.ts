/**
 * The web pages of MystraNet Weave, as files that a server answers with.
 *
 * @module
 */
import { readdir, readFile } from 'node:fs/promises'
import { type Asset, assetOf } from './asset.ts'

export type { Asset } from './asset.ts'

/** Where the page looks for the trust file of the router that serves it. */
export const TRUST_PATH = '/trust'

/**
 * All static files, by the path under which they are served: `/`, `/console/…`, `/verifier.html` and its digest.
 *
 * From an installed package they are read from `dist`; from source they are built in memory, in about 0.3 s.
 *
 * @example
 * ```ts
 * import { assets } from '@mystranet/console'
 *
 * const files = await assets()
 * for (const [path, { headers, bytes }] of files) app.get(path, () => new Response(bytes, { headers }))
 * ```
 */
export async function assets(): Promise<ReadonlyMap<string, Asset>> {
  const files = import.meta.url.endsWith('/src/index.ts') ? await buildNow() : await readBuilt()
  return new Map([...files].map(([path, bytes]) => [path, assetOf(path, bytes)]))
}

export interface ConsoleOptions {
  /** The trust file of this router; asked for at each request, so that it may change. */
  readonly trustFile: () => Uint8Array | Promise<Uint8Array>
}

/**
 * The pages as one function: answers GET and HEAD of what {@link assets} names, and of {@link TRUST_PATH}; gives
 * `undefined` for everything else, which is then the next handler's.
 */
export async function createConsole(
  options: ConsoleOptions,
): Promise<(request: Request) => Promise<Response | undefined>> {
  const files = await assets()
  return async (request) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return undefined
    const { pathname } = new URL(request.url)
    const isHead = request.method === 'HEAD'
    if (pathname === TRUST_PATH) {
      const bytes = new Uint8Array(await options.trustFile())
      return new Response(isHead ? null : bytes, { headers: TRUST_HEADERS })
    }
    const asset = files.get(pathname)
    return asset && new Response(isHead ? null : asset.bytes, { headers: asset.headers })
  }
}

const TRUST_HEADERS = {
  'content-type': 'text/plain; charset=utf-8',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
} as const

type Files = ReadonlyMap<string, Uint8Array<ArrayBuffer>>

async function buildNow(): Promise<Files> {
  // By its address: the package that is built does not hold the builder.
  const { buildSite } = (await import(new URL('../build.ts', import.meta.url).href)) as typeof import('../build.ts')
  return buildSite()
}

async function readBuilt(): Promise<Files> {
  const dist = new URL('./', import.meta.url)
  const read = async (name: string) => new Uint8Array(await readFile(new URL(name, dist)))
  const site = await readdir(new URL('site/', dist))
  const files = site.map(
    async (name) => [name === 'index.html' ? '/' : `/console/${name}`, await read(`site/${name}`)] as const,
  )
  const verifier = ['verifier.html', 'verifier.html.sha256'].map(
    async (name) => [`/${name}`, await read(name)] as const,
  )
  return new Map(await Promise.all([...files, ...verifier]))
}

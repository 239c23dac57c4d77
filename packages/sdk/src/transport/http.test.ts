import { describe, expect, it } from 'vitest'
import { createHttp, type Fetch } from './http.ts'

const code = (wanted: string) => expect.objectContaining({ code: wanted })
const problem = (status: number, name: string, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify({ code: name, detail: 'why' }), { status, headers })

/** A router that answers from a list, and remembers how long its client waited. */
function scriptedRouter(
  answers: readonly (() => Response | Promise<Response>)[],
  options: { timeoutMs?: number } = {},
) {
  const waits: number[] = []
  let calls = 0
  const fetch: Fetch = (_, init) =>
    new Promise((resolve, reject) => {
      if (init.signal?.aborted) return reject(init.signal.reason)
      init.signal?.addEventListener('abort', () => reject(init.signal?.reason))
      const answer = answers[Math.min(calls++, answers.length - 1)]
      Promise.resolve(answer?.()).then((response) => response && resolve(response), reject)
    })
  const http = createHttp({
    router: 'http://router.test/',
    fetch,
    ...options,
    random: () => 1,
    sleep: async (ms) => void waits.push(ms),
  })
  return { http, waits, calls: () => calls }
}

const unreachable = () => Promise.reject(new TypeError('fetch failed'))
const ok = () => new Response('fine')
const silent = () => new Promise<Response>(() => {})

describe('createHttp()', () => {
  it('backs off exponentially until it is answered', async () => {
    const { http, waits } = scriptedRouter([unreachable, unreachable, unreachable, ok])
    expect(await (await http.request('/x')).text()).toBe('fine')
    expect(waits).toEqual([100, 200, 400])
  })

  it('gives up after five tries, and says that the packet may have arrived', async () => {
    const { http, calls } = scriptedRouter([unreachable])
    await expect(http.request('/x')).rejects.toThrow(code('ROUTER_UNREACHABLE'))
    expect(calls()).toBe(5)
  })

  it('waits as long as the router asks', async () => {
    const { http, waits } = scriptedRouter([() => problem(429, 'RATE_LIMITED', { 'retry-after': '3' }), ok])
    await http.request('/x')
    expect(waits).toEqual([3000])
  })

  it('does not try again what the router refused for good', async () => {
    const { http, calls } = scriptedRouter([() => problem(409, 'REPLAYED')])
    await expect(http.request('/x')).rejects.toThrow(code('REPLAYED'))
    expect(calls()).toBe(1)
  })

  it('gives up in time', async () => {
    const { http } = scriptedRouter([silent], { timeoutMs: 10 })
    await expect(http.request('/x')).rejects.toThrow(code('TIMED_OUT'))
  })

  it('stops at once when its caller does', async () => {
    const { http, calls } = scriptedRouter([silent])
    const stop = new AbortController()
    const request = http.request('/x', { signal: stop.signal })
    stop.abort()
    await expect(request).rejects.toThrow(code('CANCELLED'))
    expect(calls()).toBeLessThanOrEqual(1)
  })

  it('keeps a budget of retries over all requests', async () => {
    const { http, calls } = scriptedRouter([unreachable])
    for (let n = 0; n < 10; n++) await http.request('/x').catch(() => {})
    // 10 first tries, 10 retries, and one more retry for ten requests.
    expect(calls()).toBeLessThanOrEqual(21)
  })

  it.each([
    ['an answer of some proxy', () => new Response('<html>', { status: 502 }), 'ROUTER_MISBEHAVED'],
    ['a code that nobody knows', () => problem(400, 'WHATEVER'), 'ROUTER_MISBEHAVED'],
    ['a name of the prototype', () => problem(400, 'constructor'), 'ROUTER_MISBEHAVED'],
  ])('does not believe %s', async (_, answer, wanted) => {
    await expect(scriptedRouter([answer]).http.request('/x')).rejects.toThrow(code(wanted))
  })

  it('signs each try anew', async () => {
    const { http } = scriptedRouter([unreachable, ok])
    let signatures = 0
    await http.request('/x', { freshHeaders: async () => ({ authorization: `${++signatures}` }) })
    expect(signatures).toBe(2)
  })
})

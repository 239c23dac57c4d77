/**
 * Watches the requests of a router or an edge for slow connections and floods, and counts what is found. Acts on nothing.
 *
 * @module
 */
import {
  clientOf,
  type HttpModel,
  type HttpObserver,
  type HttpVerdict,
  httpWatch,
  pathClassOf,
  targetHash,
} from '@mystranet/detector/l7'
import type { Context, MiddlewareHandler } from 'hono'
import type { Gauge, Metrics } from '../metrics.ts'

export interface RequestWatch extends HttpObserver {
  /** The model beside the rules from now on. */
  use(model: HttpModel | undefined): void
  /** Windows that were called attacks, newest last, at most {@link KEPT}. */
  readonly findings: readonly HttpVerdict[]
  gauges(): readonly Gauge[]
}

/** Findings that are kept for whoever asks later. */
const KEPT = 64

/** @param onVerdict Told of every attack; an error of its own is counted and goes no further. */
export function createRequestWatch(metrics: Metrics, onVerdict?: (verdict: HttpVerdict) => void): RequestWatch {
  const findings: HttpVerdict[] = []
  let last = { connections: 0, heads: 0, bodies: 0, silent: 0 }
  const watch = httpWatch((verdict) => {
    const { group, verdict: says, rules, votes } = verdict
    metrics.count('weave_l7_windows_total', { group, verdict: says })
    if (says === 'clear') return
    for (const { family } of rules) metrics.count('weave_l7_findings_total', { group, family })
    if (rules.length === 0) metrics.count('weave_l7_findings_total', { group, family: 'model' })
    for (const { member, says: vote } of votes) metrics.count('weave_l7_votes_total', { member, vote })
    findings.push(verdict)
    if (findings.length > KEPT) findings.shift()
    try {
      onVerdict?.(verdict)
    } catch {
      metrics.count('weave_faults_total', { stage: 'l7' })
    }
  })
  return {
    findings,
    use: watch.use,
    record: watch.record,
    sweep(open, nowMs) {
      last = { connections: 0, heads: 0, bodies: 0, silent: 0 }
      for (const each of open) {
        last.connections += each.connections
        last.heads += each.heads
        last.bodies += each.bodies
        last.silent += each.silent
      }
      watch.sweep(open, nowMs)
    },
    gauges: () => [
      ...Object.entries(last).map(([state, value]) => ({
        name: 'weave_l7_open',
        help: 'Connections at the last sweep: all, and those with a part of a head, of a body, or without a byte.',
        value,
        labels: { state },
      })),
      {
        name: 'weave_l7_windows_dropped',
        help: 'Windows with too little in them to be judged.',
        value: watch.counts.dropped,
      },
      {
        name: 'weave_l7_windows_evicted',
        help: 'Windows that were closed early, for there were too many clients.',
        value: watch.counts.evicted,
      },
    ],
  }
}

interface SeenDeps {
  readonly observer: HttpObserver
  addressOf(c: Context): string
  nowMs(): number
}

/**
 * Records of what a runtime without sockets shows: a request once its answer begins. It sees no connection, no head, no part
 * of a body and no bytes; a body that is slow is a request that takes long.
 */
export function seenRequests({ observer, addressOf, nowMs }: SeenDeps): MiddlewareHandler {
  return async (c, next) => {
    const startMs = nowMs()
    await next()
    const { method, path } = c.req
    observer.record({
      client: clientOf(addressOf(c)),
      startMs,
      headMs: 0,
      bodyMs: 0,
      endMs: nowMs(),
      bytesIn: Number.NaN,
      status: c.res.status,
      isPost: method === 'POST',
      path: pathClassOf(path),
      target: targetHash(path),
      isFirst: false,
    })
  }
}

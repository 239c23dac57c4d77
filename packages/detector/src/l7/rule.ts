/**
 * Rules for slow connections and floods of requests over one window, as a table. A rule is a shape and a rate: the shape says
 * what kind of requests they are, the rate that they are too many for this client or listener.
 *
 * @module
 */
import { refusedShare } from './feature.ts'
import type { HttpGroup, HttpTally } from './tally.ts'

export type HttpFamily = 'slow-head' | 'slow-body' | 'silent-connections' | 'http-flood' | 'refusal-storm'

export interface HttpRule {
  readonly id: string
  readonly family: HttpFamily
  readonly group: HttpGroup
  /** 1 to 10, as of a finding. */
  readonly severity: number
  /** Requests a second, sustained, below which it never fires; who usually makes more has a higher limit. 0: any rate. */
  readonly minPerS: number
  /** For people: what it looks like. */
  readonly says: string
  /** Names of the features that show it. */
  readonly looksAt: readonly string[]
  shape(tally: HttpTally): boolean
}

const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole)
/** Connections that could be at rest, or are slow; streams that are being read are neither. */
const notAnswering = ({ open }: HttpTally): number => open.connections - open.answers

/** All of them. A window may fire several. */
export const HTTP_RULES: readonly HttpRule[] = [
  {
    id: 'H01',
    family: 'slow-head',
    group: 'client',
    severity: 7,
    minPerS: 0,
    says: 'many connections of one client whose request heads do not end',
    looksAt: ['open.heads.slow', 'open.heads.slow.share', 'open.head.age'],
    shape: (t) => t.open.slowHeads >= 8 && share(t.open.slowHeads, notAnswering(t)) >= 0.5,
  },
  {
    id: 'H02',
    family: 'slow-head',
    group: 'listener',
    severity: 8,
    minPerS: 0,
    says: 'many connections whose request heads do not end',
    looksAt: ['open.heads.slow', 'open.heads.slow.share', 'open.head.age', 'open.clients'],
    shape: (t) => t.open.slowHeads >= 24 && share(t.open.slowHeads, notAnswering(t)) >= 0.25,
  },
  {
    id: 'H03',
    family: 'slow-body',
    group: 'client',
    severity: 7,
    minPerS: 0,
    says: 'many requests of one client whose bodies come at less than a kilobyte a second',
    looksAt: ['open.bodies.slow', 'open.bodies.slow.share', 'open.body.rate'],
    shape: (t) => t.open.slowBodies >= 8 && share(t.open.slowBodies, notAnswering(t)) >= 0.5,
  },
  {
    id: 'H04',
    family: 'slow-body',
    group: 'listener',
    severity: 8,
    minPerS: 0,
    says: 'many requests whose bodies come at less than a kilobyte a second',
    looksAt: ['open.bodies.slow', 'open.bodies.slow.share', 'open.body.rate', 'open.clients'],
    shape: (t) => t.open.slowBodies >= 24 && share(t.open.slowBodies, notAnswering(t)) >= 0.25,
  },
  {
    id: 'H05',
    family: 'silent-connections',
    group: 'client',
    severity: 6,
    minPerS: 0,
    says: 'many connections of one client that never say a word',
    looksAt: ['open.silent', 'open.silent.share'],
    shape: (t) => t.open.silent >= 24 && share(t.open.silent, notAnswering(t)) >= 0.8,
  },
  {
    id: 'H06',
    family: 'silent-connections',
    group: 'listener',
    severity: 7,
    minPerS: 0,
    says: 'many connections that never say a word',
    looksAt: ['open.silent', 'open.silent.share', 'open.clients'],
    shape: (t) => t.open.silent >= 48 && share(t.open.silent, notAnswering(t)) >= 0.5,
  },
  {
    id: 'H07',
    family: 'http-flood',
    group: 'client',
    severity: 6,
    // What the router allows an address; a batch at the rate of one sender comes to 40 at most, answers and keys included.
    minPerS: 100,
    says: 'one client asks faster, and for longer, than any batch, and does not read the log',
    looksAt: ['rate.sustained', 'rate.relative', 'path.log', 'target.distinct'],
    // Who reads all of the log asks for each tile once, as fast as it gets them.
    shape: (t) => share(t.paths.log, t.records) < 0.8 || share(t.targets.distinct, t.targets.of) < 0.5,
  },
  {
    id: 'H11',
    family: 'http-flood',
    group: 'client',
    severity: 6,
    // More than one burst of 64.
    minPerS: 15,
    says: 'one client asks over and over for what hardly changes',
    looksAt: ['rate.sustained', 'path.keys', 'path.health'],
    shape: (t) => t.records >= 16 && share(t.paths.keys + t.paths.health, t.records) >= 0.9,
  },
  {
    id: 'H08',
    family: 'http-flood',
    group: 'listener',
    severity: 7,
    minPerS: 150,
    says: 'requests come faster than usual, and a large part of them is refused or asks for what is not there',
    looksAt: ['rate.sustained', 'rate.relative', 'outcome.done', 'refusal.repeated'],
    shape: (t) => refusedShare(t) >= 0.4,
  },
  {
    id: 'H09',
    family: 'refusal-storm',
    group: 'client',
    severity: 5,
    minPerS: 8,
    says: 'one client goes on after refusals, as if it did not read them',
    looksAt: ['rate.sustained', 'outcome.done', 'refusal.repeated'],
    shape: (t) => t.records >= 16 && refusedShare(t) >= 0.9 && share(t.repeated, t.records) >= 0.7,
  },
  {
    id: 'H10',
    family: 'refusal-storm',
    group: 'listener',
    severity: 6,
    minPerS: 50,
    says: 'nearly all requests are refused',
    looksAt: ['rate.sustained', 'outcome.done', 'refusal.repeated'],
    shape: (t) => t.records >= 32 && refusedShare(t) >= 0.9,
  },
]

/** The rules that fire, strongest first. */
export const firedHttpRules = (rules: readonly HttpRule[], tally: HttpTally): readonly HttpRule[] =>
  rules
    .filter(
      (rule) =>
        rule.group === tally.group &&
        (rule.minPerS === 0 ||
          tally.sustainedPerS >= Math.max(rule.minPerS, Number.isNaN(tally.usualPerS) ? 0 : tally.usualPerS)) &&
        rule.shape(tally),
    )
    .toSorted((a, b) => b.severity - a.severity)

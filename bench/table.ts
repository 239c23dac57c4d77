/**
 * Everything that is measured, with its goal. An id stays once it is here: whoever compares two runs finds it in both.
 *
 * @module
 */

/** One line of the table. */
export interface Row extends Goal, Omit<Measured, 'goal'> {}

export interface Goal {
  readonly id: string
  readonly unit: string
  /** Where it is "as good as the peer", the peer's value once it was measured. */
  readonly goal: number
  readonly better: 'higher' | 'lower'
}

/** What a measurement finds. */
export interface Measured {
  /** Null when it could not be measured; then `note` says why. */
  readonly value: number | null
  /** How many samples `value` is the median of. */
  readonly n: number
  readonly min: number | null
  readonly max: number | null
  /** In the row's unit where that is not a ratio; for ratios `note` says in which. */
  readonly peer?: Peer
  readonly note?: string
  /** Replaces the goal where that is what the peer reached. */
  readonly goal?: number
}

export interface Peer {
  readonly name: string
  readonly version: string
  readonly value: number
}

/** A goal, and whether reaching it exactly is not enough. */
export interface Line extends Goal {
  readonly strict: boolean
}

const line = (id: string, unit: string, sign: '≥' | '≤' | '<', goal: number): Line => ({
  id,
  unit,
  goal,
  better: sign === '≥' ? 'higher' : 'lower',
  strict: sign === '<',
})

/** In the order in which they are measured and printed. */
export const TABLE: readonly Line[] = [
  line('sdk.sign.vs_primitive', 'ratio', '≥', 0.9),
  line('sdk.verify.vs_primitive', 'ratio', '≥', 0.95),
  line('sdk.open.vs_primitive', 'ratio', '≥', 0.85),
  line('sdk.seal.vs_panva', 'ratio', '≥', 8),
  line('sdk.seal.vs_hpke_core', 'ratio', '≥', 8),
  line('sdk.frame.make', 'µs', '≤', 20),
  line('sdk.frame.check', 'µs', '≤', 20),
  // The goal is the peer; this is what llama-server needed when the row was thought of.
  line('sdk.stream.bytes_per_token', 'byte', '<', 186),
  line('sdk.bundle.verifier', 'kB gzipped', '≤', 20),
  line('sdk.bundle.all', 'kB gzipped', '≤', 40),
  line('sdk.browser.verify', 'ms', '≤', 5),
  line('sdk.browser.verify_cold', 'ms', '≤', 20),
  line('path.first_token.added', 'ms', '≤', 30),
  line('path.tokens.vs_direct', 'ratio', '≥', 0.98),
  line('path.demo.first_verified_token', 's', '≤', 10),
  line('log.commit.p50', 'ms', '≤', 15),
  line('log.commit.p99', 'ms', '≤', 60),
  line('log.commit.saturated', '1/s', '≥', 30_000),
  line('log.commit.p50_20ms', 'ms', '≤', 60),
  line('log.receipt', 'byte', '≤', 2_048),
  line('log.fsck', 'leaves/s', '≥', 200_000),
  line('log.recover', 's', '≤', 2),
  line('fabric.accepted', '1/s', '≥', 1_500),
  line('fabric.dispatch.p99', 'ms', '≤', 5),
  line('fabric.failover.agent', 's', '≤', 2),
  line('fabric.failover.nats', 's', '≤', 5),
  line('fabric.failover.nexus', 's', '≤', 5),
  line('fabric.faults.lost', 'packet', '≤', 0),
  line('fabric.faults.doubled', 'packet', '≤', 0),
  line('fabric.faults.truncated', 'packet', '≤', 0),
  line('detector.packets', '1/s', '≥', 300_000),
  line('detector.scorer.vs_ort', 'ratio', '≥', 0.8),
  line('detector.gguf.header', 'ms', '<', 50),
  line('detector.gguf.hash', 'GB/s', '≥', 1),
  line('detector.floods.families', 'family', '≥', 9),
  line('detector.pe.auc_cross', 'ratio', '≥', 0.95),
  line('detector.ece', 'ratio', '≤', 0.02),
  line('memory.slope', 'MB/h', '≤', 1),
]

/** A row that could not be measured, for the reason that `note` gives. */
export const unmeasured = (note: string): Measured => ({ value: null, n: 0, min: null, max: null, note })

/** The row of a line, as the machine reads it. */
export const rowOf = ({ id, unit, goal, better }: Line, { goal: reached = goal, ...measured }: Measured): Row => ({
  id,
  unit,
  goal: reached,
  better,
  ...measured,
})

/** Undefined when nothing was measured. */
export function reaches({ value, goal, better }: Row, { strict }: Line): boolean | undefined {
  if (value === null) return undefined
  if (value === goal) return !strict
  return better === 'higher' ? value > goal : value < goal
}

/**
 * The lines whose ids begin with one of the words; all of them when there are none.
 *
 * @throws RangeError for a word that begins none: a misspelt id must not look like a table without rows.
 */
export function linesFor(words: readonly string[]): readonly Line[] {
  const lost = words.filter((word) => !TABLE.some(({ id }) => id.startsWith(word)))
  if (lost.length > 0) throw new RangeError(`Cannot measure ${lost.join(', ')}: no id begins so, see bench/table.ts`)
  return words.length === 0 ? TABLE : TABLE.filter(({ id }) => words.some((word) => id.startsWith(word)))
}

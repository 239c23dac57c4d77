/**
 * Where each packet is, told by what its parts write down on its way: the router's trace, the engine's journal of effects,
 * and whoever asked.
 *
 * @module
 */

/** In the order of the flow. Each begins with one line, and lasts until the next. */
export const STAGES = ['submit', 'commit', 'queue', 'deliver', 'open', 'infer', 'answer', 'verify'] as const

/**
 * - `submit`: taken from its sender, not yet admitted and routed.
 * - `commit`: on its way into the log.
 * - `queue`: logged and released; no agent has it.
 * - `deliver`: leased; its agent proves, records and opens it.
 * - `open`: the engine runs; OPEN is not logged.
 * - `infer`: in the middle of its stream.
 * - `answer`: the engine has finished; CLOSE is not logged.
 * - `verify`: ended at the router; its sender has not said what it got.
 */
export type Stage = (typeof STAGES)[number]

/** The router's line → the stage that it begins. */
const TRACED: Readonly<Record<string, Stage>> = {
  submit: 'submit',
  route: 'commit',
  commit: 'queue',
  release: 'queue',
  deliver: 'deliver',
  'stream-open': 'infer',
  'stream-close': 'verify',
  nack: 'verify',
  'dead-letter': 'verify',
}

const NOTED: Readonly<Record<string, Stage>> = { start: 'open', finish: 'answer', failed: 'answer' }

export interface Whereabouts {
  /** A line of the router's trace. Others are ignored. */
  traced(line: string): void
  /** A line of the engine's journal. */
  noted(line: string): void
  /** Its sender got an answer or a report. */
  ended(packet: string): void
  /** How many packets are in each stage. */
  count(stage: Stage): number
  /** Calls back, at once, when a packet enters a stage. */
  watch(entered: (stage: Stage) => void): void
}

export function createWhereabouts(): Whereabouts {
  const places = new Map<string, Stage>()
  const over = new Set<string>()
  let heard: (stage: Stage) => void = () => undefined

  const enter = (packet: string, stage: Stage) => {
    if (over.has(packet)) return
    const now = places.get(packet)
    const isBack = now !== undefined && STAGES.indexOf(stage) <= STAGES.indexOf(now)
    // A delivery begins again; of all else an older line that came late says nothing new.
    if (isBack && (stage !== 'deliver' || now === 'verify')) return
    places.set(packet, stage)
    heard(stage)
  }

  return {
    traced(line) {
      const said = parse(line)
      if (said?.packet === undefined || said.stage === undefined || said.kind === 'CANCEL') return
      const stage = TRACED[said.stage]
      if (stage !== undefined) enter(said.packet, stage)
      else if (said.stage === 'refuse') places.delete(said.packet)
    },
    noted(line) {
      const [packet = '', what = ''] = line.split(' ')
      const stage = NOTED[what]
      if (stage !== undefined) enter(packet, stage)
    },
    ended(packet) {
      over.add(packet)
      places.delete(packet)
    },
    count(stage) {
      let found = 0
      for (const place of places.values()) if (place === stage) found += 1
      return found
    },
    watch(entered) {
      heard = entered
    },
  }
}

interface Traced {
  readonly stage?: string
  readonly packet?: string
  readonly kind?: string
}

function parse(line: string): Traced | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    return JSON.parse(line) as Traced
  } catch {
    // Cut by the kill.
    return undefined
  }
}

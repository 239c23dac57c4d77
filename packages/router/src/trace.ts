/**
 * What the router writes down: one JSON line a stage, with the packet's id and never a body. A field that is not named
 * here cannot be written.
 *
 * @module
 */

/** All that a line may say. Hex ids, codes, numbers and short reasons of our own. */
export interface TraceFields {
  readonly packet?: string | undefined
  readonly attempt?: number | undefined
  readonly agent?: string | undefined
  readonly kind?: string | undefined
  readonly code?: string | undefined
  readonly status?: number | undefined
  readonly route?: string | undefined
  readonly ms?: number | undefined
  readonly count?: number | undefined
  readonly url?: string | undefined
}

export interface Trace {
  stage(stage: string, fields: TraceFields): void
  /** A fault of the router's own. Only the error's name, code and place are written: messages of others may quote bytes. */
  fault(stage: string, error: unknown, fields?: TraceFields): void
}

const FIELDS: readonly (keyof TraceFields)[] = [
  'packet',
  'attempt',
  'agent',
  'kind',
  'code',
  'status',
  'route',
  'ms',
  'count',
  'url',
]

export type TraceLine = Readonly<Record<string, unknown>>

/** A trace that hands its lines on, with nothing in them but what may be written. */
export function traceOf(info: (line: TraceLine) => void, error: (line: TraceLine) => void): Trace {
  const named = (fields: TraceFields) =>
    Object.fromEntries(FIELDS.flatMap((name) => (fields[name] === undefined ? [] : [[name, fields[name]]])))
  return {
    stage: (stage, fields) => info({ stage, ...named(fields) }),
    fault(stage, fault, fields = {}) {
      const name = fault instanceof Error ? fault.name : typeof fault
      const code = fault instanceof Error && 'code' in fault ? String(fault.code) : undefined
      const at = fault instanceof Error ? fault.stack?.match(/\n\s+at [^\n]+/)?.[0]?.trim() : undefined
      error({ stage, ...named(fields), error: name, ...(code && { code }), ...(at && { at }) })
    },
  }
}

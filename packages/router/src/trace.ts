/**
 * What the router writes down: one JSON line a stage, with the packet's id and never a body. A field that is not named
 * here cannot be written.
 *
 * @module
 */
import pino, { type DestinationStream } from 'pino'
import type { LogLevel } from './config.ts'

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

/** @param destination Standard output unless given. */
export function createTrace(level: LogLevel, destination?: DestinationStream): Trace {
  const options = { level, base: { program: 'router' } }
  const logger = destination === undefined ? pino(options) : pino(options, destination)
  const named = (fields: TraceFields) =>
    Object.fromEntries(FIELDS.flatMap((name) => (fields[name] === undefined ? [] : [[name, fields[name]]])))
  return {
    stage: (stage, fields) => logger.info({ stage, ...named(fields) }),
    fault(stage, error, fields = {}) {
      const name = error instanceof Error ? error.name : typeof error
      const code = error instanceof Error && 'code' in error ? String(error.code) : undefined
      const at = error instanceof Error ? error.stack?.match(/\n\s+at [^\n]+/)?.[0]?.trim() : undefined
      logger.error({ stage, ...named(fields), error: name, ...(code && { code }), ...(at && { at }) })
    },
  }
}

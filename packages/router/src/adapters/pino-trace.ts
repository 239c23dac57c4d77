/** @module The trace on Node, where pino writes the lines. */
import pino, { type DestinationStream } from 'pino'
import type { LogLevel } from '../config.ts'
import { type Trace, traceOf } from '../trace.ts'

/** @param destination Standard output unless given. */
export function createTrace(level: LogLevel, destination?: DestinationStream): Trace {
  const options = { level, base: { program: 'router' } }
  const logger = destination === undefined ? pino(options) : pino(options, destination)
  return traceOf(
    (line) => logger.info(line),
    (line) => logger.error(line),
  )
}

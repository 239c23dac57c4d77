#!/usr/bin/env node
/**
 * The `weave` command.
 *
 * @module
 */
import { run } from './run.ts'
import { createTerminal } from './terminal.ts'

const stop = new AbortController()
let signalCode = 0
const CODES_OF_SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const
for (const signal of Object.keys(CODES_OF_SIGNALS) as (keyof typeof CODES_OF_SIGNALS)[]) {
  // The first one stops; any further one finds that under way and changes nothing.
  process.on(signal, () => {
    signalCode ||= CODES_OF_SIGNALS[signal]
    stop.abort()
  })
}
// Whoever reads our output may leave early (`weave ask … | head`): then there is nobody left to tell.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  stop.abort()
})

const terminal = createTerminal(process.stdout, process.stderr, process.env)
const code = await run(process.argv.slice(2), { terminal, env: process.env, signal: stop.signal })
// What was printed is handed over first. Then nothing that still waits (a timer, a connection that is kept) keeps us.
await Promise.all([process.stdout, process.stderr].map((stream) => new Promise((resolve) => stream.write('', resolve))))
process.exit(code === 130 && signalCode !== 0 ? signalCode : code)

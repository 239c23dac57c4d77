#!/usr/bin/env node
/**
 * The `weave` command.
 *
 * @module
 */
import { EXIT_CODES } from './exit.ts'
import { run } from './run.ts'
import { createTerminal } from './terminal.ts'
import { watchEnds } from './watch-ends.ts'

const ends = watchEnds(process)
const terminal = createTerminal(process.stdout, process.stderr, process.env)
const code = await run(process.argv.slice(2), { terminal, env: process.env, ...ends })
// What was printed is handed over first. Then nothing that still waits (a timer, a connection that is kept) keeps us.
await Promise.all([process.stdout, process.stderr].map((stream) => new Promise((resolve) => stream.write('', resolve))))
process.exit(code === EXIT_CODES.interrupted.code ? (ends.signalCode() ?? code) : code)

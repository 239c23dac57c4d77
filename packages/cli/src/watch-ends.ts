/**
 * What may end this program from outside of its verbs: signals, output that nobody reads, a fault that nobody caught. None of
 * them ends it without a word on standard error, as long as somebody reads that.
 *
 * @module
 */
import { writeSync } from 'node:fs'
import { EXIT_CODES } from './exit.ts'

const CODES_OF_SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const

export interface Ends {
  /** Aborted by the first signal; a further one finds that under way and changes nothing. */
  readonly signal: AbortSignal
  /** Aborted when standard output can be written no more: its reader left (`weave ask … | head`), or its disk is full. */
  readonly unread: AbortSignal
  /** The exit code of the signal that came. */
  signalCode(): number | undefined
}

/** Listens from now on. Call it once, first. */
export function watchEnds(process: NodeJS.Process): Ends {
  const stop = new AbortController()
  const unread = new AbortController()
  let signalCode: number | undefined
  for (const [signal, code] of Object.entries(CODES_OF_SIGNALS) as [keyof typeof CODES_OF_SIGNALS, number][]) {
    process.on(signal, () => {
      signalCode ??= code
      stop.abort()
    })
  }
  // Without a listener either of them would be a fault that nobody caught.
  process.stdout.on('error', () => unread.abort())
  process.stderr.on('error', () => {})
  // A rejection that nobody awaits comes here too. What state it leaves is not known, so it ends the program, as a crash
  // would: what was promised is on the disk, and the next start goes on from there.
  process.on('uncaughtException', (fault: unknown) => {
    const reason = fault instanceof Error ? (fault.stack ?? fault.message) : String(fault)
    say(`weave: ended by a fault of its own, with ${EXIT_CODES.internal.code}: ${reason}\n`)
    process.exit(EXIT_CODES.internal.code)
  })
  return { signal: stop.signal, unread: unread.signal, signalCode: () => signalCode }
}

/** At once, and past the stream: the program ends with the next statement. */
function say(text: string): void {
  try {
    writeSync(2, text)
  } catch {
    // Nobody is there to hear it.
  }
}

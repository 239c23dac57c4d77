/**
 * The load: the asker's process, and the books about what each ask got.
 *
 * @module
 */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { End, Order, Word } from './asker.ts'
import type { Whereabouts } from './stages.ts'

const ASKER = fileURLToPath(new URL('asker.ts', import.meta.url))

export interface Ask {
  readonly number: number
  readonly sentMs: number
  readonly packets: string[]
  /** The row of the first kill that met it on its way. */
  row: string | undefined
  end: End | undefined
}

export interface Load {
  readonly asks: readonly Ask[]
  /** Asks that have no end yet. */
  open(): readonly Ask[]
  tell(order: Order): void
  /** Asks nothing more; waits for so long until all have ended. */
  finish(timeoutMs: number): Promise<void>
  close(): void
}

export interface LoadOptions {
  readonly state: string
  readonly url: string
  /** Asks at once. */
  readonly width: number
  readonly whereabouts: Whereabouts
}

export function startLoad({ state, url, width, whereabouts }: LoadOptions): Load {
  const asks: Ask[] = []
  let isOver = false
  const child: ChildProcess = fork(ASKER, [state, url, String(width)], {
    execArgv: ['--conditions=@mystranet/source'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => {
      isOver = true
      resolve()
    })
  })
  child.on('message', (message) => {
    const word = message as Word
    if (word.type === 'sent') {
      asks[word.ask - 1] = { number: word.ask, sentMs: Date.now(), packets: [], row: undefined, end: undefined }
      return
    }
    const ask = asks[word.ask - 1] as Ask
    if (word.type === 'packet') {
      if (!ask.packets.includes(word.packet)) ask.packets.push(word.packet)
      return
    }
    ask.end = word.end
    for (const packet of ask.packets) whereabouts.ended(packet)
  })
  const tell = (order: Order) => {
    if (!isOver) child.send(order)
  }
  return {
    asks,
    tell,
    open: () => asks.filter(({ end }) => end === undefined),
    async finish(timeoutMs) {
      tell('finish')
      const timer = Promise.withResolvers<void>()
      const handle = setTimeout(timer.resolve, timeoutMs)
      await Promise.race([gone, timer.promise])
      clearTimeout(handle)
    },
    close: () => void child.kill('SIGKILL'),
  }
}

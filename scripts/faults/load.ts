/**
 * The load: the asker's process, and the books about what each ask got.
 *
 * @module
 */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { End, Order, Word } from './asker.ts'
import { keptPacket } from './kept-ask.ts'
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
  /** Kills with -9 the one who asks. @returns when it is gone, and all that it said is read. */
  strike(): Promise<void>
  /** Another one goes on with what it kept. @returns when it begins. */
  revive(): Promise<void>
  close(): void
}

export interface LoadOptions {
  readonly state: string
  readonly url: string
  /** Asks at once. */
  readonly width: number
  readonly whereabouts: Whereabouts
  /** Folder where whoever asks keeps what it sealed; empty when it keeps nothing and is not killed. */
  readonly kept: string
}

export function startLoad({ state, url, width, whereabouts, kept }: LoadOptions): Load {
  const asks: Ask[] = []
  const open = () => asks.filter(({ end }) => end === undefined)
  let order: Order = 'pause'

  const take = (word: Exclude<Word, { type: 'ready' }>) => {
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
  }

  const start = () => {
    const unfinished = JSON.stringify(open().map(({ number }) => number))
    const child: ChildProcess = fork(ASKER, [state, url, String(width), kept, String(asks.length), unfinished], {
      execArgv: ['--conditions=@mystranet/source'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    const ready = Promise.withResolvers<void>()
    child.on('message', (message) => {
      const word = message as Word
      if (word.type === 'ready') ready.resolve()
      else take(word)
    })
    if (order !== 'pause') child.send(order)
    const happened = (event: string) => new Promise<void>((resolve) => child.once(event, () => resolve()))
    const gone = Promise.all([happened('exit'), happened('disconnect')])
    return { child, gone, ready: Promise.race([ready.promise, gone]) }
  }
  let asker = start()

  const tell = (told: Order) => {
    order = told
    if (asker.child.connected) asker.child.send(told)
  }
  return {
    asks,
    tell,
    open,
    async finish(timeoutMs) {
      tell('finish')
      const timer = Promise.withResolvers<void>()
      const handle = setTimeout(timer.resolve, timeoutMs)
      await Promise.race([asker.gone, timer.promise])
      clearTimeout(handle)
    },
    async strike() {
      asker.child.kill('SIGKILL')
      await asker.gone
      for (const { number, packets } of open()) {
        const packet = keptPacket(kept, number)
        if (packet !== undefined && !packets.includes(packet)) packets.push(packet)
      }
    },
    async revive() {
      asker = start()
      await asker.ready
    },
    close: () => void asker.child.kill('SIGKILL'),
  }
}

import { EngineError, type EngineLoad } from './engine.ts'

/** Room for `count` runs at once. Whoever comes later waits, first come, first served. */
export interface Slots<T> {
  load(): EngineLoad
  /**
   * @returns What the slot holds (a sequence of the model's context, say); give it back with `release`.
   * @throws {EngineError} `CANCELLED` if `signal` is aborted before its turn, `MODEL_UNAVAILABLE` once closed.
   */
  acquire(signal: AbortSignal, prefer?: (free: readonly T[]) => T): Promise<T>
  release(slot: T): void
  /** Turns away who waits and who comes. What runs keeps its slot. */
  close(): void
}

interface Waiter<T> {
  readonly give: (slot: T) => void
  readonly refuse: (error: EngineError) => void
}

export function slotsOf<T>(all: readonly T[]): Slots<T> {
  const free = [...all]
  const waiting = new Set<Waiter<T>>()
  let closed = false
  const gone = () => new EngineError('MODEL_UNAVAILABLE', 'Cannot generate: the engine is closed, wanted open')
  return {
    load: () => ({ running: all.length - free.length, queued: waiting.size }),
    async acquire(signal, prefer) {
      if (closed) throw gone()
      if (signal.aborted) throw cancelled(signal)
      const slot = prefer !== undefined && free.length > 1 ? prefer(free) : free[0]
      if (slot !== undefined) {
        free.splice(free.indexOf(slot), 1)
        return slot
      }
      return new Promise<T>((resolve, reject) => {
        const leave = () => {
          waiting.delete(waiter)
          signal.removeEventListener('abort', onAbort)
        }
        const onAbort = () => {
          leave()
          reject(cancelled(signal))
        }
        const waiter: Waiter<T> = {
          give: (given) => {
            leave()
            resolve(given)
          },
          refuse: (error) => {
            leave()
            reject(error)
          },
        }
        waiting.add(waiter)
        signal.addEventListener('abort', onAbort)
      })
    },
    release(slot) {
      const [next] = waiting
      if (next === undefined) free.push(slot)
      else next.give(slot)
    },
    close() {
      closed = true
      for (const waiter of [...waiting]) waiter.refuse(gone())
    },
  }
}

/** The error of a run whose caller gave it up. */
export function cancelled(signal: AbortSignal): EngineError {
  return new EngineError('CANCELLED', 'Cannot finish the generation: its caller aborted it', { cause: signal.reason })
}

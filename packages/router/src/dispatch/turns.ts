/**
 * Who waits for whom inside one process.
 *
 * @module
 */

/** Runs work under one name one after the other. */
export interface Turns {
  inTurn<T>(name: string, work: () => Promise<T>): Promise<T>
}

export function createTurns(): Turns {
  const last = new Map<string, Promise<unknown>>()
  return {
    inTurn<T>(name: string, work: () => Promise<T>): Promise<T> {
      const run = (last.get(name) ?? Promise.resolve()).then(work, work)
      const settled = run.then(
        () => undefined,
        () => undefined,
      )
      last.set(name, settled)
      void settled.then(() => {
        if (last.get(name) === settled) last.delete(name)
      })
      return run
    },
  }
}

/**
 * Many at once, or one alone, under each name. Packets of an instance are logged side by side; a key event of that instance
 * is logged alone, so that the chain head in each packet's addendum is the head at its place in the log
 * (docs/protocol.md §9).
 */
export interface Gates {
  shared<T>(name: string, work: () => Promise<T>): Promise<T>
  alone<T>(name: string, work: () => Promise<T>): Promise<T>
}

export function createGates(): Gates {
  const gates = new Map<string, { tail: Promise<unknown>; readers: Set<Promise<unknown>> }>()
  const enter = <T>(name: string, isAlone: boolean, work: () => Promise<T>): Promise<T> => {
    const gate = gates.get(name) ?? { tail: Promise.resolve(), readers: new Set() }
    gates.set(name, gate)
    const before = isAlone ? Promise.all([gate.tail, ...gate.readers]) : gate.tail
    const run = before.then(work)
    const settled = run.then(
      () => undefined,
      () => undefined,
    )
    if (isAlone) {
      gate.tail = settled
      gate.readers = new Set()
    } else {
      gate.readers.add(settled)
    }
    const { readers } = gate
    void settled.then(() => {
      readers.delete(settled)
      if (gate.tail === settled) gate.tail = Promise.resolve()
    })
    return run
  }
  return {
    shared: (name, work) => enter(name, false, work),
    alone: (name, work) => enter(name, true, work),
  }
}

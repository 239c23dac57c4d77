/**
 * What is to happen, in order of time: a binary heap.
 *
 * @module
 */

export interface Agenda {
  at(timeMs: number, what: (timeMs: number) => void): void
  /** Does all that is due before a time. */
  until(endMs: number): void
}

interface Item {
  readonly timeMs: number
  readonly what: (timeMs: number) => void
}

export function createAgenda(): Agenda {
  const heap: Item[] = []
  const rise = (from: number) => {
    const item = heap[from] as Item
    let at = from
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = heap[above] as Item
      if (parent.timeMs <= item.timeMs) break
      heap[at] = parent
      at = above
    }
    heap[at] = item
  }
  const sink = () => {
    const item = heap[0] as Item
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= heap.length) break
      if (below + 1 < heap.length && (heap[below + 1] as Item).timeMs < (heap[below] as Item).timeMs) below++
      const child = heap[below] as Item
      if (item.timeMs <= child.timeMs) break
      heap[at] = child
      at = below
    }
    heap[at] = item
  }
  return {
    at(timeMs, what) {
      heap.push({ timeMs, what })
      rise(heap.length - 1)
    },
    until(endMs) {
      for (let next = heap[0]; next !== undefined && next.timeMs < endMs; next = heap[0]) {
        const last = heap.pop() as Item
        if (heap.length > 0) {
          heap[0] = last
          sink()
        }
        next.what(next.timeMs)
      }
    },
  }
}

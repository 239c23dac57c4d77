/**
 * An outbox that lives as long as its process: for edges and pages that have no disk.
 *
 * @module
 */
import type { BookedFinding, FindingState, Outbox, OutboxLimits } from './outbox.ts'

type Booked = BookedFinding & { readonly place: number; readonly readyMs: number }

/** @throws never */
export function memoryOutbox(limits: OutboxLimits): Outbox {
  const book = new Map<string, Booked>()
  const shed = new Map<number, number>()
  let places = 0
  const of = (state: FindingState) => [...book.values()].filter((each) => each.state === state)
  const bytesOf = (entries: readonly Booked[]) => entries.reduce((sum, { message }) => sum + message.length, 0)
  const change = (id: string, from: readonly FindingState[], to: Partial<Booked>) => {
    const there = book.get(id)
    if (there !== undefined && from.includes(there.state)) book.set(id, { ...there, ...to })
  }
  const giveUp = (severity: number) => shed.set(severity, (shed.get(severity) ?? 0) + 1)
  const forget = () => {
    const rest = [...of('published'), ...of('confirmed'), ...of('dead')]
    const first = (a: Booked, b: Booked) => Number(a.state === 'dead') - Number(b.state === 'dead') || a.place - b.place
    for (const { id } of rest.toSorted(first).slice(0, Math.max(0, rest.length - limits.kept))) book.delete(id)
  }
  return {
    async put(entry) {
      if (book.has(entry.id)) return 'known'
      const waiting = of('waiting')
      const lower = waiting
        .filter(({ severity }) => severity < entry.severity)
        .toSorted((a, b) => a.severity - b.severity || a.place - b.place)
      const given: Booked[] = []
      let [count, bytes] = [waiting.length + 1, bytesOf(waiting) + entry.message.length]
      while ((count > limits.waiting || bytes > limits.bytes) && given.length < lower.length) {
        const next = lower[given.length] as Booked
        given.push(next)
        count -= 1
        bytes -= next.message.length
      }
      if (count > limits.waiting || bytes > limits.bytes) {
        giveUp(entry.severity)
        return 'shed'
      }
      for (const { id, severity } of given) {
        book.delete(id)
        giveUp(severity)
      }
      places += 1
      book.set(entry.id, {
        ...entry,
        place: places,
        readyMs: 0,
        state: 'waiting',
        attempts: 0,
        code: undefined,
        leafIndex: undefined,
      })
      return 'kept'
    },
    async due(count, nowMs) {
      const ready = of('waiting').filter(({ readyMs }) => readyMs <= nowMs)
      return ready
        .toSorted((a, b) => b.severity - a.severity || a.place - b.place)
        .slice(0, count)
        .map(bookedOf)
    },
    async reseal(id, { message, digests, signedMs }) {
      change(id, ['waiting'], { message, digests, signedMs })
    },
    async publish(id) {
      change(id, ['waiting'], { state: 'published', code: undefined })
      forget()
    },
    async retry(id, attempts, readyMs, code) {
      change(id, ['waiting'], { attempts, readyMs, code })
    },
    async bury(id, code) {
      change(id, ['waiting', 'published'], { state: 'dead', code })
      forget()
    },
    async confirm(id, leafIndex) {
      change(id, ['waiting', 'published', 'dead'], { state: 'confirmed', leafIndex, code: undefined })
      forget()
    },
    async find(id) {
      const there = book.get(id)
      return there && bookedOf(there)
    },
    hasSource: async (source) => [...book.values()].some((each) => each.source === source),
    async list(limit, state) {
      const all = state === undefined ? [...book.values()] : of(state)
      return all
        .toSorted((a, b) => b.place - a.place)
        .slice(0, limit)
        .map(bookedOf)
    },
    async counts() {
      const waiting = of('waiting')
      const states = {
        waiting: waiting.length,
        published: of('published').length,
        confirmed: of('confirmed').length,
        dead: of('dead').length,
      }
      const counted = [...shed].map(([severity, count]) => ({ severity, count }))
      return { states, bytes: bytesOf(waiting), shed: counted.toSorted((a, b) => a.severity - b.severity) }
    },
  }
}

const bookedOf = ({ place: _, readyMs: __, ...booked }: Booked): BookedFinding => booked

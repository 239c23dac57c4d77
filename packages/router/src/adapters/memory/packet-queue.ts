/** @module The packet queue in memory. */
import { RouterError } from '../../errors.ts'
import type { PacketQueue, QueueItem } from '../../ports.ts'

interface Place extends QueueItem {
  done: boolean
  lease: string | undefined
  untilMs: number
  readyMs: number
  delivery: number
}

/** @param limit Items that may wait for one agent. */
export function memoryPacketQueue({ limit }: { readonly limit: number }): PacketQueue {
  const places = new Map<string, Place>()
  let leases = 0
  const open = (agent?: string) =>
    [...places.values()].filter((each) => !each.done && (agent === undefined || each.agent === agent))
  const leased = (lease: string) => open().find((each) => each.lease === lease)
  return {
    async publish(item) {
      const name = `${item.packet} ${item.attempt}`
      if (places.has(name)) return
      if (open(item.agent).length >= limit) {
        throw new RouterError('QUEUE_FULL', `Cannot queue the packet: ${limit} packets wait for its agent`, {
          packet: item.packet,
        })
      }
      places.set(name, { ...item, done: false, lease: undefined, untilMs: 0, readyMs: 0, delivery: 0 })
    },
    async lease(agent, count, nowMs, leaseMs) {
      const ready = open(agent).filter(
        (each) => each.readyMs <= nowMs && (each.lease === undefined || each.untilMs <= nowMs),
      )
      return ready.slice(0, count).map((place) => {
        place.lease = `memory.${++leases}`
        place.untilMs = nowMs + leaseMs
        place.delivery += 1
        const { packet, attempt, bytes, lease, delivery } = place
        return { packet, attempt, agent, bytes, lease, delivery }
      })
    },
    async extend(lease, nowMs, leaseMs) {
      const place = leased(lease)
      if (place === undefined || place.untilMs <= nowMs) return false
      place.untilMs = nowMs + leaseMs
      return true
    },
    async release(lease, readyMs) {
      const place = leased(lease)
      if (place !== undefined) Object.assign(place, { lease: undefined, readyMs })
    },
    async releaseAll(agent) {
      const held = open(agent).filter((each) => each.lease !== undefined)
      for (const place of held) place.lease = undefined
      return held.length
    },
    async finish(packet, attempt) {
      const place = places.get(`${packet} ${attempt}`)
      if (place !== undefined) Object.assign(place, { done: true, lease: undefined, bytes: new Uint8Array(0) })
    },
    async cancel(packet) {
      const all = [...places.values()].filter((each) => each.packet === packet)
      if (all.every((each) => each.done)) return 'absent'
      if (all.some((each) => each.delivery > 0)) return 'delivered'
      for (const place of all) place.done = true
      return 'taken'
    },
    async depth(nowMs, agent) {
      const waiting = open(agent)
      return {
        waiting: waiting.length,
        leased: waiting.filter((each) => each.lease !== undefined && each.untilMs > nowMs).length,
      }
    },
    async forget(packet) {
      for (const [name, place] of places) if (place.packet === packet && place.done) places.delete(name)
    },
  }
}

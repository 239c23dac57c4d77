/**
 * Traffic of agents, as another program summed it up: taken once, however often it is told.
 *
 * @module
 */
import type { VolumeFact } from '@mystranet/detector/anomaly'
import { fromHex } from '@mystranet/sdk/bytes'
import { PacketError } from '@mystranet/sdk/errors'

/** What is told at once. Sent again as it is until it is taken. */
export interface VolumeBatch {
  /** Names who tells: text of its own choice, the same for all of its batches. */
  readonly teller: string
  /** From 1, one more each time. */
  readonly batch: number
  readonly volumes: readonly {
    /** Instance id, hex. */
    readonly agent: string
    /** Unix milliseconds. */
    readonly timeMs: number
    readonly bytes: number
  }[]
}

export interface VolumesTaken {
  readonly taken: number
  /** Of an hour that was judged before, that lies ahead, or that began before the `weave up` did. */
  readonly refused: number
}

/** One agent and hour each: no teller has more. */
export const MAX_VOLUMES = 8_192
const MAX_TELLERS = 64

/** @returns what takes a batch, as JSON gave it. It throws `DOCUMENT_MALFORMED`, with nothing taken. */
export function volumeDesk(give: (fact: VolumeFact) => boolean): (given: unknown) => VolumesTaken {
  const last = new Map<string, number>()
  return (given) => {
    const { teller, batch, volumes } = parse(given)
    if (batch <= (last.get(teller) ?? 0)) return { taken: 0, refused: 0 }
    const taken = volumes.filter(give).length
    last.delete(teller)
    last.set(teller, batch)
    if (last.size > MAX_TELLERS) last.delete(last.keys().next().value as string)
    return { taken, refused: volumes.length - taken }
  }
}

function parse(given: unknown): { teller: string; batch: number; volumes: readonly VolumeFact[] } {
  const { teller, batch, volumes } = (given ?? {}) as Readonly<Record<keyof VolumeBatch, unknown>>
  const isWhole =
    typeof teller === 'string' &&
    teller.length <= 64 &&
    isCount(batch) &&
    Array.isArray(volumes) &&
    volumes.length <= MAX_VOLUMES
  if (!isWhole) throw malformed()
  return { teller, batch, volumes: volumes.map(parseVolume) }
}

function parseVolume(given: unknown): VolumeFact {
  const { agent, timeMs, bytes } = (given ?? {}) as Readonly<Record<string, unknown>>
  const instance = typeof agent === 'string' ? fromHex(agent) : undefined
  if (instance?.length !== 32 || !isCount(timeMs) || !isCount(bytes)) throw malformed()
  return { agent: instance, timeMs, bytes }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const malformed = () =>
  new PacketError(
    'DOCUMENT_MALFORMED',
    'Cannot take the volumes: they are not as wanted, teller, batch and volumes of agent, timeMs and bytes',
  )

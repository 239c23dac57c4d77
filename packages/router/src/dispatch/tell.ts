/**
 * What the router saw of each packet, for whoever watches: outcome, sender, number, size.
 *
 * @module
 */
import type { PacketFact } from '@mystranet/detector/anomaly'
import { toHex } from '@mystranet/sdk/bytes'
import type { ParsedPacket } from '@mystranet/sdk/envelope'
import type { Metrics } from '../metrics.ts'

/** Bytes in it are views of the packet: who keeps a fact copies them, or keeps the packet with it. */
export type OnPacket = (fact: PacketFact) => void

interface TellDeps {
  readonly onPacket?: OnPacket | undefined
  readonly metrics: Pick<Metrics, 'count'>
  nowMs(): number
}

/**
 * Tells of a packet whose fate is decided: `taken` once its receipt is there. Nothing waits for whoever is told, and what
 * is thrown there is counted as a fault and goes no further.
 *
 * @param bytes That were carried for it.
 * @param outcome As `PacketFact` has it.
 */
export function tellPacket(
  { onPacket, nowMs, metrics }: TellDeps,
  { kind, id, core }: ParsedPacket,
  bytes: number,
  outcome: string,
): void {
  if (onPacket === undefined) return
  const { sender, senderKey, epoch, seq, targetTag, targetInstance } = core
  const target = targetTag ?? (kind === 'REQUEST' && targetInstance ? toHex(targetInstance) : undefined)
  try {
    onPacket({ timeMs: nowMs(), kind, id, sender, senderKey, epoch, seq, target, bytes, outcome })
  } catch {
    metrics.count('weave_faults_total', { stage: 'packets' })
  }
}

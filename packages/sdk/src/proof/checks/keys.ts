/**
 * The checks on keys: whose they were when the packets were logged, and that no event was left out.
 *
 * @module
 */
import type { KeyChain } from '@mystranet/schemas/messages'
import { equalBytes } from '../../bytes.ts'
import type { ParsedHeader } from '../../envelope/parse.ts'
import { PacketError } from '../../errors.ts'
import { headAt, liveKey, type VerifiedChain, verifyChain } from '../../keys/chain.ts'
import type { VerifiedReceipt } from '../receipt.ts'
import { about, type Check, type Facts, joinReasons, replyOf, requestOf } from './check.ts'

export const keyChecks: readonly Check[] = [
  {
    name: 'keys',
    needs: ['envelope', 'checkpoint', 'witness-quorum'],
    after: ['request-inclusion', 'open-inclusion', 'close-inclusion'],
    async run(facts) {
      const { saved, open, close, logged } = facts
      const missing: string[] = []
      const sender = requestOf(facts)
      const reply = replyOf(facts)
      const chains = [
        chainOf(facts, 'sender', saved.senderKeys, sender),
        chainOf(facts, 'agent', saved.agentKeys, reply),
      ]
      await Promise.allSettled(chains)
      const senderChain = await chains[0]
      if (!senderChain) missing.push("the sender's key chain is not here")
      if (senderChain) facts.senderChain = senderChain
      if (isLive(senderChain, 'request', sender, logged.request, missing)) facts.senderKnown = true
      const agentChain = await chains[1]
      if (!agentChain) missing.push(reply ? "the agent's key chain is not here" : 'there is no packet of the agent')
      if (agentChain) facts.agentChain = agentChain
      const opened = isLive(agentChain, 'OPEN', open, logged.open, missing)
      const closed = isLive(agentChain, 'CLOSE', close, logged.close, missing)
      if (opened || closed) facts.agentKnown = true
      return joinReasons(missing)
    },
  },
  {
    name: 'revocation',
    needs: ['envelope', 'checkpoint', 'witness-quorum'],
    after: ['keys'],
    note: 'asserted by the log',
    run({ senderChain, agentChain, logged, open, close }) {
      const missing: string[] = []
      agreesWithHead(senderChain, 'request', logged.request, missing)
      if (open) agreesWithHead(agentChain, 'OPEN', logged.open, missing)
      if (close) agreesWithHead(agentChain, 'CLOSE', logged.close, missing)
      if (!open && !close) missing.push('there is no answer')
      return joinReasons(missing)
    },
  },
]

async function chainOf(
  { trust, checkpoints }: Facts,
  who: string,
  chain: KeyChain | undefined,
  packet: ParsedHeader | undefined,
): Promise<VerifiedChain | undefined> {
  return packet && chain && about(who, verifyChain(chain, packet.core.sender, trust, checkpoints))
}

function isLive(
  chain: VerifiedChain | undefined,
  name: string,
  packet: ParsedHeader | undefined,
  logged: VerifiedReceipt | undefined,
  missing: string[],
): boolean {
  if (!chain || !packet) return false
  if (!logged) {
    missing.push(`the leaf of ${name} is not proven`)
    return false
  }
  liveKey(chain, packet.core.senderKey, { leafIndex: logged.position, quorumTimeMs: logged.quorumTimeMs })
  return true
}

function agreesWithHead(
  chain: VerifiedChain | undefined,
  name: string,
  logged: VerifiedReceipt | undefined,
  missing: string[],
): void {
  if (!chain || !logged) {
    missing.push(chain ? `the leaf of ${name} is not proven` : `the key chain for ${name} is not proven`)
    return
  }
  const named = logged.addendum?.chainHead
  const shown = headAt(chain, logged.position)
  if (!named) throw new PacketError('KEY_EVENT_INVALID', `the leaf of ${name} names no chain head`)
  if (!shown || !equalBytes(named, shown)) {
    throw new PacketError('KEY_EVENT_INVALID', `the leaf of ${name} names another chain head: events were left out`)
  }
}

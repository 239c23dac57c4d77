/**
 * The checks on the three packets: their form, who signed them, and that they belong together.
 *
 * @module
 */

import type { Kind } from '@mystranet/schemas/kinds'
import type { SavedPacket } from '@mystranet/schemas/messages'
import { equalBytes } from '../../bytes.ts'
import { verifyOrigin } from '../../envelope/origin.ts'
import { type ParsedHeader, parseHeader } from '../../envelope/parse.ts'
import { PacketError } from '../../errors.ts'
import { SAVED_ANSWER_VERSION } from '../saved-answer.ts'
import { settled } from '../settled.ts'
import { about, type Check, type Facts, joinReasons, replyOf, requestOf } from './check.ts'

export const packetChecks: readonly Check[] = [
  {
    name: 'envelope',
    run(facts) {
      const { version, request, open, close } = facts.saved
      if (version !== SAVED_ANSWER_VERSION) throw new PacketError('ANSWER_INVALID', `version ${version} is unknown`)
      facts.request = readPacket(facts, request, 'REQUEST')
      facts.open = open && readPacket(facts, open, 'STREAM_OPEN')
      facts.close = close && readPacket(facts, close, 'STREAM_CLOSE')
      return undefined
    },
  },
  {
    name: 'request-signature',
    needs: ['envelope'],
    async run(facts) {
      await verifyOrigin(requestOf(facts), facts.saved.request)
      return undefined
    },
  },
  {
    name: 'answer-signature',
    needs: ['envelope'],
    async run({ open, close, saved }) {
      await settled([
        ...(open ? [about('OPEN', verifyOrigin(open, saved.open!))] : []),
        ...(close ? [about('CLOSE', verifyOrigin(close, saved.close!))] : []),
      ])
      if (open && close && !equalBytes(open.core.senderKey, close.core.senderKey)) {
        throw new PacketError('SIGNATURE_INVALID', 'OPEN and CLOSE are signed by two keys')
      }
      return missingReplies(open, close)
    },
  },
  {
    name: 'binding',
    needs: ['envelope'],
    after: ['answer-commitment', 'attempt-inclusion', 'routing-table'],
    run(facts) {
      const { open, close, closeContent, logged, table } = facts
      if (open) checkReply('OPEN', open, requestOf(facts))
      if (close) checkReply('CLOSE', close, requestOf(facts))
      if (open && close) checkTwins(open, close)
      checkDecision(facts)
      const missing = missingReplies(open, close)
      if (missing !== undefined) return missing
      if (closeContent === undefined) return 'the content of CLOSE is not proven'
      if (!closeContent.stream || !equalBytes(closeContent.stream, open!.id)) throw unbound('CLOSE ends another stream')
      facts.isBound = true
      if (!logged.attempt) return 'the leaf of the attempt is not proven'
      return table ? undefined : 'the routing table is not proven'
    },
  },
]

function readPacket({ trust }: Facts, saved: SavedPacket, kind: Kind): ParsedHeader {
  const parsed = parseHeader(saved.header)
  if (parsed.kind !== kind) throw new PacketError('KIND_UNKNOWN', `a packet of kind ${parsed.kind}, wanted ${kind}`)
  if (!equalBytes(parsed.core.network, trust.network)) {
    throw new PacketError('NETWORK_MISMATCH', `the ${kind} is of another network than the trust file's`)
  }
  if (!saved.signature && !saved.batch) throw new PacketError('PACKET_MALFORMED', `the ${kind} is not signed`)
  return parsed
}

function checkReply(name: string, { core }: ParsedHeader, request: ParsedHeader): void {
  const asked = request.core
  if (!equalBytes(core.inReplyTo!, request.id)) throw unbound(`${name} replies to another packet`)
  if (!equalBytes(core.correlationId, asked.correlationId)) throw unbound(`${name} has another correlation id`)
  if (!equalBytes(core.targetInstance!, asked.sender)) throw unbound(`${name} is for another instance`)
  if (core.suite !== asked.suite) throw unbound(`${name} is of suite ${core.suite}, wanted ${asked.suite}`)
}

function checkTwins({ core: open }: ParsedHeader, { core: close }: ParsedHeader): void {
  if (!equalBytes(open.sender, close.sender)) throw unbound('OPEN and CLOSE are of two senders')
  if (open.attempt !== close.attempt) throw unbound('OPEN and CLOSE are of two attempts')
  // A CLOSE without a body (ABORTED) has none.
  if (close.responseNonce && !equalBytes(open.responseNonce!, close.responseNonce)) {
    throw unbound('OPEN and CLOSE have two response nonces')
  }
}

function checkDecision(facts: Facts): void {
  const agent = replyOf(facts)?.core.sender
  const decision = facts.logged.attempt?.addendum?.decision
  if (agent && !requestOf(facts).core.recipients.some((each) => equalBytes(each, agent))) {
    throw unbound('the agent is no recipient of the request')
  }
  if (agent && decision && !equalBytes(decision.agent, agent)) throw unbound('the decision names another agent')
  if (decision && facts.table && decision.tableVersion !== facts.table.table.version) {
    throw unbound('the decision names another version of the table')
  }
}

/** Why not everything can be said about the answer's packets. */
export const missingReplies = (open: unknown, close: unknown): string | undefined =>
  joinReasons([...(open ? [] : ['there is no OPEN']), ...(close ? [] : ['there is no CLOSE'])])

const unbound = (why: string) => new PacketError('ANSWER_INVALID', why)

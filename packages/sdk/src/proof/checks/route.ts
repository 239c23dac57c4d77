/**
 * The checks on the way that the request took: the table, and the agent that it led to.
 *
 * @module
 */
import { equalBytes } from '../../bytes.ts'
import { PacketError } from '../../errors.ts'
import { chooseRule, proveTable, readSignedTable } from '../routing-table.ts'
import { type Check, replyOf, requestOf } from './check.ts'

export const routeChecks: readonly Check[] = [
  {
    name: 'routing-table',
    needs: ['envelope', 'checkpoint', 'witness-quorum'],
    after: ['attempt-inclusion'],
    async run(facts) {
      const { saved, trust, checkpoints, logged } = facts
      if (!saved.routingTable || !saved.routingTableReceipt) return 'the routing table or its receipt is not here'
      const signed = await readSignedTable(saved.routingTable, trust)
      const table = await proveTable(signed, saved.routingTableReceipt, trust, checkpoints)
      if (!equalBytes(table.digest, requestOf(facts).core.tableDigest!)) {
        throw new PacketError('TABLE_INVALID', 'it is not the table that the request names')
      }
      if (logged.attempt && table.logged.position >= logged.attempt.position) {
        throw new PacketError('TABLE_INVALID', 'its leaf is not before the attempt')
      }
      facts.table = table
      return logged.attempt ? undefined : 'the leaf of the attempt is not proven'
    },
  },
  {
    name: 'candidate',
    needs: ['routing-table', 'attempt-inclusion'],
    run(facts) {
      const agent = replyOf(facts)?.core.sender
      if (agent === undefined) return 'there is no answer'
      const { core } = requestOf(facts)
      const { table } = facts.table!
      const decision = facts.logged.attempt!.addendum!.decision!
      const { rule, candidates } = chooseRule(table, core)
      const refuse = (why: string) => new PacketError('NOT_A_CANDIDATE', why)
      if (!core.recipients.some((each) => equalBytes(each, agent))) throw refuse('the agent is no recipient')
      if (decision.rule !== rule.id) throw refuse(`the decision names rule ${decision.rule}, the table ${rule.id}`)
      if (!candidates.some((each) => equalBytes(each, agent))) throw refuse('the agent is no candidate of the rule')
      return undefined
    },
  },
]

/**
 * The checks on the model: what the agent says it ran, who published that, who let the agent load it.
 *
 * @module
 */
import { PacketError } from '../../errors.ts'
import { controlPartition } from '../leaf.ts'
import { verifyAuthorization, verifyModelStatement, verifyRegistryEntry } from '../model-statement.ts'
import { checkLeaf, verifyReceipt } from '../receipt.ts'
import type { Check } from './check.ts'

export const modelChecks: readonly Check[] = [
  {
    name: 'model-statement',
    needs: ['envelope', 'checkpoint', 'witness-quorum'],
    after: ['answer-commitment', 'open-inclusion'],
    async run(facts) {
      const { open, openContent, saved, trust, checkpoints, logged } = facts
      if (!openContent) return 'the content of OPEN is not proven'
      const { sender: agent, senderKey: key } = open!.core
      const statement = await verifyModelStatement(openContent.modelStatement, { network: trust.network, agent, key })
      if (!saved.modelStatementReceipt) return 'the model statement has no receipt'
      const { leaf, position } = await verifyReceipt(saved.modelStatementReceipt, trust, checkpoints)
      const partition = controlPartition('model-statement')
      checkLeaf(leaf, { kind: 'model-statement', subject: statement.digest, partition })
      if (logged.open && position >= logged.open.position) {
        throw new PacketError('LEAF_MISMATCH', 'the leaf of the model statement is not before OPEN')
      }
      if (!logged.open) return 'the leaf of OPEN is not proven'
      facts.statement = statement
      return undefined
    },
  },
  {
    name: 'registry-entry',
    needs: ['model-statement'],
    async run({ saved, statement, trust }) {
      if (!saved.registryEntry) return 'the registry entry is not here'
      await verifyRegistryEntry(saved.registryEntry, statement!.value, trust)
      return undefined
    },
  },
  {
    name: 'authorization',
    needs: ['model-statement', 'open-inclusion'],
    async run({ saved, statement, trust, logged }) {
      if (!saved.authorization) return 'the authorization is not here'
      await verifyAuthorization(saved.authorization, statement!.value, trust, logged.open!.leaf.timeMs)
      return undefined
    },
  },
]

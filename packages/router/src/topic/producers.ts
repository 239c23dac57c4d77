/**
 * Who may speak on which topic: findings are enrolled instances' to make, feedback is the nexus's, and what a person
 * decides may be signed by an operator as well, and what is said of evidence by whoever may authorize models, who reviews.
 *
 * @module
 */
import type { Topic } from '@mystranet/schemas/topics'
import { equalBytes } from '@mystranet/sdk/bytes'
import { instanceId } from '@mystranet/sdk/keys/instance-id'
import type { TrustFile } from '@mystranet/sdk/proof/trust-file'
import type { Keyring } from '../dispatch/keyring.ts'
import { RouterError } from '../errors.ts'
import type { Producers } from './admit.ts'

type Speaker = 'instance' | 'nexus' | 'operator' | 'reviewer'

const SPEAKERS: Readonly<Record<Topic, readonly Speaker[]>> = {
  'ai.anomalies.v1': ['instance'],
  'ai.evidence.v1': ['instance'],
  'ai.policy.v1': ['instance'],
  'control.commits.v1': ['nexus'],
  'control.reputation.v1': ['nexus'],
  'control.policy.v1': ['nexus', 'operator'],
  'control.evidence.v1': ['nexus', 'operator', 'reviewer'],
}

/** The producers that a trust file and the key directory name. A key of the trust file is the instance of its own id. */
export function trustedProducers(
  trust: Pick<TrustFile, 'network' | 'nexusKeys' | 'tableSigners' | 'authorizers'>,
  keyring: Pick<Keyring, 'live'>,
): Producers {
  const keysOf = { nexus: trust.nexusKeys, operator: trust.tableSigners, reviewer: trust.authorizers }
  return {
    network: trust.network,
    async permit(topic, producer, key) {
      const speakers = SPEAKERS[topic]
      if (speakers.includes('instance')) return void (await keyring.live(producer, key))
      const isNamed = speakers.some(
        (each) => each !== 'instance' && keysOf[each].some((known) => equalBytes(known, key)),
      )
      if (isNamed && equalBytes(producer, instanceId(key))) return
      throw new RouterError('NOT_PERMITTED', `Cannot take the message: ${topic} is not its producer's to speak on`)
    },
  }
}

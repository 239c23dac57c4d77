/**
 * Batches: many packets of one sender under one signature (docs/protocol.md §6.1). `verifyOrigin` is the inverse.
 *
 * @module
 */
import { MAX_BATCH_PACKETS } from '@mystranet/schemas/limits'
import { BatchRoot, encode } from '@mystranet/schemas/messages'
import { PAYLOAD_TYPES, pae } from '../envelope/dsse.ts'
import type { DocumentSigner } from '../envelope/origin.ts'
import { kemFor } from '../keys/kem.ts'
import { computeRoot, type Hash, hashLeaf } from '../proof/merkle.ts'
import { proveInclusion } from '../proof/prove.ts'
import type { PlainPacket } from './build.ts'
import { finish, openingOf, type SealedRequest, sealUnsigned } from './seal.ts'

/**
 * Seals 2 to 1,024 requests, each in its suite, and signs once. They must have one sender key, epoch and creation time, and consecutive
 * sequence numbers (`Sequence.take`).
 *
 * @throws RangeError when they do not.
 */
export async function sealBatch(plains: readonly PlainPacket[], signer: DocumentSigner): Promise<SealedRequest[]> {
  if (plains.length < 2 || plains.length > MAX_BATCH_PACKETS) {
    throw new RangeError(`Cannot seal a batch of ${plains.length} packets, wanted 2 to ${MAX_BATCH_PACKETS}`)
  }
  const { core: first } = plains[0] as PlainPacket
  for (const [i, { core }] of plains.entries()) {
    if (core.seq !== first.seq + BigInt(i) || core.epoch !== first.epoch || core.createdMs !== first.createdMs) {
      throw new RangeError(`Cannot seal the batch: packet ${i} does not follow the one before`)
    }
  }
  const sealed = await Promise.all(plains.map(async (plain) => sealUnsigned(plain, await kemFor(plain.core.suite))))
  const leaves: Hash[] = sealed.map((each) => hashLeaf(pae(PAYLOAD_TYPES.packet, each.unsigned.header)))
  const statement = encode(BatchRoot, {
    network: first.network,
    senderKey: first.senderKey,
    epoch: first.epoch,
    firstSeq: first.seq,
    size: leaves.length,
    root: computeRoot(leaves),
    createdMs: first.createdMs,
  })
  const signature = await signer.sign(pae(PAYLOAD_TYPES['batch-root'], statement))
  return sealed.map(({ unsigned, secrets }, i) => {
    const batch = { statement, signature, path: proveInclusion(leaves, i) }
    return { ...finish(unsigned, { batch }), ...secrets, opening: openingOf(plains[i] as PlainPacket) }
  })
}

/** Packets of every kind for tests, at random: well formed, and signed by nobody. */
import { OUTCOMES } from '@mystranet/schemas/kinds'
import type { HeaderCore, Recipient } from '@mystranet/schemas/messages'
import type { ProjectedPacket } from '@mystranet/schemas/projection'
import { SCHEMA_DIGEST_V1 } from '@mystranet/schemas/schema-digest'
import fc from 'fast-check'

type Bytes = Uint8Array<ArrayBuffer>

const bytes = (length: number): fc.Arbitrary<Bytes> =>
  fc.uint8Array({ minLength: length, maxLength: length }) as fc.Arbitrary<Bytes>
const id = bytes(32)
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined })
const u64 = fc.oneof(fc.bigInt(1n, 99n), fc.bigInt(1n, (1n << 64n) - 1n))
const tag = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,20}$/)
const paddedSize = fc.constantFrom(256, 1_024, 4_096)

const common = fc.record({
  version: fc.constant(1),
  suite: fc.constantFrom(1, 2),
  network: id,
  sender: id,
  senderKey: id,
  createdMs: fc.oneof(fc.integer({ min: 1, max: 4e12 }), fc.integer({ min: 1, max: 253_402_300_000_000 })),
  lifetimeMs: fc.integer({ min: 1, max: 600_000 }),
  nonce: bytes(16),
  epoch: u64,
  seq: u64,
  correlationId: bytes(16),
  schema: fc.constant(SCHEMA_DIGEST_V1),
  compatibleVersions: fc.uniqueArray(fc.integer({ min: 2, max: 99 }), { maxLength: 7 }).map(ascending),
})
function ascending(more: readonly number[]): number[] {
  return [1, ...more.toSorted((a, b) => a - b)]
}

const target = fc.oneof(fc.record({ targetTag: tag }), fc.record({ targetInstance: id }))
const instance = fc.record({ targetInstance: id })
const body = { contentCommitment: id, paddedSize }
const reply = { inReplyTo: id, attempt: fc.integer({ min: 1, max: 2 ** 32 - 1 }) }
const request = fc.record({
  ...body,
  recipients: fc.uniqueArray(id, { minLength: 1, maxLength: 8, selector: String }),
  tableDigest: id,
  retry: maybe(fc.record({ maxAttempts: fc.integer({ min: 1, max: 8 }), afterOpen: maybe(fc.constant(true)) })),
  session: maybe(id),
  priority: maybe(fc.constantFrom(1, 2)),
  prefixTag: maybe(bytes(16)),
  supersedes: maybe(id),
})
const finishes = fc.integer({ min: OUTCOMES.STOP, max: OUTCOMES.ABORTED })
const refusal = fc.integer({ min: 10, max: 99 })

const both = <A extends object, B extends object>(a: fc.Arbitrary<A>, b: fc.Arbitrary<B>) =>
  fc.tuple(a, b).map(([x, y]) => ({ ...x, ...y }))

/** What a kind adds to the fields that all have. */
const OF_KIND: readonly fc.Arbitrary<Partial<HeaderCore>>[] = [
  both(target, request).map((core) => ({ kind: 1, ...core })),
  both(instance, fc.record({ ...reply, ...body, responseNonce: id })).map((core) => ({ kind: 2, ...core })),
  both(instance, fc.record({ ...reply, ...body, responseNonce: id, code: finishes })).map((core) => ({
    kind: 3,
    ...core,
  })),
  both(instance, fc.record({ ...reply })).map((core) => ({ kind: 3, code: OUTCOMES.ABORTED, ...core })),
  both(instance, fc.record({ ...reply, code: fc.constantFrom(1, 2) })).map((core) => ({ kind: 4, ...core })),
  both(instance, fc.record({ ...reply, code: refusal })).map((core) => ({ kind: 5, ...core })),
  both(target, fc.record({ inReplyTo: id, code: maybe(refusal) })).map((core) => ({ kind: 6, ...core })),
]

const cores = fc.tuple(common, fc.oneof(...OF_KIND)).map(([{ lifetimeMs, ...core }, more]) => {
  return { recipients: [], ...core, ...more, expiresMs: core.createdMs + lifetimeMs } as unknown as HeaderCore
})
const origins = fc.oneof(
  fc.record({ signature: bytes(64) }),
  fc.record({
    batch: fc.record({
      statement: fc.uint8Array({ minLength: 1, maxLength: 200 }),
      signature: bytes(64),
      path: fc.array(id, { maxLength: 10 }),
    }),
  }),
)

/** What goes into a packet but its id. */
export type Parts = Omit<ProjectedPacket, 'packetId'>

/** Packets that `parsePacket` takes. Hashes and signatures are noise. */
export const parts: fc.Arbitrary<Parts> = fc
  .record({ core: cores, origin: origins, hash: id, wrapped: bytes(48), fill: fc.nat(255) })
  .map(({ core, origin, hash, wrapped, fill }) => {
    const encBytes = core.session !== undefined ? 0 : core.suite === 1 ? 32 : 1_120
    const recipientKeys = core.recipients.map((instanceId): Recipient => {
      const enc = encBytes === 0 ? {} : { enc: new Uint8Array(encBytes).fill(fill) }
      return { instanceId, kemKeyId: hash, wrappedKey: wrapped, ...enc }
    })
    const payload = core.paddedSize === undefined ? new Uint8Array(0) : new Uint8Array(core.paddedSize + 16).fill(fill)
    return {
      core,
      recipientKeys,
      payload,
      recipientsHash: recipientKeys.length > 0 ? hash : undefined,
      ciphertextHash: payload.length > 0 ? hash : undefined,
      ...origin,
    }
  })

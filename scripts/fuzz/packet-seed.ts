/**
 * Packets that are valid, and packets that are signed again after one thing in them was changed.
 *
 * @module
 */
import type { Code } from '../../packages/schemas/src/codes.ts'
import { KINDS } from '../../packages/schemas/src/kinds.ts'
import { decode, encode, Header, HeaderCore, Packet } from '../../packages/schemas/src/messages.ts'
import { createEd25519Key } from '../../packages/sdk/src/adapters/node/primitives.ts'
import { PAYLOAD_TYPES, pae } from '../../packages/sdk/src/envelope/dsse.ts'
import { breakWire } from './mutate/wire.ts'
import type { Random } from './random.ts'
import { createLedger, type Ledger } from './target.ts'
import { fromHex, vector } from './vector.ts'

export interface PacketSeeds {
  /** Every packet that the vectors publish as valid. */
  readonly valid: readonly Uint8Array[]
  /** Those that are refused for something in them. */
  readonly refused: readonly Uint8Array[]
  /** Headers that somebody signed. */
  readonly signed: Ledger
  /** A valid request with another core, signed by its sender. */
  resigned(random: Random, change: (core: HeaderCore) => HeaderCore): Promise<Uint8Array>
  /** The same with a core that was changed byte by byte. */
  resignedBroken(random: Random): Promise<Uint8Array>
}

/** What the core of a header is refused for, whatever carries it. */
export const CORE_CODES: readonly Code[] = [
  'VERSION_UNKNOWN',
  'SUITE_UNKNOWN',
  'KIND_UNKNOWN',
  'SCHEMA_UNKNOWN',
  'FIELD_INVALID',
]

const headerOf = (packet: Uint8Array): Uint8Array | undefined => {
  try {
    return decode(Packet, packet).header
  } catch {
    return undefined
  }
}

export async function packetSeeds(): Promise<PacketSeeds> {
  const { packets } = vector('packets')
  const { admission } = vector('refusals')
  const rows = [
    ...packets.map(({ packet }) => packet),
    ...vector('sessions').sessions.flatMap(({ first, second }) => [first.packet, second.packet]),
    ...vector('batches').batches.flatMap((batch) => batch.packets.slice(0, 3).map(({ packet }) => packet)),
    ...vector('replies').replies.flatMap(({ open, bodiless }) => [
      open.packet,
      ...bodiless.map(({ packet }) => packet),
    ]),
    ...vector('streams').streams.map(({ close }) => close),
    ...admission.flatMap(({ packet, result }) => (result === 'ok' ? [packet] : [])),
  ]
  const valid = rows.map(fromHex)
  const refused = admission.flatMap(({ packet, result }) => (result === 'ok' ? [] : [fromHex(packet)]))
  const signed = createLedger()
  for (const packet of [...valid, ...refused]) {
    const header = headerOf(packet)
    if (header !== undefined) signed.note(header)
  }
  const senders = await Promise.all(
    packets.map(async ({ packet, sender }) => ({
      packet: decode(Packet, fromHex(packet)),
      key: await createEd25519Key(fromHex(sender.packetSeed)),
    })),
  )
  const withCore = async (random: Random, change: (core: Uint8Array) => Uint8Array) => {
    const { packet, key } = random.pick(senders)
    const before = decode(Header, packet.header)
    const header = encode(Header, { ...before, core: change(before.core) })
    signed.note(header)
    return encode(Packet, { ...packet, header, signature: await key.sign(pae(PAYLOAD_TYPES.packet, header)) })
  }
  return {
    valid,
    refused,
    signed,
    resigned: (random, change) => withCore(random, (core) => encode(HeaderCore, change(decode(HeaderCore, core)))),
    resignedBroken: (random) =>
      withCore(random, (core) => {
        const out = breakWire(core, random, [core])
        // An empty core could not be written; anything else can, and be refused by who reads it.
        return out.length === 0 ? core : out
      }),
  }
}

/** What in a core makes each gate refuse it. */
export const CORE_CHANGES: readonly ((core: HeaderCore, random: Random) => HeaderCore)[] = [
  (core, random) => ({ ...core, version: 2 + random.below(9), compatibleVersions: [1, 2] }),
  (core, random) => ({ ...core, suite: 3 + random.below(100) }),
  (core, random) => ({ ...core, kind: 7 + random.below(1_000) }),
  (core, random) => ({ ...core, schema: random.bytes(32) as Uint8Array<ArrayBuffer> }),
  (core, random) => ({ ...core, kind: random.pick([KINDS.STREAM_OPEN, KINDS.ACK, KINDS.NACK, KINDS.CANCEL]) }),
  (core) => ({ ...core, expiresMs: core.createdMs }),
  (core) => ({ ...core, targetInstance: undefined, targetTag: 'Not A Tag' }),
  (core, random) => ({ ...core, paddedSize: random.below(10_000) + 1 }),
  (core) => ({ ...core, recipients: core.recipients.toReversed().concat(core.recipients).slice(0, 8) }),
  (core) => ({ ...core, compatibleVersions: [1, 1] }),
  (core, random) => ({ ...core, nonce: random.bytes(16) as Uint8Array<ArrayBuffer> }),
]

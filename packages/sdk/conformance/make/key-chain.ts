/**
 * Vectors of key chains: events at their places, which of them count, which keys are live where and when.
 *
 * @module
 */
import { encode, KeyEvent, type SignedKeyEvent } from '@mystranet/schemas/messages'
import { type Bytes, toHex } from '../../src/bytes.ts'
import { PAYLOAD_TYPES, pae } from '../../src/envelope/dsse.ts'
import { kemKeyId } from '../../src/envelope/hash.ts'
import { isPacketError } from '../../src/errors.ts'
import { extendChain, headAt, liveKey, livePrekeys, type VerifiedChain } from '../../src/keys/chain.ts'
import {
  KEY_EVENT_TYPES,
  keyEventDigest,
  nextKeyHash,
  signDelegation,
  signPacketKey,
  signPrekey,
  signRevocation,
} from '../../src/keys/event.ts'
import { instanceId } from '../../src/keys/instance-id.ts'
import type { Signer } from '../../src/keys/signer.ts'
import { fixed, keyOf, NETWORK } from './fixed.ts'

const HOUR = 3_600_000
const CREATED = 1_780_000_000_000
const NOT_AFTER = CREATED + 24 * HOUR

const root = await keyOf('chain/root')
const operational = await keyOf('chain/operational')
const successor = await keyOf('chain/successor')
const packetKey = await keyOf('chain/packet')
const secondKey = await keyOf('chain/second packet')
const stranger = await keyOf('chain/stranger')
const instance = instanceId(root.publicKey)
const kemKey = fixed('chain/kem key')
const secondKemKey = fixed('chain/second kem key')
const at = { network: NETWORK, createdMs: CREATED }

const digest = ({ body }: SignedKeyEvent): Uint8Array => keyEventDigest(body)
type Over<F extends (draft: never) => unknown> = Partial<Parameters<F>[0]>
const delegate = (over: Over<typeof signDelegation> = {}) =>
  signDelegation({ ...at, root, operational, notAfterMs: NOT_AFTER, ...over })
const revoke = (over: Over<typeof signRevocation>) =>
  signRevocation({ ...at, instance, by: root, key: packetKey.publicKey, ...over })
const packet = (of: SignedKeyEvent, over: Over<typeof signPacketKey> = {}) =>
  signPacketKey({ ...at, instance, operational, packetKey, delegation: digest(of), notAfterMs: NOT_AFTER, ...over })
const prekey = (of: SignedKeyEvent, over: Over<typeof signPrekey> = {}) =>
  signPrekey({
    ...at,
    instance,
    operational,
    delegation: digest(of),
    suite: 1,
    kemKey,
    deleteAfterMs: NOT_AFTER,
    ...over,
  })

/** An event that the library itself would not make. */
async function wrong(event: Partial<KeyEvent>, signer: Signer, possessor?: Signer): Promise<SignedKeyEvent> {
  const body = encode(KeyEvent, { ...at, instance, type: 1, tags: [], ...event } as KeyEvent)
  const message = pae(PAYLOAD_TYPES['key-event'], body)
  return { body, signature: await signer.sign(message), possession: possessor && (await possessor.sign(message)) }
}

interface Question {
  readonly what: string
  /** By the protocol; the code must say the same. */
  readonly want: string
  readonly key?: Uint8Array
  readonly leafIndex: number
  readonly quorumTimeMs?: number
}

const codeOf = (error: unknown): string => {
  if (isPacketError(error)) return error.code
  throw error
}

async function chainVector(name: string, events: readonly SignedKeyEvent[], questions: readonly Question[] = []) {
  let chain: VerifiedChain | undefined
  const rows = []
  for (const [i, event] of events.entries()) {
    const index = (i + 1) * 10
    let result = 'ok'
    let isVoid = false
    try {
      chain = await extendChain(chain, event, { index: BigInt(index), instance, network: NETWORK })
      isVoid = chain.events.at(-1)!.void
    } catch (error) {
      result = codeOf(error)
    }
    const { body, signature, possession } = event
    const signed = {
      body: toHex(body),
      signature: toHex(signature),
      ...(possession && { possession: toHex(possession) }),
    }
    rows.push({ index, ...signed, digest: toHex(keyEventDigest(body)), result, void: isVoid })
  }
  return {
    name,
    instance: toHex(instance),
    events: rows,
    ...(chain && { head: toHex(chain.head), rootHead: toHex(chain.rootHead), liveKeys: liveRows(chain, questions) }),
  }
}

function liveRows(chain: VerifiedChain, questions: readonly Question[]) {
  return questions.map(({ what, want, key = packetKey.publicKey, leafIndex, quorumTimeMs = CREATED + HOUR }) => {
    let result = 'ok'
    try {
      liveKey(chain, key, { leafIndex: BigInt(leafIndex), quorumTimeMs })
    } catch (error) {
      result = codeOf(error)
    }
    if (result !== want) throw new Error(`Cannot publish "${what}": ${result}, wanted ${want}`)
    const head = headAt(chain, BigInt(leafIndex))
    return { what, key: toHex(key), leafIndex, quorumTimeMs, head: head ? toHex(head) : undefined, result }
  })
}

async function valid() {
  const first = await delegate({ name: 'misty', tags: ['misty.weave', 'b'] })
  const key = await packet(first)
  const second = await delegate({ prev: digest(first), operational: successor })
  const later = await packet(second, { operational: successor, packetKey: secondKey })
  const short = await delegate({ notAfterMs: CREATED + HOUR })
  const announced = await delegate({ nextKeyHash: nextKeyHash(successor.publicKey) })
  return [
    await chainVector(
      'valid',
      [first, key, await prekey(first)],
      [
        { what: 'below its event', want: 'KEY_UNKNOWN', leafIndex: 20 },
        { what: 'above its event', want: 'ok', leafIndex: 21 },
        { what: 'at not_after_ms', want: 'ok', leafIndex: 21, quorumTimeMs: NOT_AFTER },
        { what: 'past not_after_ms', want: 'KEY_EXPIRED', leafIndex: 21, quorumTimeMs: NOT_AFTER + 1 },
        {
          what: 'the operational key is no packet key',
          want: 'KEY_UNKNOWN',
          leafIndex: 21,
          key: operational.publicKey,
        },
        { what: 'nothing is below the first event', want: 'KEY_UNKNOWN', leafIndex: 10 },
      ],
    ),
    await chainVector(
      'an expired key',
      [first, await packet(first, { notAfterMs: CREATED + HOUR })],
      [
        { what: 'in time', want: 'ok', leafIndex: 21, quorumTimeMs: CREATED + HOUR },
        { what: 'too late', want: 'KEY_EXPIRED', leafIndex: 21, quorumTimeMs: CREATED + HOUR + 1 },
      ],
    ),
    await chainVector(
      'an expired delegation',
      [short, await packet(short)],
      [{ what: 'too late', want: 'KEY_EXPIRED', leafIndex: 21, quorumTimeMs: CREATED + HOUR + 1 }],
    ),
    await chainVector(
      'a second delegation',
      [first, key, second, later],
      [
        { what: 'the first key before it', want: 'ok', leafIndex: 30 },
        { what: 'the first key after it', want: 'KEY_REVOKED', leafIndex: 31 },
        { what: 'the second key', want: 'ok', key: secondKey.publicKey, leafIndex: 41 },
      ],
    ),
    await chainVector('the announced key', [
      announced,
      await delegate({ prev: digest(announced), operational: successor }),
    ]),
    await chainVector('not the announced key', [announced, await delegate({ prev: digest(announced) })]),
    await chainVector(
      'one key made twice, the newer one longer',
      [first, await packet(first, { notAfterMs: CREATED + HOUR }), await packet(first, { createdMs: CREATED + 1 })],
      [
        { what: 'by the first event', want: 'KEY_EXPIRED', leafIndex: 30, quorumTimeMs: CREATED + 2 * HOUR },
        { what: 'by the second event', want: 'ok', leafIndex: 31, quorumTimeMs: CREATED + 2 * HOUR },
      ],
    ),
  ]
}

async function revoked() {
  const first = await delegate()
  const key = await packet(first)
  const byRoot = await revoke({ prev: digest(first) })
  const byOperational = await revoke({ by: operational, delegation: digest(first) })
  const second = await delegate({ prev: digest(first), operational: successor })
  const secondPacket = await packet(second, { operational: successor })
  const again = await delegate({ prev: digest(byRoot), operational: successor })
  return [
    await chainVector(
      'revoked by the root key',
      [first, key, byRoot],
      [
        { what: 'before', want: 'ok', leafIndex: 30 },
        { what: 'after', want: 'KEY_REVOKED', leafIndex: 31 },
      ],
    ),
    await chainVector(
      'revoked by the root key, for good',
      [first, key, byRoot, again, await packet(again, { operational: successor })],
      [{ what: 'delegated to again', want: 'KEY_REVOKED', leafIndex: 51 }],
    ),
    await chainVector(
      'revoked by the operational key',
      [first, key, byOperational],
      [
        { what: 'before', want: 'ok', leafIndex: 30 },
        { what: 'after', want: 'KEY_REVOKED', leafIndex: 31 },
      ],
    ),
    await chainVector(
      'an operational key revoked by itself',
      [first, key, await revoke({ by: operational, delegation: digest(first), key: operational.publicKey })],
      [
        { what: 'before', want: 'ok', leafIndex: 30 },
        { what: 'after', want: 'KEY_REVOKED', leafIndex: 31 },
      ],
    ),
    await chainVector(
      'an operational key ends only what hangs from its own delegation',
      [first, second, secondPacket, byOperational],
      [{ what: 'after a revocation by the older operational key', want: 'ok', leafIndex: 41 }],
    ),
    await chainVector(
      'an operational key is revoked',
      [first, key, await revoke({ prev: digest(first), key: operational.publicKey })],
      [
        { what: 'before', want: 'ok', leafIndex: 30 },
        { what: 'after', want: 'KEY_REVOKED', leafIndex: 31 },
      ],
    ),
    await chainVector(
      'a root-signed event that carries on after an operational revocation (the root wins)',
      [first, key, byOperational, second, secondPacket],
      [{ what: 'the key under the new delegation', want: 'ok', leafIndex: 51 }],
    ),
  ]
}

async function voided() {
  const first = await delegate()
  const [one, two] = [
    await delegate({ prev: digest(first), operational: successor }),
    await delegate({ prev: digest(first), operational: stranger }),
  ]
  const underVoid = await packet(two, { operational: stranger, packetKey: secondKey })
  return [
    await chainVector(
      'two delegations with an equal prev',
      [first, one, two, await packet(one, { operational: successor }), underVoid],
      [
        { what: 'under the first', want: 'ok', leafIndex: 61 },
        { what: 'under the second, which is void', want: 'KEY_UNKNOWN', key: secondKey.publicKey, leafIndex: 61 },
      ],
    ),
    await chainVector(
      'what follows a void event is void',
      [
        first,
        one,
        two,
        await revoke({ prev: digest(two), key: successor.publicKey }),
        await packet(one, { operational: successor }),
      ],
      [{ what: 'not ended by a void revocation', want: 'ok', leafIndex: 61 }],
    ),
    await chainVector(
      'a second delegation without prev',
      [first, await delegate({ operational: successor }), await packet(first)],
      [{ what: 'under the first', want: 'ok', leafIndex: 31 }],
    ),
  ]
}

async function refused() {
  const first = await delegate()
  const foreign = await keyOf('chain/another root')
  const draft = { rootKey: root.publicKey, key: operational.publicKey, notAfterMs: NOT_AFTER }
  const hanging = {
    type: KEY_EVENT_TYPES.PACKET_KEY,
    delegation: digest(first),
    key: packetKey.publicKey,
    notAfterMs: NOT_AFTER,
  }
  const cases: Record<string, readonly [want: string, ...events: SignedKeyEvent[]]> = {
    'a chain that begins with a packet key': ['KEY_EVENT_INVALID', await packet(first)],
    'a first delegation with a prev': ['KEY_EVENT_INVALID', await delegate({ prev: fixed('nothing') })],
    'another root key': [
      'KEY_EVENT_INVALID',
      await wrong({ ...draft, rootKey: foreign.publicKey }, foreign, operational),
    ],
    'another instance': ['KEY_EVENT_INVALID', await delegate({ root: foreign })],
    'another network': ['NETWORK_MISMATCH', await delegate({ network: fixed('elsewhere') })],
    'a delegation that the root key did not sign': ['SIGNATURE_INVALID', await wrong(draft, stranger, operational)],
    'a delegation whose key did not prove possession': ['SIGNATURE_INVALID', await wrong(draft, root, stranger)],
    'a delegation without proof of possession': ['KEY_EVENT_INVALID', await wrong(draft, root)],
    'a delegation without a root key': [
      'KEY_EVENT_INVALID',
      await wrong({ ...draft, rootKey: undefined }, root, operational),
    ],
    'a delegation with a KEM key': ['KEY_EVENT_INVALID', await wrong({ ...draft, kemKey }, root, operational)],
    'a packet key that another key signed': ['SIGNATURE_INVALID', first, await wrong(hanging, stranger, packetKey)],
    'a packet key without not_after_ms': [
      'KEY_EVENT_INVALID',
      first,
      await wrong({ ...hanging, notAfterMs: undefined }, operational, packetKey),
    ],
    'a packet key of an unknown delegation': [
      'KEY_EVENT_INVALID',
      first,
      await wrong({ ...hanging, delegation: fixed('nothing') }, operational, packetKey),
    ],
    'a revocation with prev and delegation': [
      'KEY_EVENT_INVALID',
      first,
      await wrong({ type: 2, prev: digest(first), delegation: digest(first), key: packetKey.publicKey }, root),
    ],
    'a revocation that names no event': [
      'KEY_EVENT_INVALID',
      first,
      await wrong({ type: 2, prev: fixed('nothing'), key: packetKey.publicKey }, root),
    ],
    'a revocation by another key': [
      'SIGNATURE_INVALID',
      first,
      await revoke({ by: stranger, delegation: digest(first) }),
    ],
    'a prekey of an unknown suite': [
      'KEY_EVENT_INVALID',
      first,
      await wrong({ type: 4, delegation: digest(first), suite: 3, kemKey, deleteAfterMs: NOT_AFTER }, operational),
    ],
    'a prekey of the wrong length': [
      'KEY_EVENT_INVALID',
      first,
      await wrong({ type: 4, delegation: digest(first), suite: 2, kemKey, deleteAfterMs: NOT_AFTER }, operational),
    ],
    'an unknown type': ['KEY_EVENT_INVALID', first, await wrong({ type: 5 }, root)],
    'no canonical encoding': [
      'KEY_EVENT_INVALID',
      { ...first, body: new Uint8Array([...first.body, 0x10, 1]) as Bytes },
    ],
  }
  return Promise.all(
    Object.entries(cases).map(async ([name, [want, ...events]]) => {
      const vector = await chainVector(name, events)
      const { result } = vector.events.at(-1) as (typeof vector.events)[number]
      if (result !== want) throw new Error(`Cannot publish "${name}": ${result}, wanted ${want}`)
      return vector
    }),
  )
}

async function prekeys() {
  const first = await delegate()
  const [old, young] = [
    await prekey(first, { deleteAfterMs: CREATED + 100 * HOUR }),
    await prekey(first, { kemKey: secondKemKey, createdMs: CREATED + HOUR, deleteAfterMs: CREATED + 2 * HOUR }),
  ]
  const gone = await revoke({ by: operational, delegation: digest(first), key: kemKeyId(1, secondKemKey) })
  const sets: Record<string, readonly SignedKeyEvent[]> = {
    'two prekeys': [first, old, young],
    'the newer one revoked': [first, old, young, gone],
    'another delegation after them': [
      first,
      old,
      young,
      await delegate({ prev: digest(first), operational: successor }),
    ],
  }
  const times = [
    { what: 'both', expiresMs: CREATED + 2 * HOUR, nowMs: CREATED + HOUR },
    { what: 'the newer one is deleted too soon', expiresMs: CREATED + 2 * HOUR + 1, nowMs: CREATED + 2 * HOUR },
    { what: 'the older one is older than 48 h', expiresMs: CREATED + 50 * HOUR, nowMs: CREATED + 48 * HOUR + 1 },
    { what: 'the delegation has expired', expiresMs: CREATED + 26 * HOUR, nowMs: NOT_AFTER + 1 },
  ]
  return Promise.all(
    Object.entries(sets).map(async ([name, events]) => {
      let chain: VerifiedChain | undefined
      for (const [i, event] of events.entries())
        chain = await extendChain(chain, event, { index: BigInt(i + 1) * 10n, instance, network: NETWORK })
      const live = times.map(({ what, expiresMs, nowMs }) => ({
        what,
        expiresMs,
        nowMs,
        kemKeyIds: livePrekeys(chain as VerifiedChain, expiresMs, nowMs).map((each) => toHex(each.kemKeyId)),
      }))
      return { ...(await chainVector(name, events)), livePrekeys: live }
    }),
  )
}

export async function keyChains() {
  return {
    about:
      'Key events at their places in the log, and what follows from them (protocol §9). Receipts: see saved-answers.json.',
    network: toHex(NETWORK),
    chains: [...(await valid()), ...(await revoked()), ...(await voided()), ...(await refused())],
    prekeys: await prekeys(),
  }
}

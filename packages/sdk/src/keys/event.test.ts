import { encode, KeyEvent, type SignedKeyEvent } from '@mystranet/schemas/messages'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createEd25519Key } from '#primitives'
import {
  delegate,
  digestOf,
  instance,
  keyOf,
  NETWORK,
  NOT_AFTER,
  operational,
  packet,
  packetKey,
  prekey,
  revoke,
  root,
  stranger,
} from '../../test/key-story.ts'
import { equalBytes } from '../bytes.ts'
import { PAYLOAD_TYPES, pae } from '../envelope/dsse.ts'
import { KEY_EVENT_TYPES, nextKeyHash, parseKeyEvent, signPrekey, signRevocation, verifyKeyEvent } from './event.ts'
import { instanceId } from './instance-id.ts'

const INVALID = expect.objectContaining({ code: 'KEY_EVENT_INVALID' })
const some = new Uint8Array(32).fill(9)
const present: Required<KeyEvent> = {
  network: NETWORK,
  instance,
  type: 1,
  prev: some,
  delegation: some,
  rootKey: root.publicKey,
  key: some,
  nextKeyHash: some,
  suite: 1,
  kemKey: some,
  deleteAfterMs: 5,
  createdMs: 1,
  notAfterMs: 5,
  name: 'n',
  tags: ['t'],
}
const always = ['network', 'instance', 'type', 'createdMs'] as const

/** §9's table, written again: what a type has, what it may have. */
const TABLE = {
  DELEGATION: {
    must: ['rootKey', 'key', 'notAfterMs'],
    may: ['prev', 'nextKeyHash', 'name', 'tags'],
    possession: true,
  },
  REVOCATION: { must: ['prev', 'key'], may: [], possession: false },
  PACKET_KEY: { must: ['delegation', 'key', 'notAfterMs'], may: [], possession: true },
  PREKEY: { must: ['delegation', 'suite', 'kemKey', 'deleteAfterMs'], may: [], possession: false },
} as const

function eventOf(type: keyof typeof TABLE, fields: readonly string[], possession = TABLE[type].possession) {
  const entries = Object.entries(present).filter(([name]) => [...always, ...fields].includes(name))
  const event = { tags: [], ...Object.fromEntries(entries), type: KEY_EVENT_TYPES[type] } as unknown as KeyEvent
  const signed: SignedKeyEvent = { body: encode(KeyEvent, event), signature: new Uint8Array(64) }
  return possession ? { ...signed, possession: new Uint8Array(64) } : signed
}

describe('parseKeyEvent()', () => {
  for (const [name, { must, may, possession }] of Object.entries(TABLE)) {
    const type = name as keyof typeof TABLE
    it(`takes a ${type} with and without what it may have`, () => {
      expect(parseKeyEvent(eventOf(type, must)).type).toBe(KEY_EVENT_TYPES[type])
      expect(parseKeyEvent(eventOf(type, [...must, ...may])).type).toBe(KEY_EVENT_TYPES[type])
    })
    it.each(must.map((field) => [field]))(`refuses a ${type} without %s`, (field) => {
      const event = eventOf(
        type,
        must.filter((each) => each !== field),
      )
      expect(() => parseKeyEvent(event)).toThrow(INVALID)
    })
    const not = Object.keys(present).filter((field) => ![...always, ...must, ...may].includes(field as never))
    it.each(not.map((field) => [field]))(`refuses a ${type} with %s`, (field) => {
      expect(() => parseKeyEvent(eventOf(type, [...must, field]))).toThrow(INVALID)
    })
    it(`refuses a ${type} ${possession ? 'without' : 'with'} a proof of possession`, () => {
      expect(() => parseKeyEvent(eventOf(type, must, !possession as never))).toThrow(/proof of possession/)
    })
  }

  it('takes a revocation by an operational key, which names its delegation and no prev', () => {
    expect(parseKeyEvent(eventOf('REVOCATION', ['delegation', 'key'])).delegation).toEqual(some)
    expect(() => parseKeyEvent(eventOf('REVOCATION', ['key']))).toThrow(/both or neither/)
    expect(() => parseKeyEvent(eventOf('REVOCATION', ['key', 'prev', 'delegation']))).toThrow(/both or neither/)
  })

  it('refuses an unknown type', () => {
    const body = encode(KeyEvent, { ...present, type: 5 })
    expect(() => parseKeyEvent({ body, signature: new Uint8Array(64) })).toThrow(/type 5/)
  })

  it.each([
    [3, 32, /suite 3, wanted 1 or 2/],
    [1, 1216, /KEM key of 1216 bytes, wanted 32/],
    [2, 32, /KEM key of 32 bytes, wanted 1216/],
  ])('refuses a KEM key of suite %i with %i bytes', (suite, length, guard) => {
    const event = { ...present, type: 4, suite, kemKey: new Uint8Array(length), tags: [] } as KeyEvent
    for (const name of ['prev', 'rootKey', 'key', 'nextKeyHash', 'notAfterMs', 'name']) delete (event as never)[name]
    const body = encode(KeyEvent, event)
    expect(() => parseKeyEvent({ body, signature: new Uint8Array(64) })).toThrow(guard)
  })

  it('meets arbitrary bytes with KEY_EVENT_INVALID only', async () => {
    const { body } = await delegate({ name: 'n', tags: ['t'] })
    fc.assert(
      fc.property(fc.nat(body.length - 1), fc.nat(255), fc.boolean(), (at, byte, cut) => {
        const bytes = cut ? body.slice(0, at) : body.map((each, i) => (i === at ? byte : each))
        try {
          parseKeyEvent({ body: bytes, signature: new Uint8Array(64), possession: new Uint8Array(64) })
        } catch (error) {
          expect(error).toEqual(INVALID)
        }
      }),
      { seed: 1, numRuns: 500 },
    )
  })
})

describe('signing and verifying', () => {
  it('makes events that parse and verify', async () => {
    const delegation = await delegate({ name: 'misty', tags: ['misty.weave'], nextKeyHash: nextKeyHash(some) })
    const parsed = parseKeyEvent(delegation)
    expect(parsed).toMatchObject({ name: 'misty', tags: ['misty.weave'], nextKeyHash: nextKeyHash(some), instance })
    await verifyKeyEvent(delegation, parsed, root.publicKey)
    const others = [
      await packet(delegation),
      await prekey(delegation),
      await revoke({ by: operational, delegation: some }),
    ]
    for (const event of others) await verifyKeyEvent(event, parseKeyEvent(event), operational.publicKey)
  })

  it('refuses a signature of another key', async () => {
    const delegation = await delegate()
    await expect(verifyKeyEvent(delegation, parseKeyEvent(delegation), stranger.publicKey)).rejects.toThrow(
      /not signed by the key that must/,
    )
  })

  it('refuses a proof of possession by another key', async () => {
    const delegation = await delegate()
    const possession = await stranger.sign(pae(PAYLOAD_TYPES['key-event'], delegation.body))
    await expect(
      verifyKeyEvent({ ...delegation, possession }, parseKeyEvent(delegation), root.publicKey),
    ).rejects.toThrow(/did not prove possession/)
  })

  it('finds a signer that returns something else', async () => {
    const broken = { publicKey: root.publicKey, sign: () => new Uint8Array(64) }
    await expect(delegate({ root: broken })).rejects.toMatchObject({ code: 'SIGNER_FAILED' })
    await expect(delegate({ operational: { ...broken, publicKey: stranger.publicKey } })).rejects.toMatchObject({
      code: 'SIGNER_FAILED',
    })
  })

  it('does not sign what nobody would take', async () => {
    const at = { network: NETWORK, createdMs: 1, instance }
    await expect(signRevocation({ ...at, by: root, key: some })).rejects.toThrow(RangeError)
    const kem = { suite: 1, kemKey: new Uint8Array(31), deleteAfterMs: NOT_AFTER }
    await expect(signPrekey({ ...at, ...kem, operational, delegation: some })).rejects.toThrow(RangeError)
  })

  it('gives each event its own digest', async () => {
    const [a, b] = [await delegate(), await delegate({ createdMs: 1_001 })]
    expect(equalBytes(digestOf(a), digestOf(b))).toBe(false)
    expect(digestOf(a)).toEqual(digestOf(await delegate()))
  })
})

describe('instanceId()', () => {
  it('is the hash of label and root key', async () => {
    const { createHash } = await import('node:crypto')
    const { publicKey } = await createEd25519Key(new Uint8Array(32).fill(10))
    const wanted = createHash('sha256').update('mystranet/v1/instance-id\0').update(publicKey).digest('hex')
    expect(Buffer.from(instanceId(publicKey)).toString('hex')).toBe(wanted)
    expect(equalBytes(instanceId((await keyOf(11)).publicKey), instance)).toBe(false)
    expect(() => instanceId(packetKey.publicKey.subarray(1))).toThrow(RangeError)
  })
})

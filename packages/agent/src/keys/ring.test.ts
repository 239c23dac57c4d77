import { decode, encode, KeyEvent as KeyEventMessage, Receipt, SignedKeyEvent } from '@mystranet/schemas/messages'
import { kemKeyId } from '@mystranet/sdk/envelope'
import { liveKey, livePrekeys, verifyChain } from '@mystranet/sdk/keys/chain'
import { type KeyEvent, keyEventDigest, parseKeyEvent, signDelegation } from '@mystranet/sdk/keys/event'
import { instanceId } from '@mystranet/sdk/keys/instance-id'
import { kemFor } from '@mystranet/sdk/keys/kem'
import { localSigner } from '@mystranet/sdk/keys/signer'
import { controlPartition } from '@mystranet/sdk/proof/leaf'
import { describe, expect, it } from 'vitest'
import { memoryLog } from '../../test/memory-log.ts'
import { memoryKeys } from '../adapters/memory-stores.ts'
import { type KeyRingOptions, type LogEvents, openKeyRing } from './ring.ts'

const HOUR = 3_600_000
const NEWEST = 1n << 62n

async function opened(options: Partial<KeyRingOptions> = {}) {
  let now = 1_800_000_000_000
  const clock = { now: () => now }
  const log = await memoryLog(clock)
  const store = memoryKeys()
  const logged: { event: SignedKeyEvent; receipt: Receipt }[] = []
  const logEvents: LogEvents = async (events) => {
    const receipts: Uint8Array[] = []
    for (const bytes of events) {
      const event = decode(SignedKeyEvent, bytes)
      const partition = controlPartition('key-event')
      const size = log.leaves.length
      const receipt = await log.append({ kind: 'key-event', subject: keyEventDigest(event.body), partition })
      if (log.leaves.length > size) logged.push({ event, receipt: decode(Receipt, receipt) })
      receipts.push(receipt)
    }
    return receipts
  }
  const open = () => openKeyRing({ store, clock, trust: log.trust, ...options })
  const ring = await open()
  const events = (): KeyEvent[] => logged.map(({ event }) => parseKeyEvent(event))
  const chain = () => verifyChain({ events: logged }, ring.instance, log.trust)
  return { ring, open, store, log, logged, logEvents, events, chain, clock, pass: (ms: number) => (now += ms) }
}

describe('a key ring', () => {
  it('begins with a delegation, a packet key and a prekey, logged in this order', async () => {
    const { ring, logEvents, events, chain, clock } = await opened({ name: 'Misty', tags: ['misty.weave'] })
    await ring.maintain(logEvents)
    expect(events().map(({ type }) => type)).toEqual([1, 3, 4])
    expect(events()[0]).toMatchObject({ name: 'Misty', tags: ['misty.weave'] })
    const verified = await chain()
    const { signer } = ring.packetKey()
    liveKey(verified, signer.publicKey, { leafIndex: NEWEST, quorumTimeMs: clock.now() })
    const [prekey] = livePrekeys(verified, clock.now() + 600_000)
    const pair = ring.prekey(prekey?.kemKeyId as Uint8Array)
    expect(pair?.publicKey).toEqual(prekey?.kemKey)
    expect((await kemFor(1)).publicKey(pair?.privateKey as Uint8Array)).toEqual(prekey?.kemKey)
  })

  it('logs nothing more while nothing is due, also in the next process', async () => {
    const { ring, open, logEvents, log } = await opened()
    await ring.maintain(logEvents)
    const { epoch } = ring.packetKey().sequence.next()
    await ring.maintain(logEvents)
    const again = await open()
    await again.maintain(logEvents)
    expect(log.leaves).toHaveLength(3)
    expect(again.instance).toEqual(ring.instance)
    expect(again.packetKey().signer.publicKey).toEqual(ring.packetKey().signer.publicKey)
    expect(again.packetKey().sequence.next().epoch).toBeGreaterThan(epoch)
  })

  it('replaces prekeys every 24 h, has two of them live, and deletes what is over', async () => {
    const { ring, store, logEvents, chain, clock, pass } = await opened()
    const live = async () => livePrekeys(await chain(), clock.now()).filter(({ kemKeyId: id }) => ring.prekey(id))
    await ring.maintain(logEvents)
    const [first] = await live()
    pass(23 * HOUR)
    await ring.maintain(logEvents)
    expect(await live()).toHaveLength(1)
    pass(1 * HOUR)
    await ring.maintain(logEvents)
    expect(await live()).toHaveLength(2)
    pass(24 * HOUR)
    await ring.maintain(logEvents)
    // A packet that was sealed in the last moment may still arrive.
    expect(ring.prekey(first?.kemKeyId as Uint8Array)).toBeDefined()
    const privateKey = ring.prekey(first?.kemKeyId as Uint8Array)?.privateKey
    pass(HOUR / 2)
    expect(ring.prekey(first?.kemKeyId as Uint8Array)).toBeUndefined()
    await ring.maintain(logEvents)
    expect(privateKey).toEqual(new Uint8Array(32))
    expect((await store.list()).filter(({ kind }) => kind === 'prekey')).toHaveLength(2)
    expect(await live()).toHaveLength(2)
  })

  it('replaces the packet key before its end', async () => {
    const { ring, logEvents, chain, clock, pass } = await opened()
    await ring.maintain(logEvents)
    const old = ring.packetKey().signer.publicKey
    pass(21 * HOUR)
    await ring.maintain(logEvents)
    expect(ring.packetKey().signer.publicKey).toEqual(old)
    pass(HOUR + 1)
    await ring.maintain(logEvents)
    const { signer } = ring.packetKey()
    expect(signer.publicKey).not.toEqual(old)
    liveKey(await chain(), signer.publicKey, { leafIndex: NEWEST, quorumTimeMs: clock.now() })
  })

  it('replaces the delegation before its end, and all that hung from it', async () => {
    const { ring, logEvents, events, chain, clock, pass } = await opened()
    await ring.maintain(logEvents)
    pass(336 * 24 * HOUR)
    await ring.maintain(logEvents)
    expect(events().map(({ type }) => type)).toEqual([1, 3, 4, 1, 3, 4])
    const { signer } = ring.packetKey()
    const verified = await chain()
    liveKey(verified, signer.publicKey, { leafIndex: NEWEST, quorumTimeMs: clock.now() })
    expect(livePrekeys(verified, clock.now() + 600_000)).toHaveLength(1)
  })

  it('offers the suites that it is told to', async () => {
    const { ring, logEvents, events } = await opened({ suites: [1, 2] })
    await ring.maintain(logEvents)
    const suites = events().flatMap(({ suite }) => suite ?? [])
    expect(suites).toEqual([1, 2])
    const hybrid = events().at(-1)
    expect(ring.prekey(kemKeyId(2, hybrid?.kemKey as Uint8Array))?.publicKey).toEqual(hybrid?.kemKey)
  })

  it('begins with the root key that it is given', async () => {
    const rootSeed = new Uint8Array(32).fill(9)
    const [one, other] = [await opened({ rootSeed }), await opened({ rootSeed })]
    expect(one.ring.instance).toEqual(other.ring.instance)
  })

  describe('whose root key is elsewhere', () => {
    const rootSeed = new Uint8Array(32).fill(9)
    const seed = new Uint8Array(32).fill(8)
    const YEAR = 365 * 24 * HOUR

    async function delegated(network: Uint8Array, over: { seed?: Uint8Array; rootSeed?: Uint8Array } = {}) {
      const root = await localSigner(over.rootSeed ?? rootSeed)
      const operational = await localSigner(over.seed ?? seed)
      const createdMs = 1_800_000_000_000
      const event = await signDelegation({ root, operational, network, createdMs, notAfterMs: createdMs + YEAR })
      return { seed, event: encode(SignedKeyEvent, event) }
    }

    async function misnamed(network: Uint8Array) {
      const { event } = await delegated(network)
      const { body, ...rest } = decode(SignedKeyEvent, event)
      const other = { ...decode(KeyEventMessage, body), instance: new Uint8Array(32).fill(3) }
      return { seed, event: encode(SignedKeyEvent, { ...rest, body: encode(KeyEventMessage, other) }) }
    }

    it('makes packet keys and prekeys under its delegation, and never holds the root key', async () => {
      const { store, log, logEvents, clock } = await opened()
      await store.remove((await store.list())[0]?.id as string)
      const options = { store, clock, trust: log.trust, suites: [1] } as const
      const ring = await openKeyRing({ ...options, delegated: await delegated(log.trust.network) })
      await ring.maintain(logEvents)
      expect(ring.instance).toEqual(instanceId((await localSigner(rootSeed)).publicKey))
      expect((await store.list()).map(({ kind }) => kind)).toEqual(['operational', 'packet', 'prekey'])
      // What was lent is needed once.
      const again = await openKeyRing(options)
      await again.maintain(logEvents)
      expect(again.instance).toEqual(ring.instance)
      expect(again.packetKey().signer.publicKey).toEqual(ring.packetKey().signer.publicKey)
    })

    it('deletes the root key that its store had', async () => {
      const { ring, store, log, clock } = await opened({ rootSeed })
      const options = { store, clock, trust: log.trust, delegated: await delegated(log.trust.network) }
      expect((await openKeyRing(options)).instance).toEqual(ring.instance)
      expect((await store.list()).map(({ kind }) => kind)).toEqual(['operational'])
    })

    it('renews what hangs until the delegation is over, and no further', async () => {
      const { store, log, logEvents, clock, pass } = await opened({ rootSeed })
      const lent = await delegated(log.trust.network)
      const ring = await openKeyRing({ store, clock, trust: log.trust, delegated: lent })
      await ring.maintain(logEvents)
      pass(YEAR - HOUR)
      await ring.maintain(logEvents)
      expect(ring.endsMs).toBe(clock.now() + HOUR)
      pass(HOUR)
      await expect(ring.maintain(logEvents)).rejects.toMatchObject({ code: 'KEY_EXPIRED' })
    })

    it('refuses a delegation that its root key did not sign', async () => {
      const { store, log, clock } = await opened({ rootSeed })
      const { event } = await delegated(log.trust.network)
      const signed = decode(SignedKeyEvent, event)
      const forged = encode(SignedKeyEvent, { ...signed, signature: signed.possession as Uint8Array })
      const opening = openKeyRing({ store, clock, trust: log.trust, delegated: { seed, event: forged } })
      await expect(opening).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' })
      expect((await store.list()).map(({ kind }) => kind)).toEqual(['root'])
    })

    it.each([
      ['of another network', async () => delegated(new Uint8Array(32).fill(7)), /another network/],
      ['of a root key that is not its instance’s', async (n: Uint8Array) => misnamed(n), /not the one of its instance/],
      ['to another key', async (n: Uint8Array) => delegated(n, { seed: new Uint8Array(32).fill(7) }), /another key/],
      ['of another root', async (n: Uint8Array) => delegated(n, { rootSeed: seed }), /another instance/],
    ])('refuses a delegation %s, and keeps what it had', async (_, make, why) => {
      const { store, log, clock } = await opened({ rootSeed })
      const lent = await make(log.trust.network)
      const opening = openKeyRing({ store, clock, trust: log.trust, delegated: lent })
      await expect(opening).rejects.toMatchObject({
        code: 'IDENTITY_FILE_INVALID',
        message: expect.stringMatching(why),
      })
      expect((await store.list()).map(({ kind }) => kind)).toEqual(['root'])
    })
  })

  it('has no packet key before one is logged', async () => {
    const { ring, logEvents, log } = await opened()
    expect(() => ring.packetKey()).toThrow(/no packet key is logged/)
    await expect(ring.maintain(async () => Promise.reject(new Error('the link is gone')))).rejects.toThrow(/link/)
    expect(() => ring.packetKey()).toThrow(/no packet key is logged/)
    await ring.maintain(logEvents)
    expect(log.leaves).toHaveLength(3)
    ring.packetKey()
  })

  it('believes no receipt of something else', async () => {
    const { ring, log, logEvents } = await opened()
    const zero = new Uint8Array(32)
    const other = await log.append({ kind: 'key-event', subject: zero, partition: controlPartition('key-event') })
    await expect(ring.maintain(async (events) => events.map(() => other))).rejects.toMatchObject({
      code: 'LEAF_MISMATCH',
    })
    await expect(ring.maintain(async () => [])).rejects.toMatchObject({ code: 'PROOF_INVALID' })
    expect(() => ring.packetKey()).toThrow()
    await ring.maintain(logEvents)
    expect(ring.packetKey()).toBeDefined()
  })

  it.each([
    ['add', 'fail'],
    ['add', 'write-then-fail'],
    ['confirm', 'fail'],
    ['confirm', 'write-then-fail'],
    ['nextEpoch', 'fail'],
    ['nextEpoch', 'write-then-fail'],
  ] as const)('goes on after a write "%s" that ended in "%s", with the keys that it had sent', async (name, fault) => {
    const { ring, store, logEvents, chain, events, clock } = await opened()
    store.fault = fault
    store.faultOn = name
    await expect(ring.maintain(logEvents)).rejects.toMatchObject({ code: 'STORE_FAILED' })
    await ring.maintain(logEvents)
    expect(events().map(({ type }) => type)).toEqual([1, 3, 4])
    liveKey(await chain(), ring.packetKey().signer.publicKey, { leafIndex: NEWEST, quorumTimeMs: clock.now() })
    expect((await store.list()).every(({ kind, receipt }) => kind === 'root' || receipt !== undefined)).toBe(true)
  })

  it('does one thing at a time', async () => {
    const { ring, logEvents, log } = await opened()
    await Promise.all([ring.maintain(logEvents), ring.maintain(logEvents), ring.maintain(logEvents)])
    expect(log.leaves).toHaveLength(3)
  })
})

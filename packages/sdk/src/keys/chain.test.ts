import type { SignedKeyEvent } from '@mystranet/schemas/messages'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  chainOf,
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
  successor,
} from '../../test/key-story.ts'
import { toHex } from '../bytes.ts'
import { kemKeyId } from '../envelope/hash.ts'
import { type Story, storyFixture } from '../proof/fixture.ts'
import { END_OF_LOG } from '../proof/receipt.ts'
import { excerptChain, extendChain, headAt, liveKey, livePrekeys, type VerifiedChain, verifyChain } from './chain.ts'
import { KEY_EVENT_TYPES, nextKeyHash, parseKeyEvent } from './event.ts'
import type { Signer } from './signer.ts'

const key = packetKey.publicKey
const at = (leafIndex: bigint, quorumTimeMs = 5_000) => ({ leafIndex, quorumTimeMs })
let first: SignedKeyEvent
let hung: SignedKeyEvent
beforeAll(async () => {
  first = await delegate()
  hung = await packet(first)
})

describe('extendChain()', () => {
  it('refuses a first event that is no delegation', async () => {
    await expect(chainOf(hung)).rejects.toThrow(/first event/)
    await expect(chainOf(await delegate({ prev: digestOf(first) }))).rejects.toThrow(/first event/)
  })

  it('refuses a root key whose hash is not the instance', async () => {
    const event = await delegate({ root: stranger })
    await expect(extendChain(undefined, event, { index: 1n, instance, network: NETWORK })).rejects.toThrow(
      /another instance/,
    )
    const { KeyEvent, decode, encode } = await import('@mystranet/schemas/messages')
    const body = encode(KeyEvent, { ...decode(KeyEvent, event.body), instance })
    await expect(chainOf({ ...event, body })).rejects.toThrow(/root key is not the one/)
  })

  it('refuses an event of another network', async () => {
    const foreign = await delegate({ network: new Uint8Array(32).fill(2) })
    await expect(chainOf(foreign)).rejects.toMatchObject({ code: 'NETWORK_MISMATCH' })
  })

  it('refuses an event at the place of the one before, or below', async () => {
    const chain = await chainOf(first)
    for (const index of [10n, 9n]) {
      await expect(extendChain(chain, hung, { index, instance, network: NETWORK })).rejects.toThrow(/wanted log order/)
    }
  })

  it('refuses a delegation that the root key did not sign', async () => {
    const { signature } = await delegate({ createdMs: 1 })
    await expect(chainOf({ ...first, signature })).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' })
  })

  it('refuses a delegation that its operational key did not sign', async () => {
    const { possession } = await delegate({ createdMs: 1 })
    await expect(chainOf({ ...first, possession })).rejects.toThrow(/possession/)
  })

  it('refuses a packet key, prekey or revocation by another key than that of its delegation', async () => {
    for (const event of [
      await packet(first, { operational: successor }),
      await prekey(first, { operational: root }),
      await revoke({ by: successor, delegation: digestOf(first) }),
      await revoke({ by: operational, prev: digestOf(first) }),
    ]) {
      await expect(chainOf(first, event)).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' })
    }
  })

  it('refuses a prev or a delegation that the chain does not have', async () => {
    const elsewhere = await delegate({ createdMs: 7 })
    await expect(chainOf(first, await delegate({ prev: digestOf(elsewhere) }))).rejects.toThrow(/prev names no event/)
    await expect(chainOf(first, hung, await delegate({ prev: digestOf(hung) }))).rejects.toThrow(/prev names no event/)
    await expect(chainOf(first, await packet(elsewhere))).rejects.toThrow(/hangs from no delegation/)
  })

  it('holds the next delegation to the announced key', async () => {
    const announced = await delegate({ nextKeyHash: nextKeyHash(successor.publicKey) })
    const prev = digestOf(announced)
    await expect(chainOf(announced, await delegate({ prev, operational: stranger }))).rejects.toThrow(/announced/)
    const revocation = await revoke({ prev })
    const after = await delegate({ prev: digestOf(revocation), operational: stranger })
    await expect(chainOf(announced, revocation, after)).rejects.toThrow(/announced/)
    const next = await delegate({ prev, operational: successor })
    expect((await chainOf(announced, next)).head).toEqual(digestOf(next))
  })

  it('does not change the chain that it extends', async () => {
    const chain = await chainOf(first)
    await extendChain(chain, hung, { index: 20n, instance, network: NETWORK })
    expect(chain.events).toHaveLength(1)
  })

  it('counts the first of two events with an equal prev', async () => {
    const prev = digestOf(first)
    const won = await delegate({ prev, operational: successor })
    const lost = await delegate({ prev, operational: stranger })
    const afterLost = await revoke({ prev: digestOf(lost), key: successor.publicKey })
    const ofLost = await packet(lost, { operational: stranger })
    const second = await delegate({ createdMs: 77 })
    const ofWon = await packet(won, { operational: successor })
    const chain = await chainOf(first, won, lost, afterLost, ofLost, second, ofWon)
    expect(chain.events.map((each) => each.void)).toEqual([false, false, true, true, true, true, false])
    expect(chain.rootHead).toEqual(digestOf(won))
    expect(liveKey(chain, key, at(END_OF_LOG)).digest).toEqual(digestOf(ofWon))
    expect(() => liveKey(chain, key, at(65n))).toThrow(expect.objectContaining({ code: 'KEY_UNKNOWN' }))
  })
})

describe('liveKey()', () => {
  const code = (work: () => unknown): string | undefined => {
    try {
      work()
      return undefined
    } catch (error) {
      return (error as { code: string }).code
    }
  }

  it('knows a key only below the packet', async () => {
    const chain = await chainOf(first, hung)
    expect(code(() => liveKey(chain, key, at(20n)))).toBe('KEY_UNKNOWN')
    expect(code(() => liveKey(chain, key, at(21n)))).toBeUndefined()
    expect(code(() => liveKey(chain, stranger.publicKey, at(21n)))).toBe('KEY_UNKNOWN')
    expect(code(() => liveKey(chain, operational.publicKey, at(21n)))).toBe('KEY_UNKNOWN')
  })

  it('ends a key by a revocation of the root key, from its place on and for good', async () => {
    const chain = await chainOf(first, hung, await revoke({ prev: digestOf(first) }), hung)
    expect(code(() => liveKey(chain, key, at(30n)))).toBeUndefined()
    expect(code(() => liveKey(chain, key, at(31n)))).toBe('KEY_REVOKED')
    expect(code(() => liveKey(chain, key, at(99n)))).toBe('KEY_REVOKED')
  })

  it('ends a key by its own operational key, and no key of another delegation', async () => {
    const next = await delegate({ prev: digestOf(first), operational: successor })
    const ofNext = await packet(next, { operational: successor })
    const byOld = await revoke({ by: operational, delegation: digestOf(first) })
    const byNext = await revoke({ by: successor, delegation: digestOf(next) })
    const chain = await chainOf(first, next, ofNext, byOld, byNext)
    expect(code(() => liveKey(chain, key, at(41n)))).toBeUndefined()
    expect(code(() => liveKey(chain, key, at(51n)))).toBe('KEY_REVOKED')
    const own = await chainOf(first, hung, byOld)
    expect(code(() => liveKey(own, key, at(31n)))).toBe('KEY_REVOKED')
  })

  it('ends what hangs from a delegation with the next one, and with its revocation', async () => {
    const next = await delegate({ prev: digestOf(first), operational: successor })
    const replaced = await chainOf(first, hung, next)
    expect(code(() => liveKey(replaced, key, at(30n)))).toBeUndefined()
    expect(code(() => liveKey(replaced, key, at(31n)))).toBe('KEY_REVOKED')
    const revoked = await chainOf(first, hung, await revoke({ prev: digestOf(first), key: operational.publicKey }))
    expect(code(() => liveKey(revoked, key, at(31n)))).toBe('KEY_REVOKED')
  })

  it('holds the quorum time to not_after_ms of the key and of its delegation', async () => {
    const short = await chainOf(first, await packet(first, { notAfterMs: 6_000 }))
    expect(code(() => liveKey(short, key, at(21n, 6_000)))).toBeUndefined()
    expect(code(() => liveKey(short, key, at(21n, 6_001)))).toBe('KEY_EXPIRED')
    const delegation = await delegate({ notAfterMs: 4_000 })
    const shorter = await chainOf(delegation, await packet(delegation))
    expect(code(() => liveKey(shorter, key, at(21n, 4_001)))).toBe('KEY_EXPIRED')
  })
})

describe('livePrekeys()', () => {
  const kemKey = (value: number) => new Uint8Array(32).fill(value)

  it('gives the newest first, until they are deleted, revoked or too old', async () => {
    const old = await prekey(first, { kemKey: kemKey(1), createdMs: 1_000, deleteAfterMs: 50_000 })
    const fresh = await prekey(first, { kemKey: kemKey(2), createdMs: 9_000 })
    const chain = await chainOf(first, old, fresh)
    const live = (...args: [number, number?]) => livePrekeys(chain, ...args).map((each) => each.kemKey[0])
    expect(live(50_000)).toEqual([2, 1])
    expect(live(50_001)).toEqual([2])
    expect(live(50_000, 1_001 + 48 * 3_600_000)).toEqual([])
    expect(livePrekeys(chain, NOT_AFTER + 1)).toEqual([])
    const revocation = await revoke({ by: operational, delegation: digestOf(first), key: kemKeyId(1, kemKey(2)) })
    const after = await chainOf(first, old, fresh, revocation)
    expect(livePrekeys(after, 2_000).map((each) => each.kemKey[0])).toEqual([1])
    const replaced = await chainOf(first, old, await delegate({ prev: digestOf(first), operational: successor }))
    expect(livePrekeys(replaced, 2_000)).toEqual([])
  })

  it('leaves out those of an age of more than 48 hours, and of an expired delegation', async () => {
    const far = 1e12
    const delegation = await delegate({ notAfterMs: far })
    const chain = await chainOf(delegation, await prekey(delegation, { createdMs: 1_000, deleteAfterMs: far }))
    expect(livePrekeys(chain, 5_000, 1_000 + 48 * 3_600_000)).toHaveLength(1)
    expect(livePrekeys(chain, 5_000, 1_001 + 48 * 3_600_000)).toHaveLength(0)
    const short = await delegate({ notAfterMs: 3_000 })
    const expired = await chainOf(short, await prekey(short))
    expect(livePrekeys(expired, 3_500, 3_000)).toHaveLength(1)
    expect(livePrekeys(expired, 3_500, 3_001)).toHaveLength(0)
  })
})

describe('headAt()', () => {
  it('is the last delegation or revocation below a place', async () => {
    const revocation = await revoke({ by: operational, delegation: digestOf(first) })
    const chain = await chainOf(first, hung, revocation, await prekey(first))
    expect(headAt(chain, 10n)).toBeUndefined()
    expect(headAt(chain, 30n)).toEqual(digestOf(first))
    expect(headAt(chain, 31n)).toEqual(digestOf(revocation))
    expect(chain.head).toEqual(digestOf(revocation))
    expect(chain.rootHead).toEqual(digestOf(first))
  })
})

// The reference: §9 as it reads, over plain records and for one question at a time. It shares no code with the chain.

interface Fact {
  readonly type: 'D' | 'R' | 'O' | 'K'
  readonly by: number
  readonly of: number
  readonly key: number
  readonly notAfterMs: number
  readonly isVoid: boolean
}

function slowVerdict(facts: readonly Fact[], packetKeySeed: number, n: number, timeMs: number): string {
  const before = facts.map((fact, place) => ({ ...fact, place })).filter(({ place, isVoid }) => place < n && !isVoid)
  const ends = (target: { place: number; key: number; type: string; of: number }): boolean =>
    before.some((event) => {
      if (event.type === 'R') return event.key === target.key
      if (event.type === 'O') {
        const own = target.type === 'D' ? target.place : target.of
        return event.of === own && event.key === target.key
      }
      return event.type === 'D' && target.type === 'D' && event.place > target.place
    })
  const mine = before.filter(({ type, key: seed }) => type === 'K' && seed === packetKeySeed).toReversed()
  const verdicts = mine.map((event) => {
    const delegation = { ...(facts[event.of] as Fact), place: event.of }
    if (ends(event) || ends(delegation)) return 'KEY_REVOKED'
    return timeMs > event.notAfterMs || timeMs > delegation.notAfterMs ? 'KEY_EXPIRED' : 'live'
  })
  return verdicts.includes('live') ? 'live' : (verdicts[0] ?? 'KEY_UNKNOWN')
}

describe('a random chain', () => {
  const operationals: Signer[] = []
  const packets: Signer[] = []
  beforeAll(async () => {
    for (let i = 0; i < 3; i++) {
      operationals.push(await keyOf(40 + i))
      packets.push(await keyOf(50 + i))
    }
  })

  const step = fc.record({
    type: fc.constantFrom('D', 'R', 'O', 'K', 'K', 'K'),
    parent: fc.nat(9),
    key: fc.nat(5),
    notAfterMs: fc.constantFrom(100, 200, 300),
    isFork: fc.nat(4).map((n) => n === 0),
  })

  it('agrees with a slow reading of the protocol, at every place and time', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
        const facts: Fact[] = []
        const events: SignedKeyEvent[] = []
        let chain: VerifiedChain | undefined
        const keyAt = (i: number) => (i < 3 ? packets[i]! : operationals[i - 3]!)
        for (const [i, { type, parent, key: which, notAfterMs, isFork }] of [
          { type: 'D', parent: 0, key: 3, notAfterMs: 300, isFork: false } as const,
          ...steps,
        ].entries()) {
          const roots = facts.flatMap((fact, place) => (fact.type === 'D' || fact.type === 'R' ? [place] : []))
          const heads = roots.filter((place) => !facts[place]!.isVoid)
          const isRoot = type === 'D' || type === 'R'
          const delegations = facts.flatMap((fact, place) => (fact.type === 'D' ? [place] : []))
          const of = isRoot
            ? isFork
              ? roots[parent % roots.length]
              : heads.at(-1)
            : delegations[parent % delegations.length]
          const seed = type === 'D' ? 3 + (which % 3) : type === 'K' ? which % 3 : which
          const prev = isRoot && of !== undefined ? digestOf(events[of]!) : undefined
          const by = isRoot ? 0 : facts[of!]!.key
          const hook = { operational: keyAt(by), createdMs: 1_000 + i }
          const event =
            type === 'D'
              ? await delegate({ prev, operational: keyAt(seed), notAfterMs, createdMs: 1_000 + i })
              : type === 'R'
                ? await revoke({ prev: prev!, key: keyAt(seed).publicKey, createdMs: 1_000 + i })
                : type === 'O'
                  ? await revoke({
                      by: keyAt(by),
                      delegation: digestOf(events[of!]!),
                      key: keyAt(seed).publicKey,
                      createdMs: 1_000 + i,
                    })
                  : await packet(events[of!]!, { ...hook, packetKey: keyAt(seed), notAfterMs })
          const isVoid = isRoot ? i > 0 && of !== heads.at(-1) : facts[of!]!.isVoid
          facts.push({ type: type as Fact['type'], by, of: of ?? -1, key: seed, notAfterMs, isVoid })
          events.push(event)
          chain = await extendChain(chain, event, { index: BigInt(i), instance, network: NETWORK })
        }
        expect(chain!.events.map((each) => each.void)).toEqual(facts.map(({ isVoid }) => isVoid))
        for (let n = 0; n <= facts.length; n++) {
          const head = facts.slice(0, n).findLastIndex(({ type }) => type !== 'K')
          expect(headAt(chain!, BigInt(n))).toEqual(head < 0 ? undefined : digestOf(events[head]!))
          for (const timeMs of [100, 101, 250]) {
            for (let which = 0; which < 3; which++) {
              let seen = 'live'
              try {
                liveKey(chain!, packets[which]!.publicKey, { leafIndex: BigInt(n), quorumTimeMs: timeMs })
              } catch (error) {
                seen = (error as { code: string }).code
              }
              expect(`${n} ${timeMs} ${which} ${seen}`).toBe(
                `${n} ${timeMs} ${which} ${slowVerdict(facts, which, n, timeMs)}`,
              )
            }
          }
        }
      }),
      { seed: 4, numRuns: 150 },
    )
  })
})

describe('verifyChain()', () => {
  let story: Story
  beforeAll(async () => {
    story = await storyFixture()
  })
  const agentChain = () => story.saved.agentKeys!

  it('verifies a chain with its receipts', async () => {
    const chain = await verifyChain(agentChain(), story.agent, story.trust)
    expect(chain.events.map(({ index }) => index)).toEqual([2n, 3n, 4n])
    expect(toHex(chain.instance)).toBe(toHex(story.agent))
    expect(liveKey(chain, story.keys.agentPacket.publicKey, at(5n))).toBeDefined()
  })

  it('refuses no events and too many', async () => {
    await expect(verifyChain({ events: [] }, story.agent, story.trust)).rejects.toThrow(/no events/)
    const many = { events: Array.from({ length: 257 }, () => agentChain().events[0]!) }
    await expect(verifyChain(many, story.agent, story.trust)).rejects.toThrow(/257 events/)
  })

  it('refuses events out of log order', async () => {
    const [delegation, ...rest] = agentChain().events
    await expect(
      verifyChain({ events: [delegation!, ...rest.toReversed()] }, story.agent, story.trust),
    ).rejects.toThrow(/wanted log order/)
  })

  it('refuses the receipt of another event, and of another kind of leaf', async () => {
    const [delegation, second] = agentChain().events
    const swapped = [delegation!, { ...second!, receipt: delegation!.receipt }]
    await expect(verifyChain({ events: swapped }, story.agent, story.trust)).rejects.toThrow(/another subject/)
    const table = [{ ...delegation!, receipt: story.saved.routingTableReceipt! }]
    await expect(verifyChain({ events: table }, story.agent, story.trust)).rejects.toThrow(/kind routing-table/)
  })

  it('refuses the chain of another instance', async () => {
    await expect(verifyChain(agentChain(), story.user, story.trust)).rejects.toThrow(/another instance/)
  })

  it('shows what is wanted of a chain, and it stays valid', async () => {
    const excerpt = excerptChain(agentChain().events, ({ type }) => type === KEY_EVENT_TYPES.PREKEY)
    expect(excerpt.events.map(({ event }) => parseKeyEvent(event).type)).toEqual([1, 4])
    await verifyChain(excerpt, story.agent, story.trust)
  })
})

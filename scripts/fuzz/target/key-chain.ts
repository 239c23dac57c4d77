import { encode, KeyChain } from '../../../packages/schemas/src/messages.ts'
import { read } from '../../../packages/sdk/src/envelope/parse.ts'
import { liveKey, livePrekeys, verifyChain } from '../../../packages/sdk/src/keys/chain.ts'
import { signPacketKey, signRevocation } from '../../../packages/sdk/src/keys/event.ts'
import { BATCHES, storyFixture, T0, type Twist } from '../../../packages/sdk/src/proof/fixture.ts'
import { END_OF_LOG } from '../../../packages/sdk/src/proof/receipt.ts'
import type { Random } from '../random.ts'
import { createLedger, judged, promise, same, type Target } from '../target.ts'

type Events = NonNullable<Twist['events']>

const logged = (name: string, make: (story: Parameters<Events>[0]) => ReturnType<typeof signPacketKey>): Twist => ({
  events: async (story) => ({ [name]: await make(story) }),
  batches: BATCHES.map(({ names, atMs }, i) => ({ names: i === 0 ? [...names, name] : names, atMs })),
})

const revoked = logged('agent-revocation', ({ keys, network, digests, agent }) => {
  const delegation = digests['agent-delegation'] as Uint8Array
  const key = keys.agentPacket.publicKey
  return signRevocation({ network, createdMs: T0, instance: agent, by: keys.agentOperational, delegation, key })
})
const foreign = logged('agent-foreign', ({ keys, digests, agent }) => {
  const delegation = digests['agent-delegation'] as Uint8Array
  const of = { instance: agent, operational: keys.agentOperational, packetKey: keys.stranger, delegation }
  return signPacketKey({ ...of, network: new Uint8Array(32), createdMs: T0, notAfterMs: T0 + 1_000 })
})

/** A chain with its receipts, and whether the agent's packet key is live under it. */
export const target: Target = {
  name: 'key-chain',
  inputs: 25_000,
  codes: [
    'KEY_EVENT_INVALID',
    'SIGNATURE_INVALID',
    'NETWORK_MISMATCH',
    'LEAF_MISMATCH',
    'PROOF_INVALID',
    'NOTE_MALFORMED',
    'CHECKPOINT_UNTRUSTED',
    'KEY_UNKNOWN',
    'KEY_REVOKED',
    'KEY_EXPIRED',
  ],
  covers: ['sdk/keys/chain.ts verifyChain'],
  async open() {
    const told = await Promise.all(
      [{}, revoked, foreign, { agentNotAfterMs: T0 + 1 }, { cosigners: () => ['witness2'] }].map((twist: Twist) =>
        storyFixture(twist),
      ),
    )
    const [story] = told
    if (story === undefined) throw new Error('no story')
    const { trust, agent, keys } = story
    const chains = told.map(({ saved }) => saved.agentKeys as KeyChain)
    const whole = chains[0] as KeyChain
    const signed = createLedger()
    for (const { events } of chains) for (const { event } of events) signed.note(event.body)
    const some = (random: Random) => random.below(whole.events.length)
    const changed = (make: (random: Random) => KeyChain) => ({
      make: (random: Random) => encode(KeyChain, make(random)),
    })
    return {
      manner: 'wire',
      seeds: [encode(KeyChain, whole)],
      twists: [
        ...chains.map((chain) => changed(() => chain)),
        changed((random) => ({ events: whole.events.toSpliced(some(random), 1) })),
        changed((random) => ({ events: whole.events.slice(0, 1 + some(random)) })),
        changed((random) => ({ events: [...whole.events, whole.events[some(random)] as KeyChain['events'][number]] })),
        changed((random) => {
          const [a, b] = [some(random), some(random)].map((at) => whole.events[at] as KeyChain['events'][number])
          return { events: whole.events.with(some(random), { event: a!.event, receipt: b!.receipt }) }
        }),
        changed((random) => {
          const at = some(random)
          const each = whole.events[at] as KeyChain['events'][number]
          const signature = random.bytes(64) as Uint8Array<ArrayBuffer>
          return { events: whole.events.with(at, { ...each, event: { ...each.event, signature } }) }
        }),
        changed((random) => {
          const at = some(random)
          const each = whole.events[at] as KeyChain['events'][number]
          const { checkpoint } = each.receipt
          const cut = random.below(checkpoint.length)
          return {
            events: whole.events.with(at, {
              ...each,
              receipt: { ...each.receipt, checkpoint: checkpoint.slice(0, cut + 1) },
            }),
          }
        }),
      ],
      run: (input) =>
        judged(async () => {
          const given = read(KeyChain, input, 'KEY_EVENT_INVALID')
          promise(same(encode(KeyChain, given), input), 'it has a second encoding')
          const chain = await verifyChain(given, agent, trust)
          for (const each of chain.events) signed.hold(each.signed.body)
          livePrekeys(chain, T0 + 70_000, T0)
          liveKey(chain, keys.agentPacket.publicKey, { leafIndex: END_OF_LOG, quorumTimeMs: T0 + 12_000 })
        }),
    }
  },
}

import { encode, KeyEvent, SignedKeyEvent } from '../../../packages/schemas/src/messages.ts'
import { PAYLOAD_TYPES, pae } from '../../../packages/sdk/src/envelope/dsse.ts'
import { read } from '../../../packages/sdk/src/envelope/parse.ts'
import { extendChain, type VerifiedChain } from '../../../packages/sdk/src/keys/chain.ts'
import { enrolmentEvents } from '../../../packages/sdk/src/keys/enrolment.ts'
import {
  keyEventDigest,
  signDelegation,
  signPacketKey,
  signPrekey,
  signRevocation,
} from '../../../packages/sdk/src/keys/event.ts'
import { openIdentity } from '../../../packages/sdk/src/keys/identity.ts'
import type { Signer } from '../../../packages/sdk/src/keys/signer.ts'
import { breakWire } from '../mutate/wire.ts'
import type { Random } from '../random.ts'
import { createLedger, judged, promise, same, type Target } from '../target.ts'

const network = new Uint8Array(32).fill(7)
const NOW_MS = 1_780_000_000_000
const at = { network, createdMs: NOW_MS + 1 }
const later = { ...at, notAfterMs: NOW_MS + 86_400_000 }

/** An event as the next one of a chain, or as the first. */
export const target: Target = {
  name: 'key-event',
  inputs: 70_000,
  codes: ['KEY_EVENT_INVALID', 'SIGNATURE_INVALID', 'NETWORK_MISMATCH'],
  covers: ['sdk/keys/event.ts parseKeyEvent', 'sdk/keys/event.ts verifyKeyEvent'],
  async open() {
    const seed = (kind: 'root' | 'operational' | 'packet', byte: number) => ({
      kind,
      bytes: new Uint8Array(32).fill(byte),
    })
    const identity = await openIdentity([seed('root', 1), seed('operational', 2), seed('packet', 3)])
    const other = await openIdentity([seed('root', 4), seed('operational', 5), seed('packet', 6)])
    const { instance } = identity
    const [root, operational] = [identity.root as Signer, identity.operational as Signer]
    const signed = createLedger()
    const first = await enrolmentEvents(identity, { network, nowMs: NOW_MS })
    let chain: VerifiedChain | undefined
    for (const [i, event] of first.entries())
      chain = await extendChain(chain, event, { index: BigInt(i), instance, network })
    const [before, hook] = [chain as VerifiedChain, keyEventDigest((first[0] as SignedKeyEvent).body)]
    const hanging = { ...at, instance, operational, delegation: hook }
    const key = other.packet.publicKey
    const events: readonly SignedKeyEvent[] = [
      ...first,
      await signPacketKey({ ...hanging, packetKey: other.packet, notAfterMs: later.notAfterMs }),
      await signPrekey({ ...hanging, suite: 1, kemKey: new Uint8Array(32).fill(8), deleteAfterMs: NOW_MS + 1_000 }),
      await signPrekey({ ...hanging, suite: 2, kemKey: new Uint8Array(1_216).fill(8), deleteAfterMs: NOW_MS + 1_000 }),
      await signRevocation({ ...at, instance, by: root, prev: before.rootHead, key }),
      await signRevocation({ ...at, instance, by: operational, delegation: hook, key }),
      await signDelegation({
        ...later,
        root,
        operational: other.operational as Signer,
        prev: before.rootHead,
        name: 'x',
        tags: ['a'],
      }),
    ]
    for (const { body } of events) signed.note(body)
    const signers = [root, operational, identity.packet, other.operational as Signer, other.packet]
    const resigned = async (random: Random, body: Uint8Array) => {
      signed.note(body)
      const message = pae(PAYLOAD_TYPES['key-event'], body)
      const by = () => random.pick(signers).sign(message)
      const possession = random.chance(0.5) ? await by() : undefined
      return encode(SignedKeyEvent, { body, signature: await by(), possession } as SignedKeyEvent)
    }
    const foreign = await enrolmentEvents(identity, { network: new Uint8Array(32), nowMs: NOW_MS })
    const broken = {
      make: (random: Random) => {
        const { body } = random.pick(events)
        const out = breakWire(body, random, [body])
        return resigned(random, out.length === 0 ? body : out)
      },
    }
    return {
      manner: 'wire',
      seeds: events.map((event) => encode(SignedKeyEvent, event)),
      twists: [
        ...Array.from({ length: 6 }, () => broken),
        { make: (random) => resigned(random, random.pick(events).body) },
        { make: (random) => encode(SignedKeyEvent, random.pick(foreign)) },
        // The possession of one event beside the body of another.
        {
          make: (random) =>
            encode(SignedKeyEvent, { ...random.pick(events), possession: random.pick(events).possession }),
        },
      ],
      run: (input) =>
        judged(async () => {
          const event = read(SignedKeyEvent, input, 'KEY_EVENT_INVALID')
          promise(same(encode(SignedKeyEvent, event), input), 'it has a second encoding')
          const place = { index: 9n, instance, network }
          const extended = await extendChain(before, event, place).catch((error: unknown) =>
            extendChain(undefined, event, place).catch(() => Promise.reject(error)),
          )
          signed.hold(event.body)
          const last = extended.events.at(-1)
          promise(
            last !== undefined && same(encode(KeyEvent, last.event), event.body),
            'its body has a second encoding',
          )
        }),
    }
  },
}

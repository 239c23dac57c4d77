/**
 * The key directory at work: verified chains, enrolment, and which key is live now (docs/protocol.md §9).
 *
 * @module
 */
import { MAX_CHAIN_EVENTS } from '@mystranet/schemas/limits'
import { decode, encode, KeyChain, KeyEvent, type LoggedKeyEvent, SignedKeyEvent } from '@mystranet/schemas/messages'
import { equalBytes, toHex } from '@mystranet/sdk/bytes'
import { read } from '@mystranet/sdk/envelope'
import {
  excerptChain,
  extendChain,
  liveKey,
  livePrekeys,
  type VerifiedChain,
  verifyChain,
} from '@mystranet/sdk/keys/chain'
import { KEY_EVENT_TYPES, keyEventDigest } from '@mystranet/sdk/keys/event'
import { controlPartition } from '@mystranet/sdk/proof/leaf'
import {
  END_OF_LOG,
  encodeReceipt,
  parseReceipt,
  type Receipt,
  rememberCheckpoints,
} from '@mystranet/sdk/proof/receipt'
import { RouterError } from '../errors.ts'
import type { Desk } from './desk.ts'

export interface KnownChain {
  readonly chain: VerifiedChain
  readonly logged: readonly LoggedKeyEvent[]
  readonly revision: number
}

export interface Keyring {
  find(instance: Uint8Array): Promise<KnownChain | undefined>
  /**
   * The chain, if a key of it is live now.
   *
   * @throws {PacketError | RouterError} `KEY_UNKNOWN`, `KEY_REVOKED` or `KEY_EXPIRED`.
   */
  live(instance: Uint8Array, key: Uint8Array): Promise<KnownChain>
  /**
   * Exact bytes of what to show beside a packet of one key.
   *
   * @param under As of `PacketLog.prove`. Without it the first receipts: the same bytes each time.
   */
  excerpt(instance: Uint8Array, key: Uint8Array, under?: Uint8Array): Promise<Uint8Array>
  /** What a client needs to seal to an instance: its live packet keys and prekeys. @param under As of `PacketLog.prove`. */
  offer(instance: Uint8Array, under?: Uint8Array): Promise<KeyChain | undefined>
  /** All events, under the newest checkpoint. */
  show(instance: Uint8Array): Promise<KeyChain | undefined>
  /**
   * Logs key events of one instance, in their order; gives a receipt for each. Sent again, each gets its first receipt.
   *
   * @param permit Asked before an unknown instance is taken in.
   * @throws {PacketError | RouterError} `NOT_PERMITTED`, `KEY_EVENT_INVALID`, `SIGNATURE_INVALID` …
   */
  enrol(events: readonly Uint8Array[], permit: (instance: string) => Promise<boolean>): Promise<readonly Uint8Array[]>
}

const MAX_KNOWN = 10_000

export function createKeyring(desk: Desk): Keyring {
  const known = new Map<string, KnownChain>()
  const { network } = desk.trust
  const remember = (name: string, chain: KnownChain) => {
    if (known.size >= MAX_KNOWN) known.delete(known.keys().next().value as string)
    known.set(name, chain)
    return chain
  }
  const find = async (instance: Uint8Array): Promise<KnownChain | undefined> => {
    const name = toHex(instance)
    const before = known.get(name)
    if (before !== undefined) return before
    const stored = await desk.keys.find(name)
    if (stored === undefined) return undefined
    const logged = decode(KeyChain, stored.chain).events
    const chain = await verifyChain({ events: logged }, instance, desk.trust, rememberCheckpoints(desk.trust))
    return remember(name, { chain, logged, revision: stored.revision })
  }
  const live = async (instance: Uint8Array, key: Uint8Array) => {
    const found = await find(instance)
    if (found === undefined) throw new RouterError('KEY_UNKNOWN', 'Cannot trust the key: its instance is not enrolled')
    liveKey(found.chain, key, { leafIndex: END_OF_LOG, quorumTimeMs: desk.nowMs() })
    return found
  }

  /** The same chain, as few checkpoints as can be. */
  const proven = async ({ events }: KeyChain, under?: Uint8Array): Promise<KeyChain> => {
    const receipts = await desk.log.prove(
      events.map(({ receipt }) => receipt),
      under,
    )
    return { events: events.map(({ event }, i) => ({ event, receipt: receipts[i] as Receipt })) }
  }

  /** One event, alone among all that its instance logs. */
  const take = async (instance: Uint8Array, bytes: Uint8Array): Promise<Uint8Array> => {
    const before = await find(instance)
    const event = read(SignedKeyEvent, bytes, 'KEY_EVENT_INVALID')
    const digest = keyEventDigest(event.body)
    const same = before?.logged.find((each) => equalBytes(keyEventDigest(each.event.body), digest))
    if (same !== undefined) return encodeReceipt(same.receipt)
    const logged = prune(before?.logged ?? [], desk.nowMs())
    if (logged.length >= MAX_CHAIN_EVENTS) {
      throw new RouterError(
        'KEY_EVENT_INVALID',
        `Cannot take a key event: ${logged.length} stand, wanted fewer than ${MAX_CHAIN_EVENTS}`,
      )
    }
    const next = (before?.chain.events.at(-1)?.index ?? -1n) + 1n
    const trial = await extendChain(before?.chain, event, { index: next, instance, network })
    if (trial.events.at(-1)?.void) {
      throw new RouterError('KEY_EVENT_INVALID', 'Cannot take a key event: another one follows the same event')
    }
    const [receipt] = await desk.commit([
      { kind: 'key-event', partition: controlPartition('key-event'), subject: digest, attempt: 0 },
    ])
    const parsed = parseReceipt(receipt as Uint8Array)
    const chain = await extendChain(before?.chain, event, { index: parsed.index ?? 0n, instance, network })
    const events = [...logged, { event, receipt: parsed }]
    const name = toHex(instance)
    const stored = await desk.keys.replace(name, before?.revision ?? 0, encode(KeyChain, { events }))
    if (stored === 'conflict') {
      known.delete(name)
      throw new RouterError('STORE_FAILED', 'Cannot keep a key event: another process changed the chain')
    }
    remember(name, { chain, logged: events, revision: stored.revision })
    desk.trace.stage('enrol', { agent: name, kind: 'key-event' })
    return receipt as Uint8Array
  }

  return {
    find,
    live,
    async excerpt(instance, key, under) {
      const found = await find(instance)
      if (found === undefined) throw new RouterError('KEY_UNKNOWN', 'Cannot show a chain: its instance is not enrolled')
      const excerpt = excerptChain(
        found.logged,
        ({ type, key: each }) => type === KEY_EVENT_TYPES.PACKET_KEY && each !== undefined && equalBytes(each, key),
      )
      return encode(KeyChain, under === undefined ? excerpt : await proven(excerpt, under))
    },
    async offer(instance, under) {
      const found = await find(instance)
      if (found === undefined) return undefined
      const nowMs = desk.nowMs()
      const prekeys = livePrekeys(found.chain, nowMs)
      const excerpt = excerptChain(found.logged, ({ type, kemKey, notAfterMs = 0 }) =>
        type === KEY_EVENT_TYPES.PREKEY
          ? prekeys.some((each) => kemKey !== undefined && equalBytes(each.kemKey, kemKey))
          : notAfterMs > nowMs,
      )
      return proven(excerpt, under)
    },
    async show(instance) {
      const found = await find(instance)
      return found && proven({ events: found.logged })
    },
    async enrol(events, permit) {
      const [first] = events
      if (first === undefined) throw new RouterError('KEY_EVENT_INVALID', 'Cannot enrol: no key events')
      if (events.length > MAX_CHAIN_EVENTS) {
        throw new RouterError(
          'KEY_EVENT_INVALID',
          `Cannot enrol: ${events.length} events, wanted at most ${MAX_CHAIN_EVENTS}`,
        )
      }
      const { instance } = read(KeyEvent, read(SignedKeyEvent, first, 'KEY_EVENT_INVALID').body, 'KEY_EVENT_INVALID')
      const name = toHex(instance)
      return desk.gates.alone(name, async () => {
        if ((await find(instance)) === undefined) {
          // Checked before the invitation is used up: a malformed event must not cost it.
          await extendChain(undefined, read(SignedKeyEvent, first, 'KEY_EVENT_INVALID'), {
            index: 0n,
            instance,
            network,
          })
          if (!(await permit(name))) {
            throw new RouterError('NOT_PERMITTED', 'Cannot enrol: the instance is unknown and has no valid invitation')
          }
        }
        const receipts: Uint8Array[] = []
        for (const event of events) receipts.push(await take(instance, event))
        return receipts
      })
    },
  }
}

const KEEP_MS = 7 * 86_400_000

/** Hanging events that ended a week ago are in the log; the directory lets them go, so that chains stay short. */
function prune(logged: readonly LoggedKeyEvent[], nowMs: number): readonly LoggedKeyEvent[] {
  return excerptChain(logged, ({ notAfterMs, deleteAfterMs }) => (notAfterMs ?? deleteAfterMs ?? 0) > nowMs - KEEP_MS)
    .events
}

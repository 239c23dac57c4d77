/** The published vectors of packets: made again byte for byte, and opened. */

import { bytesOf, type Cases, type Context, each, equal, resultOf } from '../case.ts'
import type { AnyRequest } from './request.ts'
import { openingKeysOf, remake } from './request.ts'

/** A packet as its receiver takes it before any key is asked. */
async function admit({ sdk }: Context, packet: string) {
  const parsed = sdk.parsePacket(bytesOf(packet))
  await sdk.verifyOrigin(parsed, parsed.origin)
  sdk.checkHashes(parsed)
  return parsed
}

async function openRequest(context: Context, vector: AnyRequest, sessions?: ReadonlyMap<string, string>) {
  const { sdk } = context
  const parsed = await admit(context, vector.packet)
  equal([parsed.id, parsed.header, parsed.coreBytes], [vector.packetId, vector.header, vector.core])
  for (const recipient of vector.recipients) {
    const opened = await sdk.openRequest(parsed, openingKeysOf(recipient, sessions?.get(recipient.instance)))
    equal([opened.opening.salt, opened.opening.content], [vector.salt, vector.content])
    equal(opened.replySecret.exported, recipient.responseSecret, 'the response secret')
    equal(opened.sessionSecret && sdk.toHex(opened.sessionSecret), recipient.sessionSecret, 'the session secret')
  }
}

export const packetCases: Cases = {
  async 'packets: sealed again with their fixed keys, byte for byte'(context) {
    const { packets } = context.data.vectors.packets
    await each(
      packets,
      ({ name }) => name,
      (vector) => remake(context, vector, undefined),
    )
  },
  async 'packets: opened by each recipient'(context) {
    await each(
      context.data.vectors.packets.packets,
      ({ name }) => name,
      (vector) => openRequest(context, vector),
    )
  },
  async 'packets: exported as DSSE, projected as JSON'({ sdk, data }) {
    const { dsse, projection, packets } = data.vectors.packets
    const envelope = sdk.parseDsse(dsse)
    equal([envelope.payload, envelope.payloadType], [packets[0]!.header, sdk.PAYLOAD_TYPES.packet])
    equal(sdk.encodeDsse(envelope), dsse)
    const json = await sdk.openPacketJson()
    equal(json.write(bytesOf(packets[0]!.packet)), projection)
    equal(json.read(JSON.stringify(projection)), bytesOf(packets[0]!.packet))
  },
  async 'sessions: sealed again, opened by the secret of the first packet'(context) {
    await each(
      context.data.vectors.sessions.sessions,
      ({ suite }) => `suite ${suite}`,
      async ({ first, second }) => {
        const secrets = new Map(
          first.recipients.map(({ instance, sessionSecret }) => [instance, sessionSecret as string]),
        )
        await remake(context, first, undefined)
        await remake(context, second, { packetId: first.packetId, secrets })
        await openRequest(context, first)
        await openRequest(context, second, secrets)
        const parsed = await admit(context, second.packet)
        const without = await resultOf(context.sdk, () =>
          context.sdk.openRequest(parsed, openingKeysOf(second.recipients[0]!)),
        )
        equal(without, 'SESSION_UNKNOWN')
      },
    )
  },
  async 'batches: each packet under the one signature'(context) {
    const { sdk } = context
    const { batches } = context.data.vectors.batches
    await each(
      batches,
      ({ size }) => `of ${size}`,
      async ({ packets, leaves, root }) => {
        equal(sdk.computeRoot(leaves.map(bytesOf)), root)
        for (const [i, { packet, packetId }] of packets.entries()) {
          const parsed = await admit(context, packet)
          equal([parsed.id, sdk.hashLeaf(sdk.pae(sdk.PAYLOAD_TYPES.packet, parsed.header))], [packetId, leaves[i]])
        }
        const [one, two] = packets.map(({ packet }) => sdk.parsePacket(bytesOf(packet)))
        equal(await resultOf(sdk, () => sdk.verifyOrigin(one!, two!.origin)), 'SIGNATURE_INVALID')
      },
    )
  },
  async 'replies: keys, OPEN, and the kinds without a body'(context) {
    const { sdk } = context
    await each(
      context.data.vectors.replies.replies,
      ({ suite }) => `suite ${suite}`,
      async (vector) => {
        await openRequest(context, vector.request)
        const secret = { enc: bytesOf(vector.enc), exported: bytesOf(vector.exported) }
        const keys = sdk.deriveReplyKeys(secret, bytesOf(vector.responseNonce))
        equal(keys, vector.keys, 'the keys')
        const open = await admit(context, vector.open.packet)
        equal([open.id, open.kind], [vector.open.packetId, 'STREAM_OPEN'])
        equal(sdk.openStreamOpen(open, keys).opening.content, vector.open.content)
        for (const { packet, packetId, kind, code } of vector.bodiless) {
          const parsed = await admit(context, packet)
          equal([parsed.id, parsed.kind, parsed.core.code], [packetId, kind, code])
        }
      },
    )
  },
  async 'refusals: parse, gates, signature, hashes'(context) {
    const { admission } = context.data.vectors.refusals
    await each(
      admission,
      ({ name }) => name,
      async ({ packet, result }) => {
        equal(await resultOf(context.sdk, () => admit(context, packet)), result)
      },
    )
  },
  async 'refusals: keys, padding, commitment, content'(context) {
    const { sdk } = context
    const { opening, replies } = context.data.vectors.refusals
    await each(
      opening,
      ({ name }) => name,
      async ({ packet, reader, result }) => {
        const parsed = await admit(context, packet)
        equal(await resultOf(sdk, () => sdk.openRequest(parsed, openingKeysOf(reader))), result)
      },
    )
    const keys = replies.keys
    const openKeys = { key: bytesOf(keys.open.key), nonce: bytesOf(keys.open.nonce), salt: bytesOf(keys.open.salt) }
    await each(
      replies.opens,
      ({ name }) => name,
      async ({ packet, result }) => {
        const parsed = await admit(context, packet)
        const all = { open: openKeys, close: openKeys, frame: openKeys, answerSalt: openKeys.salt }
        equal(await resultOf(sdk, () => sdk.openStreamOpen(parsed, all)), result)
      },
    )
  },
  async 'refusals: the table of all codes'({ sdk, data }) {
    const table = Object.entries(sdk.codes.CODES).map(([code, row]) => ({ code, ...row }))
    const sort = (rows: readonly { readonly code: string }[]) => rows.toSorted((a, b) => (a.code < b.code ? -1 : 1))
    const columns = ({ code, wire, status, fate, remedy }: (typeof table)[number]) => ({
      code,
      wire,
      status,
      fate,
      remedy,
    })
    equal(sort(data.vectors.refusals.codes), sort(table.map(columns)))
    for (const { code, wire } of table)
      equal(wire === 0 ? undefined : sdk.codes.codeOfWire(wire), wire === 0 ? undefined : code)
  },
}

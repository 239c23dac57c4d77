// Packets as JSON at the router's door: the same packet, the same verdicts, and projections of what is stored.

import { MAX_JSON_PACKET_BYTES } from '@mystranet/schemas/limits'
import { REFUSAL_TEXT } from '@mystranet/schemas/refusal-text'
import { toHex } from '@mystranet/sdk/bytes'
import { openPacketJson } from '@mystranet/sdk/json'
import type { SealedRequest } from '@mystranet/sdk/packet'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { attachAgent, openWorld, partyOf, problemOf, recordsOf, ruleFor, senderOf, type World } from './router-world.ts'

const packetJson = await openPacketJson()

async function setup() {
  const world = await openWorld()
  const agent = await partyOf(10, world.clock.nowMs)
  const user = await partyOf(40, world.clock.nowMs)
  for (const party of [user, agent]) await world.enrol(party)
  await world.publish([ruleFor('misty.weave', [agent])])
  const sender = senderOf(world, user)
  return { world, agent, sender, sealed: await sender.request([agent]) }
}

const post = (world: World, body: string | Uint8Array<ArrayBuffer>, type = 'application/json; charset=utf-8') =>
  world.app.request('/v1/packets', { method: 'POST', body, headers: { 'content-type': type } })
const jsonOf = (sealed: SealedRequest): Record<string, unknown> => ({ ...packetJson.write(sealed.bytes) })

describe('POST /v1/packets as application/json', () => {
  it('takes the very packet in that the bytes are: the same receipt, known the second time', async () => {
    const { world, sender, sealed } = await setup()
    const taken = await post(world, JSON.stringify(jsonOf(sealed), undefined, 2))
    expect(taken.status).toBe(202)
    const again = await sender.post(sealed.bytes)
    expect(again.status).toBe(200)
    expect(await again.bytes()).toEqual(await taken.bytes())
    await world.close()
  })

  it('is answered, and shows request and replies as projections to the sender alone', async () => {
    const { world, agent, sender, sealed } = await setup()
    attachAgent(world, agent)
    expect((await post(world, JSON.stringify(jsonOf(sealed)))).status).toBe(202)
    const records = await recordsOf(world, await sender.open(sealed.id))
    const path = `/v1/packets/${toHex(sealed.id)}`

    const authorization = await sender.fetchOf(sealed.id)
    const response = await world.app.request(path, { headers: { authorization } })
    expect(response.status).toBe(200)
    const shown = (await response.json()) as { packet: unknown; replies: { NLD_Directive_Type: string }[] }
    expect(packetJson.read(JSON.stringify(shown.packet))).toEqual(sealed.bytes)
    expect(shown.replies.map((each) => packetJson.read(JSON.stringify(each)))).toEqual(
      records.filter(({ type }) => type === 'packet').map(({ value }) => value),
    )
    expect(shown.replies.map(({ NLD_Directive_Type: kind }) => kind)).toEqual(
      expect.arrayContaining(['STREAM_OPEN', 'STREAM_CLOSE']),
    )

    expect(await problemOf(await world.app.request(path))).toMatchObject({ status: 401, code: 'SIGNATURE_INVALID' })
    const replayed = await world.app.request(path, { headers: { authorization } })
    expect(await problemOf(replayed)).toMatchObject({ code: 'REPLAYED' })
    const stranger = senderOf(world, await partyOf(77, world.clock.nowMs))
    const refused = await world.app.request(path, { headers: { authorization: await stranger.fetchOf(sealed.id) } })
    expect(await problemOf(refused)).toMatchObject({ code: 'KEY_UNKNOWN' })
    const nowhere = await world.app.request('/v1/packets/x', { headers: { authorization } })
    expect(await problemOf(nowhere)).toMatchObject({ code: 'FIELD_INVALID' })
    await world.close()
  })

  it('refuses with the code of the fault, says it in a sentence, and changes nothing', async () => {
    const { world, sealed } = await setup()
    const json = jsonOf(sealed)
    const other = 'ab'.repeat(32)
    const cases: [string, string, object | string][] = [
      ['an unknown schema', 'SCHEMA_UNKNOWN', { Schema_Digest: other }],
      ['an unknown version', 'VERSION_UNKNOWN', { Format_Version: 2 }],
      ['a field of another kind', 'FIELD_INVALID', { Attempt: 1 }],
      ['another id', 'FIELD_INVALID', { Transaction_Hash_ID: other }],
      ['another payload of the same size', 'CIPHERTEXT_MISMATCH', { Payload: `${'A'.repeat(363)}=` }],
      ['another signature', 'SIGNATURE_INVALID', { Signature: 'ab'.repeat(64) }],
      ['a packet in the bytes of JSON', 'PACKET_MALFORMED', 'not json'],
    ]
    const size = world.log.published()?.treeSize
    for (const [name, code, over] of cases) {
      const body = typeof over === 'string' ? over : JSON.stringify({ ...json, ...over })
      const problem = await problemOf(await post(world, body))
      expect(problem, name).toMatchObject({ code, title: REFUSAL_TEXT[code as 'INTERNAL'] })
    }
    expect(size).toBeGreaterThan(0)
    expect(world.log.published()?.treeSize).toBe(size)
    expect((await post(world, JSON.stringify(json))).status).toBe(202)
    await world.close()
  })

  it('takes JSON for JSON only: the bytes under its name, and its text under another, are refused', async () => {
    const { world, sealed } = await setup()
    expect(await problemOf(await post(world, sealed.bytes))).toMatchObject({ code: 'PACKET_MALFORMED' })
    const text = JSON.stringify(jsonOf(sealed))
    expect(await problemOf(await post(world, text, 'text/plain'))).toMatchObject({ code: 'PACKET_MALFORMED' })
    await world.close()
  })

  it('stops reading at its cap', async () => {
    const { world } = await setup()
    const huge = new Uint8Array(MAX_JSON_PACKET_BYTES + 1).fill(0x20)
    expect(await problemOf(await post(world, huge))).toMatchObject({ status: 413, code: 'PACKET_TOO_LARGE' })
    await world.close()
  })

  it('fails on nothing: whatever comes is refused with a code of its own', async () => {
    const { world, sealed } = await setup()
    const text = JSON.stringify(jsonOf(sealed))
    const bodies = fc.oneof(
      fc.json(),
      fc.string({ unit: 'binary' }),
      fc
        .tuple(fc.nat(text.length), fc.string({ minLength: 1, maxLength: 6 }))
        .map(([at, put]) => text.slice(0, at) + put + text.slice(at + put.length + 1)),
      fc.constantFrom('[', '{"a":', '{"__proto__":').map((part) => part.repeat(20_000)),
    )
    await fc.assert(
      fc.asyncProperty(bodies, async (body) => {
        const { status, code } = await problemOf(await post(world, body))
        expect(status).toBeLessThan(500)
        expect(code).not.toBe('INTERNAL')
      }),
      { seed: 21, numRuns: 100 },
    )
    await world.close()
  })
})

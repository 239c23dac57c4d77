import { decode, encode, Header, HeaderCore, Packet, Recipients } from '@mystranet/schemas/messages'
import { expect, it } from 'vitest'
import { buildRequest, replyCore } from '../packet/build.ts'
import { anAgent, aSender, NOW_MS } from '../packet/fixture.ts'
import { seal, signBodiless } from '../packet/seal.ts'
import { partsOfJson } from './json-parts.ts'
import { parseHeader, parsePacket, read } from './parse.ts'

const code = (wanted: string) => expect.objectContaining({ code: wanted })

async function aRequest() {
  const sender = await aSender()
  const agents = await Promise.all([anAgent(), anAgent()])
  const sealed = await seal(buildRequest(sender.draft(agents.map((each) => each.candidate))), sender.signer)
  const draft = {
    request: sealed,
    sender: agents[0].instance,
    senderKey: agents[0].signer.publicKey,
    place: { epoch: 1n, seq: 1n },
    nowMs: NOW_MS,
  }
  return { sealed, packet: decode(Packet, sealed.bytes), draft, signer: agents[0].signer }
}

it('refuses a reply to a tag: replies go to the instance that asked', async () => {
  const { draft, signer } = await aRequest()
  const core = { ...replyCore('ACK', draft), targetInstance: undefined, targetTag: 'misty.weave', attempt: 1, code: 1 }
  const { bytes } = await signBodiless(core, signer)
  expect(() => parsePacket(bytes)).toThrow(/target_instance is absent from a reply/)
})

it('refuses a hash of what a packet of its kind does not have', async () => {
  const { draft } = await aRequest()
  const core = encode(HeaderCore, { ...replyCore('ACK', draft), attempt: 1, code: 1 })
  const header = encode(Header, { core, recipientsHash: new Uint8Array(32) })
  expect(() => parseHeader(header)).toThrow(/recipientsHash is present/)
})

it('refuses fewer recipients than the core names', async () => {
  const { packet } = await aRequest()
  const { recipients } = decode(Recipients, packet.recipients as Uint8Array)
  const bytes = encode(Packet, { ...packet, recipients: encode(Recipients, { recipients: recipients.slice(0, 1) }) })
  expect(() => parsePacket(bytes)).toThrow(code('RECIPIENTS_MISMATCH'))
})

it('does not pass a fault of the caller off as a refusal', () => {
  expect(() => read(Header, undefined as unknown as Uint8Array)).toThrow(TypeError)
  const faulty = {
    get Format_Version(): never {
      throw new TypeError('a fault')
    },
  }
  expect(() => partsOfJson(faulty)).toThrow(TypeError)
})

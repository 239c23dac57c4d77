import { decode, encode, Header, HeaderCore, Packet, Recipients } from '@mystranet/schemas/messages'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat, equalBytes, toHex } from '../bytes.ts'
import { PAYLOAD_TYPES, pae } from '../envelope/dsse.ts'
import { checkHashes, verifyOrigin } from '../envelope/origin.ts'
import { parsePacket } from '../envelope/parse.ts'
import { isPacketError } from '../errors.ts'
import { sealBatch } from './batch.ts'
import { buildRequest, cancelCore, replyCore } from './build.ts'
import { anAgent, aQuestion, aSender, NOW_MS } from './fixture.ts'
import { openRequest, openStreamClose, openStreamOpen } from './open.ts'
import { deriveReplyKeys } from './reply-keys.ts'
import { hpkeInfo, seal, sealClose, sealOpen, signBodiless } from './seal.ts'

const code = (wanted: string) => expect.objectContaining({ code: wanted })

/** Everything a recipient does, in its order. */
async function receive(bytes: Uint8Array, keys: Parameters<typeof openRequest>[1]) {
  const packet = parsePacket(bytes)
  await verifyOrigin(packet, packet.origin)
  checkHashes(packet)
  return { packet, opened: await openRequest(packet, keys) }
}

describe('seal() and openRequest()', () => {
  it.each([1, 2] as const)('are a pair in suite %i, for every candidate', async (suite) => {
    const sender = await aSender()
    const agents = await Promise.all([anAgent(suite), anAgent(suite), anAgent(suite)])
    const plain = buildRequest(
      sender.draft(
        agents.map((each) => each.candidate),
        { suite },
      ),
    )
    const sealed = await seal(plain, sender.signer)
    for (const agent of agents) {
      const { packet, opened } = await receive(sealed.bytes, agent.keys)
      expect(packet.id).toEqual(sealed.id)
      expect(opened.content.chat.messages[0]?.content).toBe('Why is the sky blue?')
      expect(opened.opening.salt).toEqual(sealed.opening.salt)
      expect(opened.replySecret).toEqual(sealed.replySecrets.get(toHex(agent.instance)))
    }
  })

  it('keep any content, in the bucket that its length says', async () => {
    const sender = await aSender()
    const agent = await anAgent()
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', maxLength: 3000 }), async (text) => {
        const sealed = await seal(
          buildRequest(sender.draft([agent.candidate], { content: aQuestion(text) })),
          sender.signer,
        )
        const { opened, packet } = await receive(sealed.bytes, agent.keys)
        expect(opened.content.chat.messages[0]?.content ?? '').toBe(text)
        expect([256, 1024, 4096, 8192, 16384, 32768, 65536]).toContain(packet.core.paddedSize)
      }),
      { numRuns: 60, seed: 1 },
    )
  })

  it('refuse a packet to someone else', async () => {
    const sender = await aSender()
    const [agent, other] = await Promise.all([anAgent(), anAgent()])
    const sealed = await seal(buildRequest(sender.draft([agent.candidate])), sender.signer)
    await expect(receive(sealed.bytes, other.keys)).rejects.toThrow(code('NOT_A_RECIPIENT'))
  })

  it('refuse when the prekey is gone', async () => {
    const sender = await aSender()
    const agent = await anAgent()
    const sealed = await seal(buildRequest(sender.draft([agent.candidate])), sender.signer)
    const forgetful = { ...agent.keys, kemKey: () => undefined }
    await expect(receive(sealed.bytes, forgetful)).rejects.toThrow(code('OPEN_FAILED'))
  })

  it('refuse a ciphertext that was signed again by another sender', async () => {
    const [sender, thief] = await Promise.all([aSender(), aSender()])
    const agent = await anAgent()
    const sealed = await seal(buildRequest(sender.draft([agent.candidate])), sender.signer)
    const stolen = decode(Packet, sealed.bytes)
    const header = decode(Header, stolen.header)
    const core = { ...decode(HeaderCore, header.core), sender: thief.instance, senderKey: thief.signer.publicKey }
    const resigned = encode(Header, { ...header, core: encode(HeaderCore, core) })
    const signature = await thief.signer.sign(pae(PAYLOAD_TYPES.packet, resigned))
    const bytes = encode(Packet, { ...stolen, header: resigned, signature })
    await expect(receive(bytes, agent.keys)).rejects.toThrow(code('OPEN_FAILED'))
  })

  it('refuse swapped recipients by their hash', async () => {
    const sender = await aSender()
    const [a, b] = await Promise.all([anAgent(), anAgent()])
    const sealed = await seal(buildRequest(sender.draft([a.candidate, b.candidate])), sender.signer)
    const packet = decode(Packet, sealed.bytes)
    const [first, second] = decode(Recipients, packet.recipients as Uint8Array).recipients
    const crossed = [
      { ...first!, wrappedKey: second!.wrappedKey },
      { ...second!, wrappedKey: first!.wrappedKey },
    ]
    const bytes = encode(Packet, { ...packet, recipients: encode(Recipients, { recipients: crossed }) })
    await expect(receive(bytes, a.keys)).rejects.toThrow(code('RECIPIENTS_MISMATCH'))
    const turned = encode(Packet, { ...packet, recipients: encode(Recipients, { recipients: [second!, first!] }) })
    expect(() => parsePacket(turned)).toThrow(code('RECIPIENTS_MISMATCH'))
  })

  it('refuse another ciphertext by its hash', async () => {
    const sender = await aSender()
    const agent = await anAgent()
    const sealed = await seal(buildRequest(sender.draft([agent.candidate])), sender.signer)
    const packet = decode(Packet, sealed.bytes)
    const ciphertext = packet.ciphertext!.slice()
    ciphertext[9]! ^= 1
    await expect(receive(encode(Packet, { ...packet, ciphertext }), agent.keys)).rejects.toThrow(
      code('CIPHERTEXT_MISMATCH'),
    )
  })

  it('bind suite, sender and recipient in HPKE’s info', async () => {
    const sender = await aSender()
    const agent = await anAgent()
    const { core } = buildRequest(sender.draft([agent.candidate]))
    const info = (changes: Partial<HeaderCore>, recipient = agent.instance, key = agent.candidate.kemKey) =>
      toHex(hpkeInfo({ ...core, ...changes }, recipient, key))
    const other = new Uint8Array(32).fill(1)
    const all = [
      info({}),
      info({ suite: 2 }),
      info({ sender: other }),
      info({ senderKey: other }),
      info({}, other),
      info({}, undefined, other),
    ]
    expect(new Set(all).size).toBe(all.length)
  })

  it('never let a request outlive a prekey or the protocol’s limit', async () => {
    const sender = await aSender()
    const agent = await anAgent()
    const short = { ...agent.candidate, deleteAfterMs: NOW_MS + 1000 }
    expect(() => buildRequest(sender.draft([short]))).toThrow(code('LIFETIME_TOO_LONG'))
    expect(() => buildRequest(sender.draft([agent.candidate], { lifetimeMs: 600_001 }))).toThrow(
      code('LIFETIME_TOO_LONG'),
    )
    expect(() => buildRequest(sender.draft([]))).toThrow(RangeError)
  })

  it('say nothing of why it does not open, and throw nothing else, whatever byte was changed', async () => {
    const sender = await aSender()
    const agent = await anAgent()
    const sealed = await seal(buildRequest(sender.draft([agent.candidate])), sender.signer)
    for (let at = 0; at < sealed.bytes.length; at++) {
      const bytes = sealed.bytes.slice()
      bytes[at]! ^= 1 << (at % 8)
      const refusal = await receive(bytes, agent.keys).then(
        () => 'opened',
        (error: unknown) => (isPacketError(error) ? 'refused' : `threw ${error}`),
      )
      expect(refusal, `byte ${at}`).toBe('refused')
    }
  })
})

describe('sessions', () => {
  async function inSession() {
    const sender = await aSender()
    const agent = await anAgent()
    const first = await seal(buildRequest(sender.draft([agent.candidate])), sender.signer)
    const session = { packetId: first.id, secrets: first.sessionSecrets, deleteAfterMs: NOW_MS + 86_400_000 }
    const second = await seal(buildRequest(sender.draft([agent.candidate], { session })), sender.signer)
    return { agent, first, second }
  }

  it('open under the secret of their first packet, with an answer key of their own', async () => {
    const { agent, first, second } = await inSession()
    const { opened } = await receive(first.bytes, agent.keys)
    agent.sessions.set(String(first.id), opened.sessionSecret!)
    const later = await receive(second.bytes, agent.keys)
    expect(later.opened.content).toEqual(aQuestion('Why is the sky blue?'))
    expect(later.opened.replySecret).toEqual(second.replySecrets.get(toHex(agent.instance)))
    expect(later.opened.replySecret.exported).not.toEqual(opened.replySecret.exported)
    expect(later.packet.recipients?.recipients[0]?.enc).toBeUndefined()
  })

  it('are refused when unknown', async () => {
    const { agent, second } = await inSession()
    await expect(receive(second.bytes, agent.keys)).rejects.toThrow(code('SESSION_UNKNOWN'))
  })
})

describe('batches', () => {
  async function aBatch(size: number) {
    const sender = await aSender()
    const agent = await anAgent()
    const plains = sender.sequence.take(size).map((place) => buildRequest(sender.draft([agent.candidate], { place })))
    return { agent, plains, sealed: await sealBatch(plains, sender.signer) }
  }

  it.each([2, 3, 7, 64])('of %i verify one by one', async (size) => {
    const { agent, sealed } = await aBatch(size)
    for (const each of sealed) await receive(each.bytes, agent.keys)
  })

  it('name the guard that a foreign member runs into', async () => {
    const { sealed } = await aBatch(3)
    const { sealed: others } = await aBatch(3)
    const packet = decode(Packet, sealed[0]!.bytes)
    const refused = async (batch: Packet['batch'], guard: RegExp) => {
      const parsed = parsePacket(encode(Packet, { ...packet, batch }))
      await expect(verifyOrigin(parsed, parsed.origin)).rejects.toThrow(guard)
    }
    const own = packet.batch!
    const other = decode(Packet, others[0]!.bytes).batch!
    await refused(other, /by another key/)
    await refused({ ...own, path: own.path.slice(1) }, /not in its batch/)
    await refused({ ...own, signature: other.signature }, /batch's signature/)
    await refused(decode(Packet, sealed[1]!.bytes).batch, /not in its batch/)
  })

  it('must be consecutive', async () => {
    const { plains } = await aBatch(3)
    const sender = await aSender()
    await expect(sealBatch([plains[0]!, plains[2]!], sender.signer)).rejects.toThrow(/does not follow/)
    await expect(sealBatch([plains[0]!], sender.signer)).rejects.toThrow(RangeError)
  })
})

describe('replies', () => {
  async function exchange() {
    const sender = await aSender()
    const agent = await anAgent()
    const sealed = await seal(buildRequest(sender.draft([agent.candidate])), sender.signer)
    const { packet, opened } = await receive(sealed.bytes, agent.keys)
    const responseNonce = new Uint8Array(32).fill(5)
    const draft = {
      request: packet,
      sender: agent.instance,
      senderKey: agent.signer.publicKey,
      place: { epoch: 1n, seq: 1n },
      nowMs: NOW_MS,
      attempt: 1,
      responseNonce,
    }
    const keys = deriveReplyKeys(opened.replySecret, responseNonce)
    return { sender, agent, sealed, draft, keys }
  }

  it('open with the keys that both sides derive, and with no others', async () => {
    const { agent, sealed, draft, keys } = await exchange()
    const content = { modelStatement: Uint8Array.of(1, 2, 3) }
    const reply = await sealOpen(draft, content, keys, agent.signer)
    const parsed = parsePacket(reply.bytes)
    const secret = sealed.replySecrets.get(toHex(agent.instance))!
    expect(openStreamOpen(parsed, deriveReplyKeys(secret, draft.responseNonce)).content).toEqual(content)
    const again = deriveReplyKeys(secret, new Uint8Array(32).fill(6))
    expect(() => openStreamOpen(parsed, again)).toThrow(code('OPEN_FAILED'))
    expect(() => openStreamClose(parsed, keys)).toThrow(code('FIELD_INVALID'))
  })

  it('refuse a salt that is not the derived one', async () => {
    const { agent, draft, keys } = await exchange()
    const salted = { ...keys, open: { ...keys.open, salt: new Uint8Array(32) } }
    const reply = await sealOpen(draft, { modelStatement: Uint8Array.of(1) }, salted, agent.signer)
    expect(() => openStreamOpen(parsePacket(reply.bytes), keys)).toThrow(/salt is not the derived one/)
  })

  it('give every key, nonce and salt of an attempt another value', async () => {
    const { keys } = await exchange()
    const { open, close, frame, answerSalt } = keys
    const all = [
      open.key,
      open.salt,
      close.key,
      close.salt,
      frame.key,
      answerSalt,
      open.nonce,
      close.nonce,
      frame.nonce,
    ]
    expect(new Set(all.map(toHex)).size).toBe(all.length)
  })

  it('without a body pass the gates, and only with the fields of their kind', async () => {
    const { agent, draft, sender, sealed } = await exchange()
    const accepted = await signBodiless({ ...replyCore('ACK', draft), attempt: 1, code: 1 }, agent.signer)
    expect(parsePacket(accepted.bytes).kind).toBe('ACK')
    const refused = await signBodiless({ ...replyCore('NACK', draft), attempt: 1, code: 60 }, agent.signer)
    expect(parsePacket(refused.bytes).core.code).toBe(60)
    const cancel = await signBodiless(
      cancelCore({ ...draft, request: sealed, sender: sender.instance, senderKey: sender.signer.publicKey }),
      sender.signer,
    )
    expect(parsePacket(cancel.bytes).core.targetTag).toBe('misty.weave')
    const wrong = await signBodiless({ ...replyCore('NACK', draft), attempt: 1, code: 1 }, agent.signer)
    expect(() => parsePacket(wrong.bytes)).toThrow(/none of a NACK/)
  })

  it('of a lost stream may be an ABORTED CLOSE without a body, and no other CLOSE may', async () => {
    const { agent, draft } = await exchange()
    const core = { ...replyCore('STREAM_CLOSE', draft), attempt: 1 }
    const aborted = await signBodiless({ ...core, code: 8 }, agent.signer)
    expect(parsePacket(aborted.bytes).core.code).toBe(8)
    const bare = await signBodiless({ ...core, code: 3 }, agent.signer)
    expect(() => parsePacket(bare.bytes)).toThrow(code('FIELD_INVALID'))
    const half = await signBodiless({ ...core, code: 8, responseNonce: draft.responseNonce }, agent.signer)
    expect(() => parsePacket(half.bytes)).toThrow(code('FIELD_INVALID'))
  })

  it('close with what they commit to', async () => {
    const { agent, draft, keys } = await exchange()
    const content = {
      frames: 1,
      root: new Uint8Array(32),
      answerCommitment: new Uint8Array(32),
      stream: new Uint8Array(32),
    }
    const reply = await sealClose({ ...draft, code: 3 }, content, keys, agent.signer)
    expect(openStreamClose(parsePacket(reply.bytes), keys).content.frames).toBe(1)
  })
})

it('makes the same bytes as the layout of docs/protocol.md says', async () => {
  const sender = await aSender()
  const agent = await anAgent()
  const sealed = await seal(buildRequest(sender.draft([agent.candidate])), sender.signer)
  const { header, recipients, ciphertext, signature } = decode(Packet, sealed.bytes)
  // An outer container by hand: tag, length, value, in ascending order.
  const field = (no: number, value: Uint8Array) => {
    const length = value.length < 128 ? [value.length] : [(value.length & 127) | 128, value.length >> 7]
    return concat(Uint8Array.of((no << 3) | 2, ...length), value)
  }
  const byHand = concat(field(1, header), field(2, recipients!), field(3, ciphertext!), field(4, signature!))
  expect(equalBytes(byHand, sealed.bytes)).toBe(true)
})

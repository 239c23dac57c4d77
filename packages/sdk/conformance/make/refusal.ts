/**
 * Vectors of packets that are refused, by whom and with which code; and the table of all codes.
 *
 * @module
 */
import { CODES } from '@mystranet/schemas/codes'
import {
  decode,
  encode,
  Header,
  HeaderCore,
  OpenContent,
  Packet,
  type Recipient,
  Recipients,
} from '@mystranet/schemas/messages'
import { aeadSeal } from '#primitives'
import { type Bytes, concat, toHex } from '../../src/bytes.ts'
import { PAYLOAD_TYPES, pae } from '../../src/envelope/dsse.ts'
import { ciphertextHash, contentCommitment, recipientsHash } from '../../src/envelope/hash.ts'
import { pad } from '../../src/envelope/padding.ts'
import { kemFor } from '../../src/keys/kem.ts'
import { sealUnsigned } from '../../src/packet/seal.ts'
import { anInstance, fixed, type Instance, NOW_MS } from './fixed.ts'
import { fixedCore, keysVector, replyDraftOf, replyKeysOf, sealReplyFixed } from './packet.ts'
import { type Agent, anAgent, contentKeyOf, ephemeralOf, recipientVector, requestOf } from './request.ts'

interface Draft {
  readonly core: HeaderCore
  readonly recipients: Uint8Array | undefined
  readonly ciphertext: Uint8Array | undefined
}

interface Spoil {
  readonly core?: (core: HeaderCore) => HeaderCore
  readonly coreBytes?: (bytes: Bytes) => Bytes
  readonly header?: (header: Header) => Header
  readonly recipients?: (list: readonly Recipient[]) => readonly Recipient[]
  /** Beside the signed recipients. */
  readonly packet?: (packet: Packet) => Packet
  readonly signer?: Instance['signer']
  readonly bytes?: (bytes: Bytes) => Bytes
}

/** A packet put together by hand, so that it can be wrong in one place and right in all others. */
async function assemble(draft: Draft, signer: Instance['signer'], spoil: Spoil): Promise<Bytes> {
  const coreBytes = encode(HeaderCore, spoil.core?.(draft.core) ?? draft.core)
  const list = draft.recipients && decode(Recipients, draft.recipients).recipients
  const recipients = list && encode(Recipients, { recipients: [...(spoil.recipients?.(list) ?? list)] })
  const { ciphertext } = draft
  const drafted: Header = {
    core: spoil.coreBytes?.(coreBytes) ?? coreBytes,
    recipientsHash: recipients && recipientsHash(recipients),
    ciphertextHash: ciphertext && ciphertextHash(ciphertext),
  }
  const header = encode(Header, spoil.header?.(drafted) ?? drafted)
  const signature = await (spoil.signer ?? signer).sign(pae(PAYLOAD_TYPES.packet, header))
  const packet: Packet = { header, recipients, ciphertext, signature }
  const bytes = encode(Packet, spoil.packet?.(packet) ?? packet)
  return spoil.bytes?.(bytes) ?? bytes
}

const core = (change: Partial<HeaderCore>): Spoil => ({ core: (usual) => ({ ...usual, ...change }) })
const flipLast = (bytes: Uint8Array): Uint8Array => bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte))

type Cases = Readonly<Record<string, readonly [code: string, spoil: Spoil]>>

const requestCases = (stranger: Instance): Cases => ({
  'nothing wrong': ['ok', {}],
  'an unknown version': ['VERSION_UNKNOWN', core({ version: 2, suite: 9, kind: 9 })],
  'an unknown suite': ['SUITE_UNKNOWN', core({ suite: 3, kind: 9 })],
  'an unknown kind': ['KIND_UNKNOWN', core({ kind: 7, schema: fixed('schema') })],
  'an unknown schema': ['SCHEMA_UNKNOWN', core({ schema: fixed('schema'), expiresMs: NOW_MS })],
  'no target': ['FIELD_INVALID', core({ targetTag: undefined })],
  'a target that is no tag': ['FIELD_INVALID', core({ targetTag: 'Misty' })],
  'an attempt in a request': ['FIELD_INVALID', core({ attempt: 1 })],
  'a code in a request': ['FIELD_INVALID', core({ code: 1 })],
  'no table digest': ['FIELD_INVALID', core({ tableDigest: undefined })],
  'no commitment': ['FIELD_INVALID', core({ contentCommitment: undefined })],
  'an end before the beginning': ['FIELD_INVALID', core({ expiresMs: NOW_MS })],
  'a padded size that is no bucket': ['FIELD_INVALID', core({ paddedSize: 257 })],
  'a padded size of another bucket': ['FIELD_INVALID', core({ paddedSize: 1_024 })],
  'nine attempts': ['FIELD_INVALID', core({ retry: { maxAttempts: 9 } })],
  'an unknown priority': ['FIELD_INVALID', core({ priority: 3 })],
  'versions without its own': ['FIELD_INVALID', core({ compatibleVersions: [2] })],
  'versions that do not ascend': ['FIELD_INVALID', core({ compatibleVersions: [2, 1] })],
  'no recipients in the core': ['FIELD_INVALID', core({ recipients: [] })],
  'a recipient twice': [
    'RECIPIENTS_MISMATCH',
    { core: (usual) => ({ ...usual, recipients: [usual.recipients[0]!, usual.recipients[0]!] }) },
  ],
  'recipients in another order': ['RECIPIENTS_MISMATCH', { recipients: (list) => list.toReversed() }],
  'a recipient too few': ['RECIPIENTS_MISMATCH', { recipients: (list) => list.slice(1) }],
  'an enc of the wrong length': [
    'RECIPIENTS_MISMATCH',
    { recipients: (list) => list.map((each) => ({ ...each, enc: fixed('enc', 31) })) },
  ],
  'no enc outside a session': [
    'RECIPIENTS_MISMATCH',
    { recipients: (list) => list.map((each) => ({ ...each, enc: undefined })) },
  ],
  'recipients that were not signed': [
    'RECIPIENTS_MISMATCH',
    {
      packet: (packet) => {
        const { recipients } = decode(Recipients, packet.recipients as Uint8Array)
        const changed = recipients.map((each) => ({ ...each, wrappedKey: fixed('key', 48) }))
        return { ...packet, recipients: encode(Recipients, { recipients: changed }) }
      },
    },
  ],
  'recipients without their hash': [
    'FIELD_INVALID',
    { header: (header) => ({ ...header, recipientsHash: undefined }) },
  ],
  'a ciphertext without its hash': [
    'FIELD_INVALID',
    { header: (header) => ({ ...header, ciphertextHash: undefined }) },
  ],
  'no ciphertext': ['FIELD_INVALID', { packet: (packet) => ({ ...packet, ciphertext: undefined }) }],
  'a ciphertext that is too short': [
    'FIELD_INVALID',
    { packet: (packet) => ({ ...packet, ciphertext: (packet.ciphertext as Uint8Array).subarray(1) }) },
  ],
  'a ciphertext that was not signed': [
    'CIPHERTEXT_MISMATCH',
    { packet: (packet) => ({ ...packet, ciphertext: flipLast(packet.ciphertext as Uint8Array) }) },
  ],
  'a changed signature': [
    'SIGNATURE_INVALID',
    { packet: (packet) => ({ ...packet, signature: flipLast(packet.signature as Uint8Array) }) },
  ],
  'the signature of another key': ['SIGNATURE_INVALID', { signer: stranger.signer }],
  'no signature': ['PACKET_MALFORMED', { packet: ({ signature: _, ...packet }) => packet }],
  'a header that is too large': [
    'HEADER_TOO_LARGE',
    { header: (header) => ({ ...header, core: concat(header.core, new Uint8Array(4_000)) }) },
  ],
  'a core that is not canonical': [
    'PACKET_MALFORMED',
    { coreBytes: (bytes) => concat(bytes, Uint8Array.of(0xf0, 1, 1)) },
  ],
  'bytes behind the packet': ['PACKET_MALFORMED', { bytes: (bytes) => concat(bytes, Uint8Array.of(0)) }],
  'a packet that is cut': ['PACKET_MALFORMED', { bytes: (bytes) => bytes.slice(0, -1) }],
  'recipients that are too large': [
    'PACKET_TOO_LARGE',
    { packet: (packet) => ({ ...packet, recipients: new Uint8Array(12 * 1024 + 1) }) },
  ],
})

/** Refusals before any key is asked: parse, gates, signature, hashes. */
async function admission(sender: Instance, agents: readonly Agent[], stranger: Instance) {
  const sealed = await requestOf({ name: 'refusals', sender, agents })
  const parts = decode(Packet, sealed.bytes)
  const draft = { core: sealed.core, recipients: parts.recipients, ciphertext: parts.ciphertext }
  const rows = []
  for (const [name, [result, spoil]] of Object.entries(requestCases(stranger)))
    rows.push({ name, packet: toHex(await assemble(draft, sender.signer, spoil)), result })
  const bodiless = {
    core: fixedCore('refusals/ack', 'ACK', replyDraftOf(sealed, agents[0] as Agent, 1n)),
    recipients: undefined,
    ciphertext: undefined,
  }
  const replyCases: Cases = {
    'ACK: nothing wrong': ['ok', core({ attempt: 1, code: 1 })],
    'ACK: without a code': ['FIELD_INVALID', core({ attempt: 1 })],
    'ACK: without an attempt': ['FIELD_INVALID', core({ code: 1 })],
    'ACK: a code of a NACK': ['FIELD_INVALID', core({ attempt: 1, code: 10 })],
    'ACK: a response nonce': ['FIELD_INVALID', core({ attempt: 1, code: 1, responseNonce: fixed('nonce') })],
    'NACK: a code of an ACK': ['FIELD_INVALID', core({ kind: 5, attempt: 1, code: 1 })],
    'CLOSE: STOP without a body': ['FIELD_INVALID', core({ kind: 3, attempt: 1, code: 3 })],
    'CLOSE: ABORTED with part of a body': ['FIELD_INVALID', core({ kind: 3, attempt: 1, code: 8, paddedSize: 256 })],
    'CLOSE: ABORTED without a body': ['ok', core({ kind: 3, attempt: 1, code: 8 })],
    'OPEN: without a body': ['FIELD_INVALID', core({ kind: 2, attempt: 1, responseNonce: fixed('nonce') })],
    'ACK: to a tag': ['FIELD_INVALID', core({ attempt: 1, code: 1, targetTag: 'misty', targetInstance: undefined })],
    'CANCEL: an attempt': ['FIELD_INVALID', core({ kind: 6, attempt: 1 })],
    'CANCEL: a code of an outcome': ['FIELD_INVALID', core({ kind: 6, code: 8 })],
  }
  for (const [name, [result, spoil]] of Object.entries(replyCases))
    rows.push({ name, packet: toHex(await assemble(bodiless, (agents[0] as Agent).signer, spoil)), result })
  return rows
}

/** Refusals of one who has keys. Every packet is well formed, signed, and holds its hashes. */
async function opening(sender: Instance, agent: Agent, other: Agent) {
  const ask = { name: 'openings', sender, agents: [agent] }
  const sealed = await requestOf(ask)
  const { recipients: sent } = decode(Packet, sealed.bytes)
  const contentKey = contentKeyOf(ask.name)
  /** The content key stays sealed to the same core: only the body is made anew. */
  const withBody = async (plain: Bytes) => {
    const ciphertext = aeadSeal(contentKey, new Uint8Array(12), encode(HeaderCore, sealed.core), plain)
    return assemble({ core: sealed.core, recipients: sent, ciphertext }, sender.signer, {})
  }
  const { salt, content } = sealed.opening
  const right = pad(salt, content)
  const changed = (at: number, value: number) => right.map((byte, i) => (i === at ? value : byte)) as Bytes
  const reseal = async (bytes: Bytes) => {
    const plain = {
      ...sealed.plain,
      content: bytes,
      core: { ...sealed.core, contentCommitment: contentCommitment(salt, bytes) },
    }
    const fixedKeys = { contentKey, ephemerals: [ephemeralOf(ask.name, 0, 1)] }
    const { unsigned } = sealUnsigned(plain, await kemFor(1), fixedKeys)
    return assemble(
      { core: unsigned.core, recipients: unsigned.recipients, ciphertext: unsigned.ciphertext },
      sender.signer,
      {},
    )
  }
  const parts = decode(Packet, sealed.bytes)
  const draft = { core: sealed.core, recipients: parts.recipients, ciphertext: parts.ciphertext }
  const spoilRecipient = (change: Partial<Recipient>): Spoil => ({
    recipients: (list) => list.map((each) => ({ ...each, ...change })),
  })
  const session = await assemble(draft, sender.signer, {
    core: (usual) => ({ ...usual, session: fixed('a session') }),
    recipients: (list) => list.map((each) => ({ ...each, enc: undefined })),
  })
  const rows: (readonly [string, Bytes, string, Agent])[] = [
    ['nothing wrong', sealed.bytes, 'ok', agent],
    ['a reader who is no recipient', sealed.bytes, 'NOT_A_RECIPIENT', other],
    [
      'an unknown KEM key',
      await assemble(draft, sender.signer, spoilRecipient({ kemKeyId: fixed('key id') })),
      'OPEN_FAILED',
      agent,
    ],
    ['another enc', await assemble(draft, sender.signer, spoilRecipient({ enc: fixed('enc') })), 'OPEN_FAILED', agent],
    [
      'an enc of small order',
      await assemble(draft, sender.signer, spoilRecipient({ enc: new Uint8Array(32) })),
      'OPEN_FAILED',
      agent,
    ],
    [
      'another wrapped key',
      await assemble(draft, sender.signer, spoilRecipient({ wrappedKey: fixed('key', 48) })),
      'OPEN_FAILED',
      agent,
    ],
    ['another core than was sealed', await assemble(draft, sender.signer, core({ seq: 99n })), 'OPEN_FAILED', agent],
    [
      'another sender key than was sealed',
      await assemble(draft, other.signer, core({ senderKey: other.signer.publicKey })),
      'OPEN_FAILED',
      agent,
    ],
    [
      'a ciphertext of another key',
      await assemble({ ...draft, ciphertext: fixed('body', 272) }, sender.signer, {}),
      'OPEN_FAILED',
      agent,
    ],
    ['padding that is not zero', await withBody(changed(right.length - 1, 1)), 'CONTENT_INVALID', agent],
    ['a length past the end', await withBody(changed(32, 1)), 'CONTENT_INVALID', agent],
    ['another salt', await withBody(changed(0, (right[0] as number) ^ 1)), 'COMMITMENT_MISMATCH', agent],
    ['another content', await withBody(changed(40, (right[40] as number) ^ 1)), 'COMMITMENT_MISMATCH', agent],
    [
      'a content that is not canonical',
      await reseal(concat(content, Uint8Array.of(0x18, 1))),
      'CONTENT_INVALID',
      agent,
    ],
    ['an empty content', await reseal(new Uint8Array(0)), 'CONTENT_INVALID', agent],
    ['an unknown session', session, 'SESSION_UNKNOWN', agent],
  ]
  return rows.map(([name, packet, result, reader]) => ({
    name,
    packet: toHex(packet),
    reader: recipientVector(reader),
    result,
  }))
}

/** Refusals of the one who asked: OPENs that it cannot open. */
async function replyOpening(sender: Instance, agent: Agent) {
  const request = await requestOf({ name: 'reply openings', sender, agents: [agent] })
  const responseNonce = fixed('reply openings/response nonce')
  const { keys } = replyKeysOf(request, agent, responseNonce)
  const other = replyKeysOf(request, agent, fixed('another nonce')).keys
  const draft = {
    ...fixedCore('reply openings/open', 'STREAM_OPEN', replyDraftOf(request, agent, 1n)),
    attempt: 1,
    responseNonce,
  }
  const content = encode(OpenContent, { modelStatement: fixed('a model statement', 80) })
  const row = async (name: string, sealedWith: typeof keys.open, text: Bytes, result: string) => ({
    name,
    packet: toHex((await sealReplyFixed(draft, text, sealedWith, agent)).bytes),
    result,
  })
  return {
    keys: keysVector(keys),
    opens: [
      await row('nothing wrong', keys.open, content, 'ok'),
      await row('the keys of CLOSE', keys.close, content, 'OPEN_FAILED'),
      await row('the keys of another nonce', other.open, content, 'OPEN_FAILED'),
      await row(
        'a salt that is not the derived one',
        { ...keys.open, salt: other.open.salt },
        content,
        'COMMITMENT_MISMATCH',
      ),
      await row(
        'a content that is not canonical',
        keys.open,
        concat(content, Uint8Array.of(0x20, 1)),
        'CONTENT_INVALID',
      ),
    ],
  }
}

export async function refusals() {
  const [sender, stranger] = [await anInstance('sender'), await anInstance('stranger')]
  const [agent, other] = [await anAgent('agent 0', 1), await anAgent('agent 1', 1)]
  return {
    about: 'Packets that are refused, with the code (protocol §3, §5 to §7, §12), and all codes (§16).',
    admission: await admission(sender, [agent, other], stranger),
    opening: await opening(sender, agent, other),
    replies: await replyOpening(sender, agent),
    codes: Object.entries(CODES).map(([code, { wire, status, fate, remedy }]) => ({
      code,
      wire,
      status,
      fate,
      remedy,
    })),
  }
}

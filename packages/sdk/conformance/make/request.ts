/**
 * Requests with fixed keys: the sender, its candidates, and everything that sealing makes on the way.
 *
 * @module
 */
import { encode, HeaderCore, type RequestContent, SignedDocument } from '@mystranet/schemas/messages'
import { type Bytes, toHex } from '../../src/bytes.ts'
import { PAYLOAD_TYPES, pae } from '../../src/envelope/dsse.ts'
import { kemKeyId } from '../../src/envelope/hash.ts'
import { pad } from '../../src/envelope/padding.ts'
import { kemFor, type Suite } from '../../src/keys/kem.ts'
import { buildRequest, type Candidate, type PlainPacket, type RequestDraft } from '../../src/packet/build.ts'
import { finish, hpkeInfo, openingOf, type SealedRequest, sealUnsigned } from '../../src/packet/seal.ts'
import { anInstance, fixed, type Instance, NETWORK, NOW_MS } from './fixed.ts'

/** An agent with a prekey. */
export async function anAgent(name: string, suite: Suite) {
  const kem = await kemFor(suite)
  const privateKey = fixed(`${name}/kem/${suite}`)
  const publicKey = kem.publicKey(privateKey)
  const instance = await anInstance(name)
  const candidate: Candidate = {
    instance: instance.instance,
    kemKeyId: kemKeyId(suite, publicKey),
    kemKey: publicKey,
    deleteAfterMs: NOW_MS + 86_400_000,
  }
  return { ...instance, suite, privateKey, publicKey, candidate }
}
export type Agent = Awaited<ReturnType<typeof anAgent>>

export const question = (content: string): RequestContent => ({
  chat: { messages: [{ role: 'user', content, toolCalls: [] }], tools: [] },
})

export interface Ask {
  readonly name: string
  readonly sender: Instance
  readonly agents: readonly Agent[]
  readonly content?: RequestContent
  readonly seq?: bigint
  readonly changes?: Partial<RequestDraft>
}

export const TABLE_DIGEST = fixed('routing table')

/** A request in plain form, its random parts fixed by its name. */
export function plainRequest({ name, sender, agents, content, seq = 1n, changes }: Ask): PlainPacket {
  const suite = (agents[0] as Agent).suite
  return buildRequest(
    {
      network: NETWORK,
      suite,
      sender: sender.instance,
      senderKey: sender.signer.publicKey,
      target: { tag: 'misty.weave' },
      candidates: agents.map(({ candidate }) => candidate),
      content: content ?? question('Why is the sky blue?'),
      tableDigest: TABLE_DIGEST,
      place: { epoch: BigInt(NOW_MS), seq },
      nowMs: NOW_MS,
      ...changes,
    },
    {
      salt: fixed(`${name}/salt`),
      nonce: fixed(`${name}/nonce`, 16),
      correlationId: fixed(`${name}/correlation`, 16),
    },
  )
}

export const contentKeyOf = (name: string) => fixed(`${name}/content key`)
export const ephemeralOf = (name: string, i: number, suite: Suite) =>
  fixed(`${name}/ephemeral ${i}`, suite === 1 ? 32 : 64)

/** Everything of a request before its signature. */
export async function sealFixed(ask: Ask) {
  const plain = plainRequest(ask)
  const suite = (ask.agents[0] as Agent).suite
  const ephemerals = ask.agents.map((_, i) => ephemeralOf(ask.name, i, suite))
  const sealed = sealUnsigned(plain, await kemFor(suite), { contentKey: contentKeyOf(ask.name), ephemerals })
  return { plain, ephemerals, ...sealed }
}

/** A sealed and signed request. */
export async function requestOf(ask: Ask): Promise<SealedRequest & { readonly plain: PlainPacket }> {
  const { plain, unsigned, secrets } = await sealFixed(ask)
  const signature = await ask.sender.signer.sign(pae(PAYLOAD_TYPES.packet, unsigned.header))
  return { ...finish(unsigned, { signature }), ...secrets, opening: openingOf(plain), plain }
}

/** A request as a vector: what goes in, what comes out, and the values between. */
export async function requestVector(ask: Ask, { brief = false }: { readonly brief?: boolean } = {}) {
  const { plain, ephemerals, unsigned } = await sealFixed(ask)
  const sealed = await requestOf(ask)
  const { core } = plain
  return {
    name: ask.name,
    suite: core.suite,
    sender: instanceVector(ask.sender),
    recipients: ask.agents.map((agent, i) => ({
      ...recipientVector(agent),
      ...(core.session === undefined && { ephemeral: toHex(ephemerals[i] as Bytes) }),
      ...(!brief && core.session === undefined && { hpkeInfo: toHex(hpkeInfo(core, agent.instance, agent.publicKey)) }),
      responseSecret: toHex(sealed.replySecrets.get(toHex(agent.instance))!.exported),
      ...(core.session === undefined && {
        sessionSecret: toHex(sealed.sessionSecrets.get(toHex(agent.instance)) as Bytes),
      }),
    })),
    contentKey: toHex(contentKeyOf(ask.name)),
    salt: toHex(plain.salt),
    content: toHex(plain.content),
    paddedSize: pad(plain.salt, plain.content).length,
    contentCommitment: toHex(core.contentCommitment as Uint8Array),
    core: toHex(encode(HeaderCore, core)),
    header: toHex(unsigned.header),
    packetId: toHex(sealed.id),
    packet: toHex(sealed.bytes),
  }
}

export const instanceVector = ({ name, instance, root, signer }: Instance) => ({
  instance: toHex(instance),
  rootKey: toHex(root.publicKey),
  packetSeed: toHex(fixed(`${name}/packet`)),
  packetKey: toHex(signer.publicKey),
})

export const recipientVector = ({ instance, privateKey, publicKey, candidate }: Agent) => ({
  instance: toHex(instance),
  kemPrivateKey: toHex(privateKey),
  kemPublicKey: toHex(publicKey),
  kemKeyId: toHex(candidate.kemKeyId),
})

/** A signed document's exact bytes. */
export async function documentOf(thing: keyof typeof PAYLOAD_TYPES, body: Bytes, signer: Instance['signer']) {
  return encode(SignedDocument, {
    body,
    key: signer.publicKey,
    signature: await signer.sign(pae(PAYLOAD_TYPES[thing], body)),
  })
}

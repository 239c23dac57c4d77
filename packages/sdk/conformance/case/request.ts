/** Requests of the vectors: their recipients' keys, and how they are made again. */
import type { OpeningKeys } from '../../src/packet/open.ts'
import { bytesOf, type Context, equal } from '../case.ts'
import type { Vectors } from '../make-vectors.ts'

export type AnyRequest =
  | Vectors['packets']['packets'][number]
  | Vectors['sessions']['sessions'][number]['first']
  | Vectors['replies']['replies'][number]['request']

interface Recipient {
  readonly instance: string
  readonly kemPrivateKey: string
  readonly kemPublicKey: string
  readonly kemKeyId: string
}

export function openingKeysOf(recipient: Recipient, sessionSecret?: string): OpeningKeys {
  const pair = { privateKey: bytesOf(recipient.kemPrivateKey), publicKey: bytesOf(recipient.kemPublicKey) }
  const id = bytesOf(recipient.kemKeyId)
  return {
    instance: bytesOf(recipient.instance),
    kemKey: (wanted) => (String(wanted) === String(id) ? pair : undefined),
    session: () => (sessionSecret === undefined ? undefined : bytesOf(sessionSecret)),
  }
}

/** Seals and signs a request again from its parts: the bytes must be those of the vector. */
export async function remake(
  { sdk }: Context,
  vector: AnyRequest,
  session: { readonly packetId: string; readonly secrets: ReadonlyMap<string, string> } | undefined,
): Promise<void> {
  const core = sdk.messages.decode(sdk.messages.HeaderCore, bytesOf(vector.core))
  const candidates = vector.recipients.map((each) => ({
    instance: bytesOf(each.instance),
    kemKeyId: bytesOf(each.kemKeyId),
    kemKey: bytesOf(each.kemPublicKey),
    deleteAfterMs: Number.MAX_SAFE_INTEGER,
  }))
  const kem = await sdk.kemFor(vector.suite)
  for (const { kemPrivateKey, kemPublicKey, kemKeyId } of vector.recipients) {
    equal(kem.publicKey(bytesOf(kemPrivateKey)), kemPublicKey, 'the KEM key')
    equal(sdk.kemKeyId(vector.suite, bytesOf(kemPublicKey)), kemKeyId, 'the id of the KEM key')
  }
  const [salt, content] = [bytesOf(vector.salt), bytesOf(vector.content)]
  equal(sdk.contentCommitment(salt, content), vector.contentCommitment, 'the commitment')
  equal(sdk.pad(salt, content).length, vector.paddedSize, 'the padded size')
  for (const each of vector.recipients) {
    if (!('hpkeInfo' in each) || each.hpkeInfo === undefined) continue
    equal(sdk.hpkeInfo(core, bytesOf(each.instance), bytesOf(each.kemPublicKey)), each.hpkeInfo, 'the info of HPKE')
  }
  const plain = {
    core,
    candidates,
    salt,
    content,
    session: session && {
      packetId: bytesOf(session.packetId),
      secrets: new Map([...session.secrets].map(([instance, secret]) => [instance, bytesOf(secret)])),
      deleteAfterMs: Number.MAX_SAFE_INTEGER,
    },
  }
  const ephemerals = vector.recipients.map((each) => bytesOf(each.ephemeral ?? ''))
  const { unsigned, secrets } = sdk.sealUnsigned(plain, kem, { contentKey: bytesOf(vector.contentKey), ephemerals })
  equal(unsigned.header, vector.header, 'the header')
  for (const { instance, responseSecret } of vector.recipients) {
    equal(secrets.replySecrets.get(instance)?.exported, bytesOf(responseSecret), 'the response secret')
  }
  const signer = await sdk.localSigner(bytesOf(vector.sender.packetSeed))
  equal(signer.publicKey, vector.sender.packetKey, 'the sender key')
  const signature = await signer.sign(sdk.pae(sdk.PAYLOAD_TYPES.packet, unsigned.header))
  equal(sdk.finish(unsigned, { signature }).bytes, vector.packet, 'the packet')
}

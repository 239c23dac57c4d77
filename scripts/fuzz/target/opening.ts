import { decode, encode, Header, HeaderCore, Packet, Recipients } from '../../../packages/schemas/src/messages.ts'
import { anInstance } from '../../../packages/sdk/conformance/make/fixed.ts'
import { anAgent, ephemeralOf, requestOf } from '../../../packages/sdk/conformance/make/request.ts'
import { aeadSeal } from '../../../packages/sdk/src/adapters/node/primitives.ts'
import { PAYLOAD_TYPES, pae } from '../../../packages/sdk/src/envelope/dsse.ts'
import { ciphertextHash, contentCommitment, recipientsHash } from '../../../packages/sdk/src/envelope/hash.ts'
import { checkHashes, verifyOrigin } from '../../../packages/sdk/src/envelope/origin.ts'
import { pad } from '../../../packages/sdk/src/envelope/padding.ts'
import { parsePacket } from '../../../packages/sdk/src/envelope/parse.ts'
import { kemFor } from '../../../packages/sdk/src/keys/kem.ts'
import { openRequest } from '../../../packages/sdk/src/packet/open.ts'
import { finish, sealUnsigned } from '../../../packages/sdk/src/packet/seal.ts'
import { breakBytes } from '../mutate/bytes.ts'
import { breakWire } from '../mutate/wire.ts'
import type { Random } from '../random.ts'
import { judged, promise, same, type Target } from '../target.ts'
import { fromHex, vector } from '../vector.ts'

/** A request as its recipient opens it. What is refused before a key is asked is the packet's own target: UNPARSED. */
export const target: Target = {
  name: 'opening',
  inputs: 30_000,
  codes: ['UNPARSED', 'NOT_A_RECIPIENT', 'SESSION_UNKNOWN', 'OPEN_FAILED', 'CONTENT_INVALID', 'COMMITMENT_MISMATCH'],
  covers: ['sdk/packet/open.ts openRequest', 'sdk/keys/hpke.ts openBase'],
  async open() {
    const [sender, agent, other] = [
      await anInstance('sender'),
      await anAgent('agent 0', 1),
      await anAgent('agent 1', 1),
    ]
    const name = 'fuzz'
    const sealed = await requestOf({ name, sender, agents: [agent] })
    const { salt, content } = sealed.opening
    const whole = decode(Packet, sealed.bytes)
    const kem = await kemFor(1)
    const signedHeader = async (packet: Packet, header: Uint8Array<ArrayBuffer>) => {
      const signature = (await sender.signer.sign(pae(PAYLOAD_TYPES.packet, header))) as Uint8Array<ArrayBuffer>
      return encode(Packet, { ...packet, header, signature })
    }
    /** Another ciphertext or other recipients, hashed and signed. */
    const withParts = (parts: Partial<Packet>, change: (core: HeaderCore) => HeaderCore = (core) => core) => {
      const packet = { ...whole, ...parts }
      const core = change(decode(HeaderCore, decode(Header, whole.header).core))
      const hashes = {
        recipientsHash: recipientsHash(packet.recipients as Uint8Array),
        ciphertextHash: ciphertextHash(packet.ciphertext as Uint8Array),
      }
      return signedHeader(packet, encode(Header, { core: encode(HeaderCore, core), ...hashes }))
    }
    const contentKey = new Uint8Array(32).fill(9)
    const resealed = async (bytes: Uint8Array, commitment = contentCommitment(salt, bytes)) => {
      const plain = {
        ...sealed.plain,
        content: bytes as Uint8Array<ArrayBuffer>,
        core: { ...sealed.core, contentCommitment: commitment },
      }
      const { unsigned } = sealUnsigned(plain, kem, { contentKey, ephemerals: [ephemeralOf(name, 0, 1)] })
      const signature = await sender.signer.sign(pae(PAYLOAD_TYPES.packet, unsigned.header))
      return finish(unsigned, { signature }).bytes
    }
    /** The plaintext itself changed: padding, length, salt. The key that wraps stays that of the core. */
    const withPlain = async (random: Random) => {
      const first = decode(Packet, await resealed(content))
      const core = decode(Header, first.header).core
      const right = pad(salt, content)
      const broken = breakBytes(right, random, [right])
      const plain =
        broken.length === right.length
          ? broken
          : right.map((byte, i) => (i === random.below(right.length) ? byte ^ 1 : byte))
      const ciphertext = aeadSeal(contentKey, new Uint8Array(12), core, plain)
      const header = encode(Header, { ...decode(Header, first.header), ciphertextHash: ciphertextHash(ciphertext) })
      return signedHeader({ ...first, ciphertext }, header)
    }
    const { recipients } = decode(Recipients, whole.recipients as Uint8Array)
    const withRecipient = (change: object, core?: (core: HeaderCore) => HeaderCore) =>
      withParts(
        { recipients: encode(Recipients, { recipients: recipients.map((each) => ({ ...each, ...change })) }) },
        core,
      )
    const rows = vector('refusals').opening.filter(
      ({ reader }) => reader.instance !== Buffer.from(other.instance).toString('hex'),
    )
    return {
      manner: 'wire',
      seeds: [sealed.bytes, await resealed(content), ...rows.map(({ packet }) => fromHex(packet))],
      twists: [
        { make: (random) => resealed(breakWire(content, random, [content])) },
        { make: (random) => resealed(content, random.bytes(32)) },
        { make: withPlain },
        { make: withPlain },
        {
          make: (random) =>
            withParts({
              ciphertext: breakBytes(whole.ciphertext as Uint8Array, random, [content]).slice(0, 272) as never,
            }),
        },
        { make: (random) => withRecipient({ wrappedKey: random.bytes(48) }) },
        { make: (random) => withRecipient({ enc: random.bytes(32) }) },
        { make: (random) => withRecipient({ kemKeyId: random.bytes(32) }) },
        { make: (random) => withRecipient({ enc: undefined }, (core) => ({ ...core, session: random.bytes(32) })) },
        { make: async () => (await requestOf({ name: 'another', sender, agents: [other] })).bytes },
      ],
      async run(input) {
        let packet: ReturnType<typeof parsePacket>
        try {
          packet = parsePacket(input)
          await verifyOrigin(packet, packet.origin)
          checkHashes(packet)
        } catch {
          return 'UNPARSED'
        }
        return judged(async () => {
          const opened = await openRequest(packet, {
            instance: agent.instance,
            kemKey: (id) => (same(id, agent.candidate.kemKeyId) ? agent : undefined),
            session: () => undefined,
          })
          const { salt: found, content: bytes } = opened.opening
          promise(
            same(contentCommitment(found, bytes), packet.core.contentCommitment as Uint8Array),
            'its content is not the one that was signed',
          )
        })
      },
    }
  },
}

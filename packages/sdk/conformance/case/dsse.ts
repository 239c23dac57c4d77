/** DSSE: another library verifies our envelopes, and we verify those that are made with its encoding. */
import type * as SigstoreBundle from '@sigstore/bundle'
import type * as SigstoreCore from '@sigstore/core'
import type * as SigstoreVerify from '@sigstore/verify'
import { type Cases, type Context, equal } from '../case.ts'

interface Theirs {
  readonly bundle: typeof SigstoreBundle
  readonly core: typeof SigstoreCore
  readonly verify: typeof SigstoreVerify
}

/** It is made of Node's own modules. Where there are none, and its bundle leaves it out, the import fails. */
async function load(): Promise<Theirs | string> {
  try {
    const [bundle, core, verify] = await Promise.all([
      import('@sigstore/bundle'),
      import('@sigstore/core'),
      import('@sigstore/verify'),
    ])
    return { bundle, core, verify }
  } catch (error) {
    return `the other library does not run here: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** RFC 8410: what stands before the 32 bytes of an Ed25519 key. */
const SPKI = Uint8Array.of(0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00)
const HINT = 'the key'

/** Whether the other library takes the envelope, under one public key and without certificates, times or a log. */
function takes({ bundle, core, verify }: Theirs, envelope: unknown, publicKey: Uint8Array): boolean {
  const read = bundle.bundleFromJSON({
    mediaType: bundle.BUNDLE_V03_MEDIA_TYPE,
    verificationMaterial: { publicKey: { hint: HINT }, tlogEntries: [] },
    dsseEnvelope: envelope,
  })
  const key = { publicKey: core.crypto.createPublicKey(spkiOf(publicKey)), validFor: () => true }
  const none = { certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [] }
  const verifier = new verify.Verifier(
    { ...none, publicKey: () => key },
    { ctlogThreshold: 0, tlogThreshold: 0, timestampThreshold: 0 },
  )
  try {
    verifier.verify(verify.toSignedEntity(read))
    return true
  } catch (error) {
    if (error instanceof verify.VerificationError) return false
    throw error
  }
}

const spkiOf = (key: Uint8Array) => btoa(String.fromCharCode(...SPKI, ...key))

/** Bodies at which an encoding of lengths could slip, and payload types of ours and of others. */
const bodiesOf = ({ sdk }: Context) => [0, 1, 9, 10, 99, 100, 1_000, 70_000].map((size) => sdk.utf8('é'.repeat(size)))
const typesOf = ({ sdk }: Context) => [...Object.values(sdk.PAYLOAD_TYPES), 'application/vnd.in-toto+json', 'té', '']

async function oursByThem(context: Context, theirs: Theirs): Promise<boolean[]> {
  const { sdk } = context
  const signer = await sdk.localSigner(new Uint8Array(32).fill(7))
  const stranger = await sdk.localSigner(new Uint8Array(32).fill(8))
  const verdicts: boolean[] = []
  for (const payloadType of typesOf(context).filter((type) => type !== '')) {
    for (const payload of bodiesOf(context).filter(({ length }) => length > 0)) {
      const sig = await signer.sign(sdk.pae(payloadType, payload))
      const envelope = { payloadType, payload, signatures: [{ sig, keyid: '' }] }
      const json = () => JSON.parse(sdk.encodeDsse(envelope)) as { payload: string }
      verdicts.push(takes(theirs, json(), signer.publicKey), takes(theirs, json(), stranger.publicKey))
      const changed = sdk.encodeDsse({ ...envelope, payload: payload.with(0, (payload[0] as number) ^ 1) })
      const retyped = sdk.encodeDsse({ ...envelope, payloadType: `${payloadType}x` })
      for (const other of [changed, retyped]) verdicts.push(takes(theirs, JSON.parse(other), signer.publicKey))
    }
  }
  return verdicts
}

async function theirsByUs(context: Context, { bundle, core }: Theirs): Promise<boolean[]> {
  const { sdk } = context
  const signer = await sdk.localSigner(new Uint8Array(32).fill(7))
  const verdicts: boolean[] = []
  for (const payloadType of typesOf(context)) {
    for (const payload of bodiesOf(context)) {
      const encoded = core.dsse.preAuthEncoding(payloadType, payload as never)
      equal(sdk.pae(payloadType, payload), new Uint8Array(encoded), 'the encoding that is signed')
      // In its JSON the other library leaves out what is empty, and DSSE does not.
      if (payloadType === '' || payload.length === 0) continue
      const sig = await signer.sign(new Uint8Array(encoded))
      const json = bundle.envelopeToJSON({
        payloadType,
        payload: payload as never,
        signatures: [{ sig: sig as never, keyid: '' }],
      })
      const read = sdk.parseDsse(JSON.stringify(json))
      const signed = sdk.pae(read.payloadType, read.payload)
      const [signature] = read.signatures
      equal([read.payloadType, read.payload], [payloadType, payload], 'the envelope')
      verdicts.push(
        await sdk.primitives.verifyEd25519(signer.publicKey, signed, signature?.sig as Uint8Array<ArrayBuffer>),
      )
    }
  }
  return verdicts
}

export const dsseCases: Cases = {
  async 'DSSE: another library takes ours, and no changed one'(context) {
    const theirs = await load()
    if (typeof theirs === 'string') return theirs
    const verdicts = await oursByThem(context, theirs)
    if (verdicts.length < 300) throw new Error(`${verdicts.length} verdicts, wanted 300`)
    equal(verdicts.map(Number).join(''), '1000'.repeat(verdicts.length / 4), 'the string of verdicts')
    return undefined
  },
  async 'DSSE: we take what another library encodes'(context) {
    const theirs = await load()
    if (typeof theirs === 'string') return theirs
    const verdicts = await theirsByUs(context, theirs)
    if (verdicts.length < 90) throw new Error(`${verdicts.length} verdicts, wanted 90`)
    equal(verdicts.includes(false), false, 'a refusal')
    return undefined
  },
}

/**
 * What the SDK adds to the primitives it stands on, and how it compares with the general HPKE libraries.
 *
 * Ours and theirs run in turns, in batches of a few milliseconds, and each pair of batches gives one ratio: what slows
 * the machine down for a while slows both. The row is the median of the ratios, with the extremes beside it. Everything
 * is sequential and in one thread; with many calls in flight the WebCrypto libraries use the other cores too.
 *
 *   node --conditions=@mystranet/source bench/primitives.ts [pairs]
 *
 * @module
 */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { AeadId, CipherSuite as CoreSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core'
import * as panva from 'hpke'
import * as javascript from '../packages/sdk/src/adapters/noble/symmetric.ts'
import { aeadSeal, randomBytes } from '../packages/sdk/src/adapters/node/primitives.ts'
import { PAYLOAD_TYPES, pae } from '../packages/sdk/src/envelope/dsse.ts'
import { verifyEd25519 } from '../packages/sdk/src/keys/ed25519.ts'
import { sealBase } from '../packages/sdk/src/keys/hpke.ts'
import { kemFor } from '../packages/sdk/src/keys/kem.ts'
import { localSigner } from '../packages/sdk/src/keys/signer.ts'

/** One line of the table. `value` is null when it could not be measured; then `note` says why. */
export interface Row {
  readonly id: string
  readonly value: number | null
  readonly unit: string
  readonly goal: number
  readonly better: 'higher' | 'lower'
  /** How many samples `value` is the median of. */
  readonly n: number
  readonly min: number | null
  readonly max: number | null
  /** In the same unit as `note` says: for ratios, microseconds of one operation of the peer. */
  readonly peer?: { readonly name: string; readonly version: string; readonly value: number }
  readonly note?: string
}

export interface Contest {
  readonly ours: () => unknown
  readonly theirs: () => unknown
  /** Operations of one batch. */
  readonly ourBatch: number
  readonly theirBatch: number
  readonly pairs: number
}

export interface Outcome {
  /** Our rate divided by theirs: median, least and greatest of the pairs. */
  readonly ratio: number
  readonly min: number
  readonly max: number
  /** Median microseconds of one operation. */
  readonly oursUs: number
  readonly theirsUs: number
}

/** Microseconds of one operation. Promises are awaited one by one. */
async function timed(operation: () => unknown, count: number): Promise<number> {
  const start = performance.now()
  for (let i = 0; i < count; i++) {
    const result = operation()
    if (result instanceof Promise) await result
  }
  return ((performance.now() - start) / count) * 1000
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN

/** Interleaved pairs; who begins changes from pair to pair. */
export async function contest({ ours, theirs, ourBatch, theirBatch, pairs }: Contest): Promise<Outcome> {
  await timed(ours, ourBatch * 5)
  await timed(theirs, theirBatch * 5)
  const [our, their, ratios]: [number[], number[], number[]] = [[], [], []]
  for (let pair = 0; pair < pairs; pair++) {
    const oursFirst = pair % 2 === 0
    const before = oursFirst ? await timed(ours, ourBatch) : await timed(theirs, theirBatch)
    const after = oursFirst ? await timed(theirs, theirBatch) : await timed(ours, ourBatch)
    const [ourUs, theirUs] = oursFirst ? [before, after] : [after, before]
    our.push(ourUs)
    their.push(theirUs)
    ratios.push(theirUs / ourUs)
  }
  return {
    ratio: median(ratios),
    min: Math.min(...ratios),
    max: Math.max(...ratios),
    oursUs: median(our),
    theirsUs: median(their),
  }
}

const round = (value: number) => Number(value.toPrecision(4))

function rowOf(id: Id, pairs: number, outcome: Outcome, peer: readonly [string, string], what: string) {
  return {
    id,
    value: round(outcome.ratio),
    unit: 'ratio',
    goal: GOALS[id],
    better: 'higher',
    n: pairs,
    min: round(outcome.min),
    max: round(outcome.max),
    peer: { name: peer[0], version: peer[1], value: round(outcome.theirsUs) },
    note: `${what}; ours ${round(outcome.oursUs)} µs, peer ${round(outcome.theirsUs)} µs, sequential, one thread`,
  } as const satisfies Row
}

/** As long as a header of a request is. */
const HEADER = randomBytes(600)
const TYPE = PAYLOAD_TYPES.packet
const NODE = ['node:crypto', process.version] as const

/** PAE and signature against `crypto.sign` of ready bytes under a ready key. */
export async function signRow(pairs = 60): Promise<Row> {
  const seed = randomBytes(32)
  const signer = await localSigner(seed)
  const key = privateKeyOf(seed)
  const ready = pae(TYPE, HEADER)
  const outcome = await contest({
    ours: () => signer.sign(pae(TYPE, HEADER)),
    theirs: () => sign(null, ready, key),
    ourBatch: 200,
    theirBatch: 200,
    pairs,
  })
  return rowOf('sdk.sign.vs_primitive', pairs, outcome, NODE, 'PAE and signature of a 600 B header')
}

/** PAE, gate, look-up of the key and verification against `crypto.verify` of ready bytes under a ready key. */
export async function verifyRow(pairs = 60): Promise<Row> {
  const seed = randomBytes(32)
  const { publicKey } = await localSigner(seed)
  const ready = pae(TYPE, HEADER)
  const signature = new Uint8Array(sign(null, ready, privateKeyOf(seed)))
  const key = createPublicKey(privateKeyOf(seed))
  if (!(await verifyEd25519(publicKey, ready, signature))) throw new Error('the measured signature does not verify')
  const outcome = await contest({
    ours: () => verifyEd25519(publicKey, pae(TYPE, HEADER), signature),
    theirs: () => verify(null, ready, key, signature),
    ourBatch: 100,
    theirBatch: 100,
    pairs,
  })
  return rowOf('sdk.verify.vs_primitive', pairs, outcome, NODE, 'PAE, gate and verification of a 600 B header')
}

function privateKeyOf(seed: Uint8Array): KeyObject {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed])
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
}

const [INFO, AAD, TEXT] = [randomBytes(160), randomBytes(500), randomBytes(256)]
const NONCE = new Uint8Array(12)
const WHAT =
  '256 B to one recipient: ours wraps a fresh content key and seals the body, the peer seals the body by HPKE'

/** A recipient of our own, and the seal that a packet needs: HPKE of a content key, and the body under that key. */
async function ourSeal(): Promise<{ seal: () => unknown; publicKey: Uint8Array<ArrayBuffer> }> {
  const kem = await kemFor(1)
  const { publicKey } = kem.generate()
  return {
    publicKey,
    seal: () => {
      const contentKey = randomBytes(32)
      return [sealBase(kem, publicKey, INFO, AAD, contentKey), aeadSeal(contentKey, NONCE, AAD, TEXT)]
    },
  }
}

/** Against `hpke`, with its native ChaCha20-Poly1305. */
export async function sealVsPanvaRow(pairs = 60): Promise<Row> {
  const { seal, publicKey } = await ourSeal()
  const suite = new panva.CipherSuite(
    panva.KEM_DHKEM_X25519_HKDF_SHA256,
    panva.KDF_HKDF_SHA256,
    panva.AEAD_ChaCha20Poly1305,
  )
  const key = await suite.DeserializePublicKey(publicKey)
  const outcome = await contest({
    ours: seal,
    theirs: () => suite.Seal(key, TEXT, { info: INFO, aad: AAD }),
    ourBatch: 100,
    theirBatch: 12,
    pairs,
  })
  return rowOf('sdk.seal.vs_panva', pairs, outcome, ['hpke', versionOf('hpke')], WHAT)
}

/** Against `@hpke/core`; it ships no ChaCha20-Poly1305, so it gets ours in JavaScript, which is the faster here. */
export async function sealVsHpkeCoreRow(pairs = 60): Promise<Row> {
  const { seal, publicKey } = await ourSeal()
  const suite = new CoreSuite({
    kem: new DhkemX25519HkdfSha256(),
    kdf: new HkdfSha256(),
    aead: {
      id: AeadId.Chacha20Poly1305,
      keySize: 32,
      nonceSize: 12,
      tagSize: 16,
      createEncryptionContext: (key) => ({
        seal: async (nonce, text, aad) => javascript.aeadSeal(view(key), view(nonce), view(aad), view(text)).buffer,
        open: () => Promise.reject(new Error('only sealing is measured')),
      }),
    },
  })
  const key = await suite.kem.deserializePublicKey(publicKey.buffer)
  const outcome = await contest({
    ours: seal,
    theirs: () => suite.seal({ recipientPublicKey: key, info: INFO.buffer }, TEXT.buffer, AAD.buffer),
    ourBatch: 100,
    theirBatch: 12,
    pairs,
  })
  return rowOf('sdk.seal.vs_hpke_core', pairs, outcome, ['@hpke/core', versionOf('@hpke/core')], WHAT)
}

const view = (source: ArrayBufferLike | ArrayBufferView): Uint8Array =>
  ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source)

function versionOf(name: string): string {
  const manifest = JSON.parse(readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8'))
  return (manifest as { version: string }).version
}

const GOALS = {
  'sdk.sign.vs_primitive': 0.9,
  'sdk.verify.vs_primitive': 0.95,
  'sdk.seal.vs_panva': 8,
  'sdk.seal.vs_hpke_core': 8,
} as const
type Id = keyof typeof GOALS

const MEASURES: readonly (readonly [Id, (pairs?: number) => Promise<Row>])[] = [
  ['sdk.sign.vs_primitive', signRow],
  ['sdk.verify.vs_primitive', verifyRow],
  ['sdk.seal.vs_panva', sealVsPanvaRow],
  ['sdk.seal.vs_hpke_core', sealVsHpkeCoreRow],
]

/** All rows of this file, in the order in which they are measured. A row that fails is null with a note, never absent. */
export async function* rows(pairs = 60): AsyncIterable<Row> {
  for (const [id, measure] of MEASURES) {
    try {
      yield await measure(pairs)
    } catch (error) {
      const note = `not measured: ${error instanceof Error ? error.message : String(error)}`
      yield { id, value: null, unit: 'ratio', goal: GOALS[id], better: 'higher', n: 0, min: null, max: null, note }
    }
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  for await (const row of rows(Number(process.argv[2] ?? 60))) console.log(JSON.stringify(row))
}

/**
 * Vectors of the log: leaves, trees, checkpoints with cosignatures, policies, tiles, receipts.
 *
 * @module
 */
import { Addendum, encode, Receipt } from '@mystranet/schemas/messages'
import { sha256 } from '#primitives'
import { type Bytes, concat, fromUtf8, toHex, u32be, utf8 } from '../../src/bytes.ts'
import { isPacketError } from '../../src/errors.ts'
import { encodeCheckpoint, verifyCheckpoint } from '../../src/proof/checkpoint.ts'
import { signCosignature } from '../../src/proof/cosignature.ts'
import { encodeLeaf, type Leaf } from '../../src/proof/leaf.ts'
import { computeRoot, type Hash, hashLeaf } from '../../src/proof/merkle.ts'
import {
  COSIGNATURE_TYPE,
  createNoteKey,
  ED25519_TYPE,
  encodeNote,
  encodeVkey,
  type NoteSignature,
  parseNote,
  signNote,
} from '../../src/proof/note.ts'
import { holdsQuorum, parsePolicy } from '../../src/proof/policy.ts'
import { proveConsistency, proveInclusion } from '../../src/proof/prove.ts'
import { exportReceipt, verifyReceipt } from '../../src/proof/receipt.ts'
import { encodeBundle, encodeTile, encodeTilePath, tilesBetween } from '../../src/proof/tile.ts'
import { fixed, held, keyOf, LOG_KEY, ORIGIN } from './fixed.ts'

const NAMES = ['one', 'two', 'three', 'four'] as const
const WITNESSES = await Promise.all(
  NAMES.map(async (name) => ({ name, keyName: `${name}.witness.test`, ...(await signerOf(`witness ${name}`)) })),
)
const STRANGER = await keyOf('stranger')
const LOG = createNoteKey(ORIGIN, ED25519_TYPE, LOG_KEY.publicKey)
const T_SECONDS = 1_780_000_000n

async function signerOf(name: string) {
  const { publicKey, sign } = await keyOf(name)
  return { publicKey, sign }
}

const vkeyOf = (i: number) => {
  const { keyName, publicKey } = WITNESSES[i] as (typeof WITNESSES)[number]
  return encodeVkey(createNoteKey(keyName, COSIGNATURE_TYPE, publicKey))
}

const POLICY = [
  `# comments and blanks are passed over`,
  `log ${encodeVkey(LOG)} https://log.vectors.test`,
  ...NAMES.map((name, i) => `witness ${name} ${vkeyOf(i)}`),
  `group most 3 ${NAMES.join(' ')}`,
  `quorum most`,
  ``,
].join('\n')

const leavesOf = (size: number): Hash[] => Array.from({ length: size }, (_, i) => hashLeaf(u32be(i)))

const codeOf = (error: unknown): string => {
  if (isPacketError(error)) return error.code
  throw error
}

async function noteOf(
  head: { readonly treeSize: bigint; readonly rootHash: Hash; readonly origin?: string },
  cosigners: readonly { readonly i: number; readonly time?: bigint; readonly text?: string }[],
  signer = LOG_KEY,
): Promise<Bytes> {
  const origin = head.origin ?? ORIGIN
  const { text, signatures } = parseNote(
    await signNote(encodeCheckpoint({ ...head, origin }), {
      keyName: origin,
      publicKey: signer.publicKey,
      sign: signer.sign,
    }),
  )
  const lines: NoteSignature[] = []
  for (const { i, time = T_SECONDS + BigInt(i), text: signed = text } of cosigners) {
    lines.push(await signCosignature(signed, WITNESSES[i] as (typeof WITNESSES)[number], time))
  }
  return encodeNote({ text, signatures: [...signatures, ...lines] }) as Bytes
}

const all = NAMES.map((_, i) => ({ i }))

interface Row {
  readonly name: string
  readonly result: string
}

interface CheckpointRow extends Row {
  readonly note: string
  readonly policy: string
  readonly origin?: string
  readonly treeSize?: string
  readonly rootHash?: string
  readonly cosigners?: readonly { readonly witness: string; readonly timeSeconds: string }[]
}

interface PolicyRow extends Row {
  readonly text: string
  readonly quorums?: readonly { readonly witnesses: readonly string[]; readonly holds: boolean }[]
}

interface ReceiptRow extends Row {
  readonly receipt: string
  readonly quorumTimeMs?: number
  readonly leafIndex?: string
  readonly tlogProof?: string
}

async function checkpointVector(name: string, want: string, note: Bytes | string, policyText = POLICY) {
  const bytes = typeof note === 'string' ? utf8(note) : note
  const policy = parsePolicy(utf8(policyText))
  const row = { name, note: fromUtf8(bytes), policy: policyText }
  try {
    const { origin, treeSize, rootHash, cosigners } = await verifyCheckpoint(bytes, { policy })
    const who = cosigners.map(({ witness, timeSeconds }) => ({ witness, timeSeconds: `${timeSeconds}` }))
    const more = {
      origin,
      treeSize: `${treeSize}`,
      rootHash: toHex(rootHash),
      cosigners: who,
    }
    return held<CheckpointRow>({ ...row, result: 'ok', ...more }, want)
  } catch (error) {
    return held<CheckpointRow>({ ...row, result: codeOf(error) }, want)
  }
}

async function checkpoints() {
  const head = { treeSize: 5n, rootHash: computeRoot(leavesOf(5)) }
  const note = await noteOf(head, all)
  const text = fromUtf8(note)
  const spoiled = (from: string | RegExp, to: string) => text.replace(from, to)
  const otherText = encodeCheckpoint({ ...head, origin: ORIGIN, treeSize: 6n })
  const flip = (line: number): string => {
    const lines = text.split('\n')
    const [dash, name, blob] = (lines[line] as string).split(' ') as [string, string, string]
    const raw = Uint8Array.from(atob(blob), (char) => char.charCodeAt(0))
    raw[raw.length - 33]! ^= 1
    lines[line] = `${dash} ${name} ${btoa(String.fromCharCode(...raw))}`
    return lines.join('\n')
  }
  return [
    await checkpointVector('four witnesses', 'ok', note),
    await checkpointVector('three of four', 'ok', await noteOf(head, all.slice(1))),
    await checkpointVector('an unknown signature is passed over', 'ok', `${text}— someone.else ${btoa('12345678')}\n`),
    await checkpointVector(
      'no quorum asked',
      'ok',
      await noteOf(head, []),
      POLICY.replace('quorum most', 'quorum none'),
    ),
    await checkpointVector('an empty tree', 'ok', await noteOf({ treeSize: 0n, rootHash: computeRoot([]) }, all)),
    await checkpointVector('two of four', 'CHECKPOINT_UNTRUSTED', await noteOf(head, all.slice(2))),
    await checkpointVector('another log key under its name', 'CHECKPOINT_UNTRUSTED', await noteOf(head, all, STRANGER)),
    await checkpointVector(
      'another origin',
      'CHECKPOINT_UNTRUSTED',
      await noteOf({ ...head, origin: 'log.elsewhere.test' }, all),
    ),
    await checkpointVector(
      'a cosignature of another text',
      'CHECKPOINT_UNTRUSTED',
      await noteOf(head, [{ i: 0 }, { i: 1 }, { i: 2 }, { i: 3, text: otherText }]),
    ),
    await checkpointVector('a spoiled signature of the log', 'CHECKPOINT_UNTRUSTED', flip(4)),
    await checkpointVector('a spoiled cosignature', 'CHECKPOINT_UNTRUSTED', flip(6)),
    await checkpointVector('an extension line', 'NOTE_MALFORMED', spoiled('\n\n', '\nextension\n\n')),
    await checkpointVector('a size with a leading zero', 'NOTE_MALFORMED', spoiled('\n5\n', '\n05\n')),
    await checkpointVector('a root that is not canonical base64', 'NOTE_MALFORMED', spoiled(/=\n\n/, '\n\n')),
    await checkpointVector('no blank line', 'NOTE_MALFORMED', spoiled('\n\n', '\n')),
    await checkpointVector('one key signed twice', 'NOTE_MALFORMED', `${text}${text.split('\n')[5]}\n`),
    await checkpointVector('no final newline', 'NOTE_MALFORMED', text.slice(0, -1)),
    await checkpointVector('a carriage return', 'NOTE_MALFORMED', spoiled('\n5\n', '\r\n5\n')),
  ]
}

function policies() {
  const w = (i: number) => `witness ${NAMES[i]} ${vkeyOf(i)}\n`
  const base = [0, 1, 2, 3].map(w).join('')
  const texts: Record<string, string> = {
    'three of four': POLICY,
    'nested groups': `${base}group a any one two\ngroup b all three four\ngroup both all a b\nquorum both\n`,
    'one witness': `${w(0)}quorum one\n`,
    none: 'quorum none\n',
    'no quorum line': base,
    'two quorum lines': `${base}quorum one\nquorum one\n`,
    'an unknown keyword': `${base}quorums one\nquorum one\n`,
    'a member that is defined below': `${w(0)}group a any one two\n${w(1)}quorum a\n`,
    'a member in two groups': `${base}group a any one\ngroup b any one\nquorum a\n`,
    'a threshold of 0': `${base}group a 0 one\nquorum a\n`,
    'a threshold above the members': `${base}group a 3 one two\nquorum a\n`,
    'one key under two names': `${w(0)}witness again ${vkeyOf(0)}\nquorum one\n`,
    'the log as a witness': `witness log ${encodeVkey(LOG)}\nquorum log\n`,
    'a witness called none': `witness none ${vkeyOf(0)}\nquorum none\n`,
    'a key whose id is another': `witness one ${vkeyOf(0).replace(/\+[0-9a-f]{8}\+/, '+00000000+')}\nquorum one\n`,
  }
  const sets = [[], ['one'], ['one', 'three'], ['one', 'three', 'four'], ['one', 'two', 'three'], [...NAMES]]
  const right = ['three of four', 'nested groups', 'one witness', 'none']
  return Object.entries(texts).map(([name, text]) => {
    const want = right.includes(name) ? 'ok' : 'TRUST_FILE_INVALID'
    try {
      const policy = parsePolicy(utf8(text))
      const row = {
        name,
        text,
        result: 'ok',
        quorums: sets.map((witnesses) => ({ witnesses, holds: holdsQuorum(policy, witnesses) })),
      }
      return held<PolicyRow>(row, want)
    } catch (error) {
      return held<PolicyRow>({ name, text, result: codeOf(error) }, want)
    }
  })
}

function trees() {
  const sizes = [0, 1, 2, 3, 4, 5, 7, 8, 9]
  return {
    leafData: 'u32 of the leaf index',
    roots: sizes.map((size) => ({ size, root: toHex(computeRoot(leavesOf(size))) })),
    inclusion: [1, 2, 3, 5, 7, 8].flatMap((size) =>
      Array.from({ length: size }, (_, index) => ({
        size,
        index,
        path: proveInclusion(leavesOf(size), index).map(toHex),
      })),
    ),
    consistency: [
      [0, 5],
      [1, 5],
      [2, 5],
      [3, 7],
      [4, 8],
      [6, 8],
      [7, 9],
      [8, 9],
      [9, 9],
    ].map(([older, newer]) => ({
      older: older as number,
      newer: newer as number,
      path: proveConsistency(leavesOf(newer as number), older as number).map(toHex),
    })),
    refused: [
      {
        what: 'a path that is too long',
        size: 5,
        index: 0,
        path: [...proveInclusion(leavesOf(5), 0), leavesOf(1)[0] as Hash].map(toHex),
      },
      { what: 'a path that is too short', size: 5, index: 0, path: proveInclusion(leavesOf(5), 0).slice(1).map(toHex) },
      { what: 'the path of another leaf', size: 5, index: 1, path: proveInclusion(leavesOf(5), 0).map(toHex) },
      { what: 'an index outside the tree', size: 5, index: 5, path: proveInclusion(leavesOf(5), 4).map(toHex) },
      { what: 'a hash of 31 bytes', size: 2, index: 0, path: [toHex((leavesOf(2)[1] as Hash).subarray(1))] },
    ],
  }
}

function tiles() {
  const leaves = leavesOf(300)
  const above = [computeRoot(leaves.slice(0, 256))]
  const entries = [u32be(0), u32be(1), new Uint8Array(0)]
  const ids = [
    { level: 0, index: 0n, width: 256 },
    { level: 0, index: 1n, width: 44 },
    { level: 1, index: 0n, width: 1 },
    { level: 'entries', index: 1_234_067n, width: 256 },
    { level: 63, index: 999n, width: 255 },
  ] as const
  return {
    treeSize: '300',
    of: [...tilesBetween(0n, 300n)].map(encodeTilePath),
    between256And300: [...tilesBetween(256n, 300n)].map(encodeTilePath),
    root: toHex(computeRoot(leaves)),
    tiles: [
      { path: encodeTilePath(ids[0]), bytes: toHex(encodeTile(leaves.slice(0, 256))) },
      { path: encodeTilePath(ids[1]), bytes: toHex(encodeTile(leaves.slice(256))) },
      { path: encodeTilePath(ids[2]), bytes: toHex(encodeTile(above)) },
    ],
    paths: ids.map((id) => ({ level: `${id.level}`, index: `${id.index}`, width: id.width, path: encodeTilePath(id) })),
    noPaths: [
      'tile/0/0',
      'tile/0/000.p/256',
      'tile/0/000.p/0',
      'tile/64/000',
      'tile/0/x000/001',
      'tile/00/000',
      'tile/0/x001/001/',
      'tile/0/1000',
      'entries/000',
    ],
    bundle: { entries: entries.map(toHex), bytes: toHex(encodeBundle(entries)) },
    noBundles: [
      { width: 3, bytes: '0001' },
      { width: 1, bytes: '000101' + '0000' },
      { width: 2, bytes: '0000' },
    ],
  }
}

const leafDraft: Leaf = {
  kind: 'request',
  timeMs: 1_780_000_000_123,
  partition: fixed('partition'),
  seq: 1n,
  previous: new Uint8Array(32),
  subject: fixed('subject'),
  attempt: 0,
  commitment: fixed('commitment'),
}

const leafVector = (name: string, leaf: Leaf) => ({
  name,
  kind: leaf.kind,
  timeMs: leaf.timeMs,
  partition: toHex(leaf.partition),
  seq: `${leaf.seq}`,
  previous: toHex(leaf.previous),
  subject: toHex(leaf.subject),
  attempt: leaf.attempt,
  ...(leaf.commitment && { commitment: toHex(leaf.commitment) }),
  ...(leaf.addendumDigest && { addendumDigest: toHex(leaf.addendumDigest) }),
  bytes: toHex(encodeLeaf(leaf)),
  leafHash: toHex(hashLeaf(encodeLeaf(leaf))),
})

function leaves() {
  const plain = encodeLeaf(leafDraft)
  const opened = {
    ...leafDraft,
    kind: 'attempt',
    attempt: 3,
    seq: 2n ** 64n - 1n,
    previous: fixed('previous'),
    addendumDigest: fixed('addendum'),
  } as const
  const long = encodeLeaf(opened)
  const changed = (bytes: Uint8Array, at: number, value: number) => {
    const out = bytes.slice()
    out[at] = value
    return toHex(out)
  }
  return {
    leaves: [
      leafVector('without an addendum', leafDraft),
      leafVector('with an addendum', opened),
      leafVector('without a commitment', { ...leafDraft, kind: 'freeze', commitment: undefined }),
    ],
    refused: [
      { what: 'a byte too few', bytes: toHex(plain.subarray(1)) },
      { what: 'another label', bytes: changed(plain, 0, 0x4d) },
      { what: 'kind 0', bytes: changed(plain, 18, 0) },
      { what: 'kind 22', bytes: changed(plain, 18, 22) },
      { what: 'a time past 2^53', bytes: changed(plain, 19, 1) },
      { what: 'a suffix of 01', bytes: changed(plain, 199, 1) },
      { what: 'a digest without the suffix', bytes: changed(plain, 167, 1) },
      { what: 'a suffix with another offset', bytes: changed(long, 202, 168) },
      { what: 'a suffix without a digest', bytes: toHex(concat(plain.subarray(0, 199), long.subarray(199))) },
    ],
  }
}

async function receipts() {
  const addendum = encode(Addendum, { nonce: fixed('addendum nonce', 16), recipients: [], sender: fixed('sender') })
  const leaf = encodeLeaf({ ...leafDraft, addendumDigest: sha256(addendum) })
  const bare = encodeLeaf(leafDraft)
  const hashes = [...leavesOf(4), hashLeaf(leaf), hashLeaf(bare)]
  const head = { treeSize: 6n, rootHash: computeRoot(hashes) }
  const note = await noteOf(head, all)
  const right: Receipt = { leaf, addendum, index: 4n, path: proveInclusion(hashes, 4), checkpoint: note }
  const policy = parsePolicy(utf8(POLICY))
  const cases: Record<string, readonly [want: string, receipt: Receipt]> = {
    'with an addendum': ['ok', right],
    'without an addendum': [
      'ok',
      { ...right, leaf: bare, addendum: undefined, index: 5n, path: proveInclusion(hashes, 5) },
    ],
    'an addendum too many': ['LEAF_MISMATCH', { ...right, leaf: bare, index: 5n, path: proveInclusion(hashes, 5) }],
    'an addendum too few': ['LEAF_MISMATCH', { ...right, addendum: undefined }],
    'another addendum': [
      'LEAF_MISMATCH',
      { ...right, addendum: encode(Addendum, { nonce: fixed('x', 16), recipients: [] }) },
    ],
    'another index': ['PROOF_INVALID', { ...right, index: 5n }],
    'the path of another leaf': ['PROOF_INVALID', { ...right, path: proveInclusion(hashes, 3) }],
    'another leaf': [
      'PROOF_INVALID',
      { ...right, leaf: encodeLeaf({ ...leafDraft, attempt: 1, addendumDigest: sha256(addendum) }) },
    ],
    'no leaf': ['LEAF_MISMATCH', { ...right, leaf: fixed('no leaf') }],
    'a checkpoint without a quorum': ['CHECKPOINT_UNTRUSTED', { ...right, checkpoint: await noteOf(head, []) }],
    'a checkpoint of another tree': [
      'PROOF_INVALID',
      {
        ...right,
        checkpoint: await noteOf({ treeSize: 6n, rootHash: fixed('root') }, all),
      },
    ],
    'a note that cannot be read': ['NOTE_MALFORMED', { ...right, checkpoint: utf8('no note') }],
  }
  const rows = []
  for (const [name, [want, receipt]] of Object.entries(cases)) {
    const bytes = toHex(encode(Receipt, receipt))
    try {
      const { quorumTimeMs, leafIndex } = await verifyReceipt(receipt, { policy })
      const more = { quorumTimeMs, leafIndex: `${leafIndex}`, tlogProof: fromUtf8(exportReceipt(receipt)) }
      rows.push(held<ReceiptRow>({ name, receipt: bytes, result: 'ok', ...more }, want))
    } catch (error) {
      rows.push(held<ReceiptRow>({ name, receipt: bytes, result: codeOf(error) }, want))
    }
  }
  return [...rows, { name: 'bytes that are no Receipt', receipt: '0a', result: 'PROOF_INVALID' }]
}

export async function log() {
  return {
    about:
      'The log (protocol §10; C2SP signed-note, tlog-checkpoint, tlog-cosignature, tlog-policy, tlog-tiles, tlog-proof).',
    origin: ORIGIN,
    logSeed: toHex(fixed('log')),
    logVkey: encodeVkey(LOG),
    witnesses: NAMES.map((name, i) => ({ name, vkey: vkeyOf(i), seed: toHex(fixed(`witness ${name}`)) })),
    policy: POLICY,
    leaf: leaves(),
    tree: trees(),
    checkpoints: await checkpoints(),
    policies: policies(),
    tile: tiles(),
    receipts: await receipts(),
  }
}

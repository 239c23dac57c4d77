/**
 * A witness: cosigns a checkpoint only when it continues what it cosigned before
 * ({@link https://c2sp.org/tlog-witness C2SP tlog-witness}).
 *
 * @module
 */
import { equalBytes, utf8 } from '@mystranet/sdk/bytes'
import { isPacketError, type PacketError } from '@mystranet/sdk/errors'
import { type Checkpoint, parseCheckpoint } from '@mystranet/sdk/proof/checkpoint'
import { verifyConsistency } from '@mystranet/sdk/proof/consistency'
import { signCosignature, verifyCosignature } from '@mystranet/sdk/proof/cosignature'
import { EMPTY_ROOT } from '@mystranet/sdk/proof/merkle'
import {
  COSIGNATURE_TYPE,
  createNoteKey,
  encodeSignatureLine,
  isSignedBy,
  type NoteKey,
  type NoteSigner,
  parseNote,
  type SignedNote,
  verifyNote,
} from '@mystranet/sdk/proof/note'
import type { WitnessAnswer, WitnessRecord, WitnessStore } from '../log/ports.ts'
import { type AddCheckpoint, parseAddCheckpoint } from './request.ts'

export interface WitnessConfig {
  readonly signer: NoteSigner
  /** Keys of the logs that it witnesses, by origin (the key's name). */
  readonly logs: readonly NoteKey[]
  readonly store: WitnessStore
  /** Milliseconds since 1970; it may step back, the cosignatures' time does not. */
  now?(): number
  /** Told of what may prove that a log misbehaved: keep the body. */
  onEvidence?(reason: string, body: Uint8Array): void
}

export interface Witness {
  /** Its cosignature key, as a policy names it. */
  readonly key: NoteKey
  /**
   * Answers a request: 200 with a cosignature line, 400, 403, 404, 409 with its size, 422; 503 when it is frozen.
   * Rejects only when its store does: it then gave no cosignature.
   */
  addCheckpoint(body: Uint8Array): Promise<WitnessAnswer>
}

const refuse = (status: number, reason: string): WitnessAnswer => ({ status, body: utf8(`${reason}\n`) })

/** Makes a witness. Its state is durable before each answer. */
export function createWitness(config: WitnessConfig): Witness {
  const { signer, logs } = config
  const key = createNoteKey(signer.keyName, COSIGNATURE_TYPE, signer.publicKey)
  return {
    key,
    async addCheckpoint(body) {
      const read = readRequest(body)
      if ('status' in read) return read
      const keys = logs.filter(({ keyName }) => keyName === read.checkpoint.origin)
      if (keys.length === 0) return refuse(404, 'unknown log')
      try {
        await verifyNote(read.note, keys)
      } catch (error) {
        if (isPacketError(error)) return refuse(403, error.message)
        throw error
      }
      return judge(config, key, read, body)
    },
  }
}

interface Read {
  readonly request: AddCheckpoint
  readonly note: SignedNote
  readonly checkpoint: Checkpoint
}

function readRequest(body: Uint8Array): Read | WitnessAnswer {
  try {
    const request = parseAddCheckpoint(body)
    const note = parseNote(request.note)
    return { request, note, checkpoint: parseCheckpoint(note.text) }
  } catch (error) {
    if (isPacketError(error)) return refuse(400, error.message)
    throw error
  }
}

async function judge(config: WitnessConfig, key: NoteKey, read: Read, body: Uint8Array): Promise<WitnessAnswer> {
  const { request, checkpoint, note } = read
  if (request.oldSize > checkpoint.treeSize) return refuse(400, 'old size exceeds the checkpoint’s')
  const record = await config.store.read(checkpoint.origin)
  if (record?.frozen) return refuse(503, 'this witness lost state and cosigns no more')
  if (await provesRollback(note, key, checkpoint, record)) return freeze(config, checkpoint, record)
  const size = record?.treeSize ?? 0n
  if (request.oldSize !== size) return conflict(size)
  const inconsistency = findInconsistency(checkpoint, record, request)
  if (inconsistency !== undefined) {
    config.onEvidence?.(inconsistency.message, body)
    return refuse(422, inconsistency.message)
  }
  // Whole seconds; never before an earlier cosignature, whatever the clock does.
  const now = BigInt(Math.floor((config.now ?? Date.now)() / 1000))
  const timeSeconds = record !== undefined && record.timeSeconds > now ? record.timeSeconds : now
  const next = { treeSize: checkpoint.treeSize, rootHash: checkpoint.rootHash, timeSeconds, frozen: false }
  // The compare-and-swap makes check and write one step; who loses is told the newer size.
  if ((await config.store.replace(checkpoint.origin, record, next)) === 'conflict') {
    return conflict((await config.store.read(checkpoint.origin))?.treeSize ?? 0n)
  }
  const line = await signCosignature(note.text, config.signer, timeSeconds)
  return { status: 200, body: utf8(encodeSignatureLine(line)) }
}

function conflict(size: bigint): WitnessAnswer {
  return { status: 409, contentType: 'text/x.tlog.size', body: utf8(`${size}\n`) }
}

function findInconsistency(
  checkpoint: Checkpoint,
  record: WitnessRecord | undefined,
  { path }: AddCheckpoint,
): PacketError | undefined {
  try {
    verifyConsistency(record ?? { treeSize: 0n, rootHash: EMPTY_ROOT }, checkpoint, path)
    return undefined
  } catch (error) {
    if (isPacketError(error)) return error
    throw error
  }
}

/** Whether the checkpoint carries our own valid cosignature and yet goes beyond, or against, our record. */
async function provesRollback(
  note: SignedNote,
  key: NoteKey,
  checkpoint: Checkpoint,
  record: WitnessRecord | undefined,
): Promise<boolean> {
  const own = note.signatures.find((line) => isSignedBy(line, key))
  if (own === undefined) return false
  const beyond = checkpoint.treeSize > (record?.treeSize ?? -1n)
  const against = checkpoint.treeSize === record?.treeSize && !equalBytes(checkpoint.rootHash, record.rootHash)
  if (!beyond && !against) return false
  try {
    await verifyCosignature(note.text, own, key)
    return true
  } catch (error) {
    if (isPacketError(error)) return false
    throw error
  }
}

/** A record restored from an old backup could let a fork pass between it and what was cosigned since: so, never again. */
async function freeze(
  config: WitnessConfig,
  { origin, treeSize, rootHash }: Checkpoint,
  record: WitnessRecord | undefined,
): Promise<WitnessAnswer> {
  const frozen = { ...(record ?? { treeSize, rootHash, timeSeconds: 0n }), frozen: true }
  await config.store.replace(origin, record, frozen)
  return refuse(503, 'this witness lost state and cosigns no more')
}

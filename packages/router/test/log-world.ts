/** A log with four witnesses on memory stores, which survive the "crash" of the code above them. */

import { utf8 } from '@mystranet/sdk/bytes'
import { hashLeaf } from '@mystranet/sdk/proof/merkle'
import { encodeTlogProof, parseTlogProof, verifyTlogProof } from '@mystranet/sdk/proof/tlog-proof'
import { type TestSigner, testSigner } from '../../sdk/test/note-keys.ts'
import {
  memoryCheckpoints,
  memoryIndex,
  memoryTiles,
  memoryWal,
  memoryWitnessStore,
  walDisk,
} from '../src/adapters/memory-log.ts'
import type { WitnessFault } from '../src/log/cosigning.ts'
import type { LeafDraft } from '../src/log/leaves.ts'
import { type LogConfig, openLog } from '../src/log/log.ts'
import type { WitnessLink } from '../src/log/ports.ts'
import type { LogReceipt } from '../src/log/round.ts'
import { createWitness } from '../src/witness/witness.ts'

export const logSigner = testSigner('log.test/a', 1)
const witnessSigners = [2, 3, 4, 5].map((seed) => testSigner(`witness.test/${seed}`, seed))

export const trust = {
  policy: {
    logs: [{ key: logSigner.logKey }],
    witnesses: witnessSigners.map(({ keyName, witnessKey }) => ({ name: keyName.slice(-1), key: witnessKey })),
    groups: [{ name: 'three', threshold: 3, members: ['2', '3', '4', '5'] }],
    quorum: 'three',
  },
}

/** One witness that a test may silence, or make lose its answer. */
export function testWitness(signer: TestSigner, now?: () => number) {
  const store = memoryWitnessStore()
  const witness = createWitness({ signer, logs: [logSigner.logKey], store, ...(now && { now }) })
  const state = {
    mode: 'answers' as 'answers' | 'silent' | 'loses-answer',
    requests: [] as Uint8Array[],
    store,
    witness,
  }
  const link: WitnessLink = {
    name: signer.keyName.slice(-1),
    async addCheckpoint(body) {
      state.requests.push(body)
      if (state.mode === 'silent') throw new Error('no answer')
      const answer = await witness.addCheckpoint(body)
      if (state.mode === 'loses-answer') throw new Error('answer lost')
      return answer
    },
  }
  return Object.assign(state, { link })
}

export function logWorld() {
  const disk = walDisk()
  const checkpoints = memoryCheckpoints()
  const tiles = memoryTiles()
  const index = memoryIndex()
  const witnesses = witnessSigners.map((signer) => testWitness(signer))
  const faults: WitnessFault[] = []
  const stops: unknown[] = []
  const config = (wal = memoryWal(disk)) => ({
    signer: logSigner,
    trust,
    witnesses: witnesses.map(({ link }) => link),
    wal,
    checkpoints,
    tiles,
    index,
    roundFloorMs: 0,
    onWitnessFault: (fault: WitnessFault) => void faults.push(fault),
    onStop: (cause: unknown) => void stops.push(cause),
  })
  const open = ({ wal, ...overrides }: Partial<LogConfig> & { wal?: ReturnType<typeof memoryWal> } = {}) =>
    openLog({ ...config(wal), ...overrides })
  /** The process died: what it leased is free, nothing else changes. */
  const crash = () => {
    disk.leased = false
  }
  return { disk, checkpoints, tiles, index, witnesses, faults, stops, config, open, crash }
}

/** A draft whose subject is the hash of a name. */
export function draftOf(name: string, more: Partial<LeafDraft> = {}): LeafDraft {
  return { kind: 'request', partition: hashLeaf(utf8('partition')), subject: hashLeaf(utf8(name)), attempt: 0, ...more }
}

/** Verifies a receipt as a reader would: from its `.tlog-proof` file. */
export async function verifyReceipt({ leaf, leafIndex, path, note }: LogReceipt) {
  const proof = parseTlogProof(encodeTlogProof({ extra: leaf, leafIndex, path, note }))
  return verifyTlogProof(proof, proof.extra as Uint8Array, trust)
}

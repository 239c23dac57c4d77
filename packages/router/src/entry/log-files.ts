/**
 * The log's files on Node, and the witness of our own beside them.
 *
 * @module
 */
import { join } from 'node:path'
import { createNoteKey, ED25519_TYPE, type NoteSigner } from '@mystranet/sdk/proof/note'
import type { TrustFile } from '@mystranet/sdk/proof/trust-file'
import { filesTiles } from '../adapters/files-tiles.ts'
import { filesWal } from '../adapters/files-wal.ts'
import { sqliteLog, sqliteWitnessStore } from '../adapters/sqlite-log.ts'
import { openLog } from '../log/log.ts'
import type { WitnessLink } from '../log/ports.ts'
import type { Trace } from '../trace.ts'
import { createWitness } from '../witness/witness.ts'

export interface LogPlace {
  readonly stateDir: string
  readonly keys: { readonly log: NoteSigner; readonly witness?: NoteSigner | undefined }
  readonly trust: TrustFile
  readonly witnesses?: readonly WitnessLink[]
}

/** @throws {PacketError} `STORE_FAILED` when the stores contradict each other. */
export async function openLogFiles({ stateDir, keys, trust, witnesses = [] }: LogPlace, trace: Trace) {
  const db = sqliteLog({ path: join(stateDir, 'log.sqlite') })
  const tiles = filesTiles({ dir: join(stateDir, 'log') })
  const wal = await filesWal({ dir: join(stateDir, 'wal') })
  const own = keys.witness && openWitness(stateDir, keys.log, keys.witness, trust)
  const log = await openLog({
    ...db,
    wal,
    tiles,
    trust,
    signer: keys.log,
    witnesses: own === undefined ? witnesses : [own.link, ...witnesses],
    onWitnessFault: ({ witness, kind }) => trace.stage('witness', { agent: witness, kind }),
    onStop: (cause) => trace.fault('log', cause),
  })
  const close = async () => {
    await log.close()
    db.close()
    own?.close()
  }
  return { log, tiles, addendum: db.index.addendum, close }
}

function openWitness(stateDir: string, log: NoteSigner, signer: NoteSigner, trust: TrustFile) {
  const store = sqliteWitnessStore({ path: join(stateDir, 'witness.sqlite') })
  const witness = createWitness({ signer, store, logs: [createNoteKey(log.keyName, ED25519_TYPE, log.publicKey)] })
  const name = trust.policy.witnesses.find(({ key }) => key.keyName === signer.keyName)?.name
  if (name === undefined) {
    store.close()
    throw new RangeError(`Cannot start the router: the trust file's policy does not name its witness ${signer.keyName}`)
  }
  return {
    link: { name, addCheckpoint: (body: Uint8Array) => witness.addCheckpoint(body) },
    close: () => store.close(),
  }
}

import { newSeeds, openIdentity } from '@mystranet/sdk'
import { toHex } from '@mystranet/sdk/bytes'
import { localSigner } from '@mystranet/sdk/keys/signer'
import { COSIGNATURE_TYPE, createNoteKey, ED25519_TYPE } from '@mystranet/sdk/proof/note'
import { signRoutingTable } from '@mystranet/sdk/proof/routing-table'
import { encodeTrustFile, parseTrustFile } from '@mystranet/sdk/proof/trust-file'
import { firstStart } from './example-router.js'

const signer = () => localSigner(crypto.getRandomValues(new Uint8Array(32)))
const named = (keyName, key) => ({ keyName, publicKey: key.publicKey, sign: (message) => key.sign(message) })

/** A house of fresh keys; the router of the example starts in it, and is asked what it serves. */
export async function run({ folder }) {
  const [log, witness] = [named('log.test', await signer()), named('witness.test', await signer())]
  const [nexus, operator] = [await signer(), await signer()]
  const trust = parseTrustFile(
    encodeTrustFile({
      name: 'test',
      policy: {
        logs: [{ key: createNoteKey(log.keyName, ED25519_TYPE, log.publicKey) }],
        witnesses: [{ name: 'own', key: createNoteKey(witness.keyName, COSIGNATURE_TYPE, witness.publicKey) }],
        groups: [],
        quorum: 'own',
      },
      operators: new Map([['own', 'test']]),
      tableSigners: [operator.publicKey],
      publishers: [],
      authorizers: [],
      nexusKeys: [nexus.publicKey],
      required: new Set(),
    }),
  )
  const { instance } = await openIdentity(newSeeds())
  const nowMs = Date.now()
  const table = await signRoutingTable(
    {
      network: trust.network,
      version: 1n,
      rules: [{ id: 'all', tag: 'misty.weave', senders: [], candidates: [{ instance, weight: 1 }] }],
      createdMs: nowMs,
      notBeforeMs: nowMs - 1_000,
      expiresMs: nowMs + 3_600_000,
    },
    operator,
  )
  const { log: print } = console
  let url = ''
  console.log = (line) => {
    url = line
  }
  const router = await firstStart(
    folder,
    { log, witness, nexus },
    trust,
    table,
    toHex(crypto.getRandomValues(new Uint8Array(16))),
  )
  console.log = print
  const ready = await (await fetch(`${url}/readyz`)).text()
  const checkpoint = await (await fetch(`${url}/log/checkpoint`)).text()
  await router.close(0)
  return { ready: ready.length > 0, checkpoint: checkpoint.split('\n')[0] }
}

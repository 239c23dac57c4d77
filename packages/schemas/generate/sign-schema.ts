/**
 * Signs `json/packet.v1.schema.json` with a key of its own: a DSSE envelope in `json/packet.v1.schema.json.sig`, the
 * public half in `json/schema-key.txt`. The private half is never written and ends with this process, so that nobody can
 * sign another file as this version (docs/protocol.md §15). Does nothing when the signature fits the file.
 *
 *     pnpm --filter @mystranet/schemas sign-schema
 */
import { createHash, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'

const SCHEMA = 'json/packet.v1.schema.json'
const KEY_FILE = 'json/schema-key.txt'
const PAYLOAD_TYPE = 'application/schema+json'
const SPKI_ED25519 = Buffer.from('302a300506032b6570032100', 'hex')

const body = await readFile(SCHEMA)
const pae = Buffer.concat([Buffer.from(`DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${body.length} `), body])

async function isSigned(): Promise<boolean> {
  try {
    const { signatures } = JSON.parse(await readFile(`${SCHEMA}.sig`, 'utf8')) as { signatures: [{ sig: string }] }
    const raw = Buffer.from((await readFile(KEY_FILE, 'utf8')).trim(), 'hex')
    const key = createPublicKey({ key: Buffer.concat([SPKI_ED25519, raw]), format: 'der', type: 'spki' })
    return verify(null, pae, key, Buffer.from(signatures[0].sig, 'base64'))
  } catch {
    return false
  }
}

if (await isSigned()) {
  console.log(`${SCHEMA} is signed as it stands`)
} else {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)
  const envelope = {
    payloadType: PAYLOAD_TYPE,
    payload: body.toString('base64'),
    signatures: [
      { keyid: createHash('sha256').update(raw).digest('hex'), sig: sign(null, pae, privateKey).toString('base64') },
    ],
  }
  await writeFile(`${SCHEMA}.sig`, `${JSON.stringify(envelope)}\n`)
  await writeFile(KEY_FILE, `${raw.toString('hex')}\n`)
  console.log(`signed ${SCHEMA}; name the key in docs/protocol.md: ${raw.toString('hex')}`)
}

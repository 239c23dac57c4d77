/**
 * Signs `json/packet.v1.schema.json`: a DSSE envelope in `json/packet.v1.schema.json.sig`.
 *
 *     WEAVE_SCHEMA_KEY=⟨seed, 64 hex⟩ node generate/sign-schema.ts    with the release key
 *     node generate/sign-schema.ts --new-key [--key-out ⟨file⟩]       with a fresh key
 *
 * A fresh key signs once and is forgotten, unless `--key-out` names a new file for its seed (mode 0600). Its public half
 * replaces `json/schema-key.txt`. With the release key, `schema-key.txt` must already name it.
 */
import { createHash, createPrivateKey, createPublicKey, randomBytes, sign } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'

const SCHEMA = 'json/packet.v1.schema.json'
const KEY_FILE = 'json/schema-key.txt'
const PAYLOAD_TYPE = 'application/schema+json'
const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex')

const { values } = parseArgs({ options: { 'new-key': { type: 'boolean' }, 'key-out': { type: 'string' } } })

function seedOf(): Buffer {
  const given = process.env['WEAVE_SCHEMA_KEY']
  if (values['new-key'] === true) return randomBytes(32)
  if (given !== undefined && /^[0-9a-f]{64}$/.test(given)) return Buffer.from(given, 'hex')
  throw new Error('Cannot sign schema: no key, wanted WEAVE_SCHEMA_KEY (64 lowercase hex digits) or --new-key')
}

const seed = seedOf()
const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_ED25519, seed]), format: 'der', type: 'pkcs8' })
const publicKey = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-32)
if (values['new-key'] !== true && (await readFile(KEY_FILE, 'utf8')).trim() !== publicKey.toString('hex')) {
  throw new Error(`Cannot sign schema: the key is not the one in ${KEY_FILE}, wanted that one or --new-key`)
}

const body = await readFile(SCHEMA)
const pae = Buffer.concat([Buffer.from(`DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${body.length} `), body])
const envelope = {
  payloadType: PAYLOAD_TYPE,
  payload: body.toString('base64'),
  signatures: [
    {
      keyid: createHash('sha256').update(publicKey).digest('hex'),
      sig: sign(null, pae, privateKey).toString('base64'),
    },
  ],
}
// The seed first: should a later write fail, the key is not lost, and the old signature still fits the old key.
if (values['key-out'] !== undefined)
  await writeFile(values['key-out'], `${seed.toString('hex')}\n`, { mode: 0o600, flag: 'wx' })
await writeFile(`${SCHEMA}.sig`, `${JSON.stringify(envelope)}\n`)
if (values['new-key'] === true) await writeFile(KEY_FILE, `${publicKey.toString('hex')}\n`)
console.log(`signed ${SCHEMA} with ${publicKey.toString('hex')}`)

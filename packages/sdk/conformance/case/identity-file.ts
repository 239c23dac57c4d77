/** Identity files: age opens what we lock, and we open what age locks, by key and by passphrase. */
import * as age from 'age-encryption'
import { type Cases, type Context, equal, resultOf } from '../case.ts'

/** scrypt at its lightest: the cases ask about the format, not about the strength. */
const WORK_FACTOR = 4
const PASSPHRASE = 'correct horse battery stäple'

const seeds = (['root', 'operational', 'packet'] as const).map((kind, i) => ({
  kind,
  bytes: new Uint8Array(32).fill(i + 1),
}))

async function byKey(context: Context, generate: () => Promise<string>): Promise<void> {
  const { sdk } = context
  const [mine, other] = [await generate(), await generate()]
  const recipient = await age.identityToRecipient(mine)
  const ours = await sdk.lockIdentityFile(seeds, { recipients: [recipient] })
  const decrypter = new age.Decrypter()
  decrypter.addIdentity(mine)
  equal(await decrypter.decrypt(ours, 'text'), sdk.encodeIdentity(seeds), 'what age reads')
  const stranger = new age.Decrypter()
  stranger.addIdentity(other)
  equal(await refusal(stranger.decrypt(ours)), true, 'that age refuses another key')

  const encrypter = new age.Encrypter()
  encrypter.addRecipient(recipient)
  const theirs = await encrypter.encrypt(sdk.encodeIdentity(seeds))
  equal(await sdk.openIdentityFile(theirs, { identities: [mine] }), seeds, 'what we read')
  equal(await sdk.openIdentityFile(sdk.utf8(age.armor.encode(theirs)), { identities: [mine] }), seeds, 'armored')
  await eachRefused(context, theirs, { identities: [mine] }, { identities: [other] })
}

async function byPassphrase(context: Context): Promise<void> {
  const { sdk } = context
  const ours = await sdk.lockIdentityFile(seeds, { passphrase: PASSPHRASE, workFactor: WORK_FACTOR })
  const decrypter = new age.Decrypter()
  decrypter.addPassphrase(PASSPHRASE)
  equal(await decrypter.decrypt(ours, 'text'), sdk.encodeIdentity(seeds), 'what age reads')

  const encrypter = new age.Encrypter()
  encrypter.setPassphrase(PASSPHRASE)
  encrypter.setScryptWorkFactor(WORK_FACTOR)
  const theirs = await encrypter.encrypt(sdk.encodeIdentity(seeds))
  equal(await sdk.openIdentityFile(theirs, { passphrase: PASSPHRASE }), seeds, 'what we read')
  await eachRefused(context, theirs, { passphrase: PASSPHRASE }, { passphrase: 'another' })
}

type Unlock = NonNullable<Parameters<Context['sdk']['openIdentityFile']>[1]>

/** Neither another key nor a changed byte, of the header or of the body, opens it. */
async function eachRefused({ sdk }: Context, file: Uint8Array, unlock: Unlock, other: Unlock): Promise<void> {
  const open = (bytes: Uint8Array, by: Unlock) => resultOf(sdk, () => sdk.openIdentityFile(bytes, by))
  equal(await open(file, other), 'IDENTITY_FILE_INVALID', 'with another key')
  for (const at of [60, file.length - 40, file.length - 1]) {
    const changed = file.slice()
    changed[at] = (changed[at] as number) ^ 1
    equal(await open(changed, unlock), 'IDENTITY_FILE_INVALID', `with byte ${at} changed`)
  }
  equal(await open(file.slice(0, -1), unlock), 'IDENTITY_FILE_INVALID', 'cut')
}

const refusal = (work: Promise<unknown>) =>
  work.then(
    () => false,
    () => true,
  )

export const identityFileCases: Cases = {
  'identity files: X25519, age reads ours, and we read its': (context) => byKey(context, age.generateX25519Identity),
  'identity files: post-quantum, age reads ours, and we read its': (context) =>
    byKey(context, age.generateHybridIdentity),
  'identity files: scrypt, age reads ours, and we read its': byPassphrase,
}

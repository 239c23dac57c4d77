/** @module Signed notes, checkpoints and cosignatures for the auditor, and the policy that says whose count. */
import { createPublicKey, hash, verify } from 'node:crypto'

interface Key {
  readonly name: string
  readonly id: string
  readonly publicKey: Uint8Array
}

export interface NoteTrust {
  readonly logs: readonly Key[]
  readonly witnesses: ReadonlyMap<string, Key>
  readonly groups: ReadonlyMap<string, { readonly threshold: number; readonly members: readonly string[] }>
  readonly quorum: string
}

const TYPES = { log: 1, witness: 4 } as const
/** Of an Ed25519 key in SubjectPublicKeyInfo, before its 32 bytes. */
const SPKI_HEAD = Buffer.from('302a300506032b6570032100', 'hex')

/** The policy of a trust file: what follows its first empty line. */
export function readTrust(text: string): NoteTrust {
  const logs: Key[] = []
  const witnesses = new Map<string, Key>()
  const groups = new Map<string, { threshold: number; members: string[] }>()
  let quorum: string | undefined
  for (const line of text.slice(text.indexOf('\n\n') + 2).split('\n')) {
    const [word, name = '', third = '', ...members] = line.split(/[ \t]+/)
    if (word === 'log') logs.push(keyOf(name, TYPES.log))
    if (word === 'witness') witnesses.set(name, keyOf(third, TYPES.witness))
    if (word === 'group') {
      const threshold = third === 'all' ? members.length : third === 'any' ? 1 : Number(third)
      groups.set(name, { threshold, members })
    }
    if (word === 'quorum') quorum = name
  }
  if (logs.length === 0 || quorum === undefined) throw new Error('the trust file names no log or no quorum')
  return { logs, witnesses, groups, quorum }
}

/** `name+id+base64(type ‖ key)`. */
function keyOf(text: string, type: number): Key {
  const [name = '', id = '', ...rest] = text.split('+')
  const bytes = Buffer.from(rest.join('+'), 'base64')
  const publicKey = new Uint8Array(bytes.subarray(1))
  if (bytes[0] !== type || publicKey.length !== 32 || idOf(name, type, publicKey) !== id) {
    throw new Error(`the key of ${name} is not one of type ${type}`)
  }
  return { name, id, publicKey }
}

const idOf = (name: string, type: number, key: Uint8Array): string =>
  hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), Uint8Array.of(type), key])).slice(0, 8)

function holds(key: Key, message: Uint8Array, signature: Uint8Array): boolean {
  const der = Buffer.concat([SPKI_HEAD, key.publicKey])
  return verify(null, message, createPublicKey({ key: der, format: 'der', type: 'spki' }), signature)
}

/** @returns Size and root, in hex, that the note states. @throws Error unless a log signed it and the quorum cosigned it. */
export function checkNote(note: Uint8Array, trust: NoteTrust): { size: number; root: string } {
  const whole = Buffer.from(note).toString('utf8')
  const blank = whole.lastIndexOf('\n\n')
  const text = whole.slice(0, blank + 1)
  const [origin = '', digits = '', root = '', ...more] = text.split('\n')
  if (more.join('') !== '' || !/^(0|[1-9][0-9]*)$/.test(digits)) throw new Error('the checkpoint has another form')
  const lines = whole
    .slice(blank + 2)
    .split('\n')
    .flatMap((line) => {
      const [, name, base64] = /^\u2014 (\S+) (\S+)$/.exec(line) ?? []
      if (name === undefined || base64 === undefined) return []
      const bytes = Buffer.from(base64, 'base64')
      return [{ name, id: bytes.subarray(0, 4).toString('hex'), signature: bytes.subarray(4) }]
    })
  const signatureOf = (key: Key) => lines.find(({ name, id }) => name === key.name && id === key.id)?.signature
  const log = trust.logs.find(({ name }) => name === origin)
  const signature = log && signatureOf(log)
  if (log === undefined || signature === undefined || !holds(log, Buffer.from(text), signature)) {
    throw new Error(`size ${digits}: no log of the trust file signed it`)
  }
  const isWitnessed = (name: string): boolean => {
    if (name === 'none') return true
    const group = trust.groups.get(name)
    if (group !== undefined) return group.members.filter(isWitnessed).length >= group.threshold
    const key = trust.witnesses.get(name)
    const cosignature = key && signatureOf(key)
    if (key === undefined || cosignature?.length !== 72) return false
    const seconds = cosignature.readBigUInt64BE()
    return holds(key, Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`), cosignature.subarray(8))
  }
  if (!isWitnessed(trust.quorum)) throw new Error(`size ${digits}: the quorum did not cosign it`)
  return { size: Number(digits), root: Buffer.from(root, 'base64').toString('hex') }
}

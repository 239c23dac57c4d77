/**
 * The file in which an instance keeps its private seeds.
 *
 * The text, UTF-8, each line ended by one LF:
 *
 *     weave-identity/v1
 *     # any number of comments, from the second line on
 *     WEAVE-ROOT-SECRET-1…
 *     WEAVE-PACKET-SECRET-1…
 *
 * One seed a line in the form of `name.ts`, at least one, at most one `root` and one `operational`, no seed twice; their
 * order is kept. Everything else is refused, an empty line too: a damaged file of keys should not be half understood.
 *
 * On disk that text is inside an {@link https://age-encryption.org/v1 age v1} file, binary or armored, so that `age -d`
 * opens it without us. Only the local state of `weave up` may hold it plain, with mode 0600
 * (`adapters/node/identity-file.ts` sees to that).
 *
 * age is loaded when something is locked or unlocked. No part of this belongs in a browser's first load.
 *
 * @module
 */
import { type Bytes, fromUtf8, toHex, utf8 } from '../bytes.ts'
import { isPacketError, PacketError } from '../errors.ts'
import { formatSeed, parseSeed, type Seed, type SeedKind } from './name.ts'

const FIRST_LINE = 'weave-identity/v1'
const ONLY_ONE: readonly SeedKind[] = ['root', 'operational']
const BINARY_MAGIC = 'age-encryption.org/v1\n'
const ARMOR_MAGIC = '-----BEGIN AGE ENCRYPTED FILE-----'

/** Bytes of an identity file, locked or not. */
export const MAX_IDENTITY_FILE_BYTES = 64 * 1024

/** log2 of scrypt's N: 2^20 rounds take 1 GiB and some seconds. A file that asks for more is refused before any of it. */
const MAX_WORK_FACTOR = 20

/** To whom a file is locked. */
export type Lock =
  /** `workFactor`: log2 of scrypt's N, 18 by default (about a second), 20 at most. */
  | { readonly passphrase: string; readonly workFactor?: number }
  /** `age1…` or, post-quantum, `age1pq1…`. */
  | { readonly recipients: readonly string[] }

/** What unlocks it. */
export type Unlock =
  | { readonly passphrase: string }
  /** `AGE-SECRET-KEY-1…` or `AGE-SECRET-KEY-PQ-1…`. */
  | { readonly identities: readonly string[] }

/**
 * The seeds as text. Secret.
 *
 * @throws RangeError for seeds that {@link parseIdentity} would not take back.
 */
export function encodeIdentity(seeds: readonly Seed[]): string {
  const fault = faultOf(seeds)
  if (fault !== undefined) throw new RangeError(`Cannot write an identity: ${fault}`)
  return [FIRST_LINE, ...seeds.map(formatSeed), ''].join('\n')
}

/**
 * Inverse of {@link encodeIdentity}.
 *
 * @throws {PacketError} `IDENTITY_FILE_INVALID`, with the line and never its text.
 */
export function parseIdentity(text: string): Seed[] {
  const lines = text.split('\n')
  if (lines[0] !== FIRST_LINE) throw invalid(`line 1 is another, wanted "${FIRST_LINE}"`)
  if (lines.pop() !== '') throw invalid('the last line is cut, wanted a line feed at its end')
  const seeds: Seed[] = []
  for (const [at, line] of lines.entries()) {
    if (at === 0 || line.startsWith('#')) continue
    seeds.push(parseLine(line, at + 1))
  }
  const fault = faultOf(seeds)
  if (fault !== undefined) throw invalid(fault)
  return seeds
}

function parseLine(line: string, number: number): Seed {
  try {
    return parseSeed(line)
  } catch (cause) {
    throw invalid(`line ${number} is no seed (${(cause as Error).message})`, { cause })
  }
}

function faultOf(seeds: readonly Seed[]): string | undefined {
  if (seeds.length === 0) return 'it holds no seed, wanted one or more'
  for (const kind of ONLY_ONE) {
    const count = seeds.filter((seed) => seed.kind === kind).length
    if (count > 1) return `it holds ${count} ${kind} seeds, wanted at most one`
  }
  if (new Set(seeds.map(({ kind, bytes }) => kind + toHex(bytes))).size < seeds.length) {
    return 'it holds a seed twice, wanted each once'
  }
  return undefined
}

/**
 * The plain file: only for state that nobody else can read.
 */
export const plainIdentityFile = (seeds: readonly Seed[]): Bytes => utf8(encodeIdentity(seeds))

/**
 * The file locked as age v1, binary.
 *
 * @throws RangeError for no recipient, an empty passphrase, a work factor above 20, or a recipient that age does not know.
 */
export async function lockIdentityFile(seeds: readonly Seed[], lock: Lock): Promise<Bytes> {
  const text = encodeIdentity(seeds)
  const { Encrypter } = await import('age-encryption')
  const encrypter = new Encrypter()
  if ('passphrase' in lock) {
    if (lock.passphrase === '') throw new RangeError('Cannot lock an identity file: the passphrase is empty')
    if ((lock.workFactor ?? 0) > MAX_WORK_FACTOR) {
      const given = `the work factor is ${lock.workFactor}`
      throw new RangeError(`Cannot lock an identity file: ${given}, wanted at most ${MAX_WORK_FACTOR}`)
    }
    encrypter.setPassphrase(lock.passphrase)
    if (lock.workFactor !== undefined) encrypter.setScryptWorkFactor(lock.workFactor)
  } else {
    if (lock.recipients.length === 0) throw new RangeError('Cannot lock an identity file: there is no recipient')
    for (const recipient of lock.recipients) addRecipient(encrypter, recipient)
  }
  return (await encrypter.encrypt(text)) as Bytes
}

function addRecipient(encrypter: { addRecipient(recipient: string): void }, recipient: string): void {
  try {
    encrypter.addRecipient(recipient)
  } catch (cause) {
    throw new RangeError(`Cannot lock an identity file: ${JSON.stringify(recipient)} is no age recipient`, { cause })
  }
}

/** Whether the bytes are an age file, by their first line. */
export function isLockedIdentityFile(file: Uint8Array): boolean {
  const start = String.fromCharCode(...file.subarray(0, ARMOR_MAGIC.length))
  return start.startsWith(BINARY_MAGIC) || start === ARMOR_MAGIC
}

/**
 * Reads an identity file, plain or locked.
 *
 * @param unlock Required for a locked file and refused for a plain one: who expects a lock should hear that it is gone.
 * @throws {PacketError} `IDENTITY_FILE_INVALID`; a wrong passphrase and a damaged file look the same. So is a file whose
 *   passphrase costs more than 2^20 rounds of scrypt: whoever made it could hold up its reader for hours.
 */
export async function openIdentityFile(file: Uint8Array, unlock?: Unlock): Promise<Seed[]> {
  if (file.length > MAX_IDENTITY_FILE_BYTES) {
    throw invalid(`it has ${file.length} bytes, wanted at most ${MAX_IDENTITY_FILE_BYTES}`)
  }
  const locked = isLockedIdentityFile(file)
  if (locked && unlock === undefined) throw invalid('it is locked, wanted a passphrase or an age identity')
  if (!locked && unlock !== undefined) throw invalid('it is not locked, wanted an age file')
  return parseIdentity(textOf(unlock === undefined ? file : await unlocked(file, unlock)))
}

async function unlocked(file: Uint8Array, unlock: Unlock): Promise<Uint8Array> {
  const { Decrypter, armor } = await import('age-encryption')
  const decrypter = new Decrypter()
  try {
    if ('passphrase' in unlock) decrypter.addPassphrase(unlock.passphrase)
    else for (const identity of unlock.identities) decrypter.addIdentity(identity)
  } catch {
    // Without the cause: it could quote the identity, which is a secret.
    throw new RangeError('Cannot unlock an identity file: what was given is no age identity')
  }
  try {
    const binary = file[0] === ARMOR_MAGIC.charCodeAt(0) ? armor.decode(fromUtf8(file)) : file
    refuseCostly(binary)
    return await decrypter.decrypt(binary)
  } catch (cause) {
    if (isPacketError(cause)) throw cause
    throw invalid('it does not open with what was given, wanted the right key and a whole file', { cause })
  }
}

/** What age's header asks of scrypt, in a line `-> scrypt salt log2(N)`. */
function refuseCostly(binary: Uint8Array): void {
  const [header = ''] = String.fromCharCode(...binary.subarray(0, MAX_IDENTITY_FILE_BYTES)).split('\n---')
  for (const [, factor] of header.matchAll(/^-> scrypt \S+ (\d+)$/gm)) {
    if (Number(factor) <= MAX_WORK_FACTOR) continue
    throw invalid(`its passphrase costs 2^${factor} rounds of scrypt, wanted at most 2^${MAX_WORK_FACTOR}`)
  }
}

function textOf(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes)
  } catch (cause) {
    throw invalid('it is not UTF-8, wanted text', { cause })
  }
}

const invalid = (state: string, options?: ErrorOptions) =>
  new PacketError('IDENTITY_FILE_INVALID', `Cannot read an identity file: ${state}`, options)

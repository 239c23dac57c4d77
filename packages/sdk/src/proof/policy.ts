/**
 * Which logs and how many of which witnesses are trusted
 * ({@link https://c2sp.org/tlog-policy C2SP tlog-policy}).
 *
 * Names are opaque octets in the spec. Here each is a string: UTF-8 where its octets are UTF-8, else one character
 * U+DC00 + octet for each octet above 7F; so distinct octets stay distinct strings and nothing is lost.
 *
 * @module
 */
import { concat, equalBytes, fromLatin1, fromUtf8, latin1, utf8 } from '../bytes.ts'
import { PacketError } from '../errors.ts'
import { COSIGNATURE_TYPE, ED25519_TYPE, encodeVkey, type KeyType, type NoteKey, parseVkey } from './note.ts'

/** Lines that a policy may have of each kind; the spec asks for 32 at least. */
export const MAX_POLICY_ITEMS = 64
const MAX_POLICY_BYTES = 64 * 1024
/** Ways to choose one witness per operator that are tried before giving up. */
const MAX_CHOICES = 65_536

export interface PolicyLog {
  readonly key: NoteKey
  readonly url?: string
}

export interface PolicyWitness {
  /** Means something in the policy only. */
  readonly name: string
  readonly key: NoteKey
  readonly url?: string
}

export interface PolicyGroup {
  readonly name: string
  /** How many members must have witnessed: 1 to the number of members. */
  readonly threshold: number
  /** Names of witnesses and of groups above. */
  readonly members: readonly string[]
}

export interface Policy {
  readonly logs: readonly PolicyLog[]
  readonly witnesses: readonly PolicyWitness[]
  readonly groups: readonly PolicyGroup[]
  /** A witness, a group, or `none`. */
  readonly quorum: string
}

type Draft = { logs: PolicyLog[]; witnesses: PolicyWitness[]; groups: PolicyGroup[]; quorum: string | undefined }

/**
 * Reads a policy file.
 *
 * @throws {PacketError} `TRUST_FILE_INVALID` with the line's number.
 */
export function parsePolicy(bytes: Uint8Array): Policy {
  if (bytes.length > MAX_POLICY_BYTES) throw invalid(`${bytes.length} bytes, wanted at most ${MAX_POLICY_BYTES}`)
  const draft: Draft = { logs: [], witnesses: [], groups: [], quorum: undefined }
  let line = 0
  for (const octets of splitLines(bytes)) {
    line += 1
    try {
      readLine(draft, splitTokens(octets))
    } catch (cause) {
      throw invalid(`line ${line}: ${(cause as Error).message}`, { cause })
    }
  }
  if (draft.quorum === undefined) throw invalid('it has no quorum line')
  return { ...draft, quorum: draft.quorum }
}

/** A policy file without comments; the inverse of {@link parsePolicy}. @throws RangeError when it would not parse. */
export function encodePolicy({ logs, witnesses, groups, quorum }: Policy): Uint8Array {
  const withUrl = (url: string | undefined) => (url === undefined ? [] : [url])
  const lines = [
    ...logs.map(({ key, url }) => ['log', encodeVkey(key), ...withUrl(url)]),
    ...witnesses.map(({ name, key, url }) => ['witness', name, encodeVkey(key), ...withUrl(url)]),
    ...groups.map(({ name, threshold, members }) => ['group', name, `${threshold}`, ...members]),
    ['quorum', quorum],
  ]
  const bytes = concat(
    ...lines.flatMap((tokens) =>
      tokens.flatMap((token, i) => [utf8(i === 0 ? '' : ' '), toOctets(token)]).concat(utf8('\n')),
    ),
  )
  try {
    parsePolicy(bytes)
  } catch (cause) {
    throw new RangeError('Cannot encode the policy: it would not parse', { cause })
  }
  return bytes
}

/** Whether these witnesses, by name, are a quorum. */
export function holdsQuorum({ groups, quorum }: Policy, witnesses: Iterable<string>): boolean {
  if (quorum === 'none') return true
  const held = new Set(witnesses)
  // Groups refer to lines above only, so one pass in order settles them.
  for (const { name, threshold, members } of groups) {
    if (members.filter((member) => held.has(member)).length >= threshold) held.add(name)
    else held.delete(name)
  }
  return held.has(quorum)
}

/**
 * Whether these witnesses are a quorum even when each operator counts once: that is, whether some choice of one witness
 * per operator is a quorum by itself. A witness without an operator in the map stands for itself.
 *
 * @throws RangeError when the policy leaves more than 65,536 choices.
 */
export function holdsIndependently(
  policy: Policy,
  witnesses: Iterable<string>,
  operators: ReadonlyMap<string, string>,
): boolean {
  const known = new Set(policy.witnesses.map(({ name }) => name))
  const byOperator = new Map<string, string[]>()
  for (const witness of new Set(witnesses)) {
    if (!known.has(witness)) continue
    const operator = operators.get(witness)
    const key = operator === undefined ? `witness ${witness}` : `operator ${operator}`
    byOperator.set(key, [...(byOperator.get(key) ?? []), witness])
  }
  const sets = [...byOperator.values()]
  const choices = sets.reduce((product, { length }) => product * length, 1)
  if (choices > MAX_CHOICES)
    throw new RangeError(`Cannot judge independence: ${choices} choices, wanted at most ${MAX_CHOICES}`)
  for (let choice = 0; choice < choices; choice++) {
    let rest = choice
    const chosen = sets.map((set) => {
      const witness = set[rest % set.length] as string
      rest = Math.floor(rest / set.length)
      return witness
    })
    if (holdsQuorum(policy, chosen)) return true
  }
  return false
}

function readLine(draft: Draft, [keyword, ...rest]: string[]): void {
  if (keyword === undefined || keyword.startsWith('#')) return
  const line = LINES[keyword]
  if (line === undefined) throw new Error(`unknown keyword ${JSON.stringify(keyword)}`)
  if (rest.length < line.least || rest.length > line.most) throw new Error(`wanted “${keyword} ${line.form}”`)
  line.read(draft, rest)
}

interface Line {
  readonly form: string
  /** Words after the keyword. */
  readonly least: number
  readonly most: number
  /** The defaults in its parameters are never taken: `least` words are there. */
  read(draft: Draft, words: readonly string[]): void
}

const LINES: Partial<Record<string, Line>> = {
  log: {
    form: 'vkey [url]',
    least: 1,
    most: 2,
    read({ logs }, [vkey = '', url]) {
      const key = readKey(vkey, ED25519_TYPE, logs)
      logs.push({ key, ...(url !== undefined && { url }) })
      refuseMany(logs, 'logs')
    },
  },
  witness: {
    form: 'name vkey [url]',
    least: 2,
    most: 3,
    read(draft, [name = '', vkey = '', url]) {
      refuseDefined(draft, name)
      const key = readKey(vkey, COSIGNATURE_TYPE, draft.witnesses)
      draft.witnesses.push({ name, key, ...(url !== undefined && { url }) })
      refuseMany(draft.witnesses, 'witnesses')
    },
  },
  group: {
    form: 'name k member…',
    least: 3,
    most: Number.POSITIVE_INFINITY,
    read(draft, [name = '', count = '', ...members]) {
      refuseDefined(draft, name)
      for (const [at, member] of members.entries()) {
        if (!isDefined(draft, member)) throw new Error(`member ${JSON.stringify(member)} is not defined above`)
        const used = members.indexOf(member) !== at || draft.groups.some((group) => group.members.includes(member))
        if (used) throw new Error(`member ${JSON.stringify(member)} is in a group already`)
      }
      draft.groups.push({ name, threshold: readThreshold(count, members.length), members })
      refuseMany(draft.groups, 'groups')
    },
  },
  quorum: {
    form: 'name',
    least: 1,
    most: 1,
    read(draft, [name = '']) {
      if (draft.quorum !== undefined) throw new Error('a second quorum line')
      if (name !== 'none' && !isDefined(draft, name))
        throw new Error(`quorum ${JSON.stringify(name)} is not defined above`)
      draft.quorum = name
    },
  },
}
Object.setPrototypeOf(LINES, null)

function readThreshold(count: string, members: number): number {
  if (count === 'all') return members
  if (count === 'any') return 1
  const threshold = /^[1-9][0-9]{0,3}$/.test(count) ? Number(count) : 0
  if (threshold < 1 || threshold > members)
    throw new Error(`threshold ${JSON.stringify(count)}, wanted 1 to ${members}`)
  return threshold
}

function readKey(vkey: string, type: KeyType, others: readonly { readonly key: NoteKey }[]): NoteKey {
  const key = parseVkey(vkey)
  if (key.type !== type) throw new Error(`key of type ${key.type}, wanted ${type}`)
  // The same key under two names would let one witness count twice.
  if (others.some((other) => equalBytes(other.key.publicKey, key.publicKey)))
    throw new Error('the same key a second time')
  return key
}

function refuseDefined(draft: Draft, name: string): void {
  if (name === 'none') throw new Error('the name none is taken')
  if (isDefined(draft, name)) throw new Error(`${JSON.stringify(name)} is defined already`)
}

function refuseMany(items: readonly unknown[], what: string): void {
  if (items.length > MAX_POLICY_ITEMS) throw new Error(`more than ${MAX_POLICY_ITEMS} ${what}`)
}

const isDefined = ({ witnesses, groups }: Draft, name: string) =>
  witnesses.some((witness) => witness.name === name) || groups.some((group) => group.name === name)

/** Each octet becomes one character: one line may hold names that are UTF-8 and names that are not. */
function splitLines(bytes: Uint8Array): string[] {
  const text = latin1(bytes)
  const control = /[^\t\n -~\x80-\xff]/.exec(text)
  if (control) throw invalid(`octet ${bytes[control.index]} at ${control.index} is a control character`)
  const lines = text.split('\n')
  if (lines.pop() !== '') throw invalid('its last line lacks the newline')
  return lines
}

const splitTokens = (line: string): string[] => (line.match(/[^ \t]+/g) ?? []).map(fromOctets)

function fromOctets(octets: string): string {
  try {
    return fromUtf8(fromLatin1(octets))
  } catch {
    return octets.replaceAll(/[\x80-\xff]/g, (octet) => String.fromCharCode(0xdc00 + octet.charCodeAt(0)))
  }
}

function toOctets(text: string): Uint8Array {
  if (text.isWellFormed()) return utf8(text)
  return Uint8Array.from(text, (char) => {
    const code = char.charCodeAt(0)
    return code < 0x80 ? code : code - 0xdc00
  })
}

const invalid = (reason: string, options?: ErrorOptions) =>
  new PacketError('TRUST_FILE_INVALID', `Cannot read the policy: ${reason}`, options)

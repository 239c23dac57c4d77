/**
 * The trust file: whom a verifier believes, and what it insists on (docs/protocol.md §14). It reaches the verifier out
 * of band; every verdict names it.
 *
 * @module
 */
import { concat, equalBytes, fromHex, fromUtf8, toHex, utf8 } from '../bytes.ts'
import { networkId } from '../envelope/hash.ts'
import { PacketError } from '../errors.ts'
import type { CheckpointTrust } from './checkpoint.ts'
import { ALWAYS_REQUIRED, type CheckName, isCheckName } from './checks/name.ts'
import { encodePolicy, type Policy, parsePolicy } from './policy.ts'

const VERSION = 'mystranet.org/trust@v1'
const MAX_TRUST_FILE_BYTES = 64 * 1024

export interface TrustFile extends CheckpointTrust {
  /** What verdicts call it. */
  readonly name: string
  /** Network id, from the policy's first log. */
  readonly network: Uint8Array
  /** Logs, witnesses and quorum. */
  readonly policy: Policy
  /** Who runs which witness, by its name in the policy; empty when the file does not say. */
  readonly operators: ReadonlyMap<string, string>
  /** Ed25519 keys that may sign routing tables. */
  readonly tableSigners: readonly Uint8Array[]
  /** … registry entries. */
  readonly publishers: readonly Uint8Array[]
  /** … authorizations. */
  readonly authorizers: readonly Uint8Array[]
  /** … notices of dead letters and voids. */
  readonly nexusKeys: readonly Uint8Array[]
  /** A verdict without one of these is PARTIAL: all but four optional ones, and of those the ones that it names. */
  readonly required: ReadonlySet<CheckName>
  /** It came from the very router that it is to judge. Not in the file; the verdict says so. */
  readonly firstUse: boolean
}

/** What {@link encodeTrustFile} writes: everything but what follows from it. */
export type TrustFileContent = Omit<TrustFile, 'network' | 'firstUse'>

const KEY_LISTS = {
  'table-signer': 'tableSigners',
  publisher: 'publishers',
  authorizer: 'authorizers',
  nexus: 'nexusKeys',
} as const

type KeyList = (typeof KEY_LISTS)[keyof typeof KEY_LISTS]
type Draft = { name: string | undefined; operators: Map<string, string>; required: Set<CheckName> } & Record<
  KeyList,
  Uint8Array[]
>

/**
 * Reads a trust file.
 *
 * @param bytes As received, at most 64 KiB.
 * @param options `firstUse` when it was fetched from the router that it is to judge.
 * @throws {PacketError} `TRUST_FILE_INVALID` with the line's number.
 */
export function parseTrustFile(bytes: Uint8Array, { firstUse = false }: { firstUse?: boolean } = {}): TrustFile {
  if (bytes.length > MAX_TRUST_FILE_BYTES) {
    throw invalid(`${bytes.length} bytes, wanted at most ${MAX_TRUST_FILE_BYTES}`)
  }
  const blank = findBlankLine(bytes)
  const draft: Draft = {
    name: undefined,
    operators: new Map(),
    required: new Set(ALWAYS_REQUIRED),
    tableSigners: [],
    publishers: [],
    authorizers: [],
    nexusKeys: [],
  }
  for (const [at, line] of decodeHead(bytes.subarray(0, blank)).split('\n').entries()) {
    try {
      if (at === 0 && line !== VERSION) throw new Error(`wanted ${VERSION}`)
      if (at > 0 && !line.startsWith('#')) readStatement(draft, line)
    } catch (cause) {
      throw invalid(`line ${at + 1}: ${(cause as Error).message}`, { cause })
    }
  }
  const policy = parsePolicy(bytes.slice(blank + 2))
  return completed(draft, policy, firstUse)
}

function completed({ name, ...draft }: Draft, policy: Policy, firstUse: boolean): TrustFile {
  if (name === undefined) throw invalid('it has no name line')
  const log = policy.logs[0]?.key
  if (log === undefined) throw invalid('its policy has no log line, which would give the network')
  for (const witness of draft.operators.keys()) {
    if (!policy.witnesses.some((each) => each.name === witness)) {
      throw invalid(`operator of ${JSON.stringify(witness)}, which is no witness of its policy`)
    }
  }
  return { ...draft, name, policy, network: networkId(log.keyName, log.publicKey), firstUse }
}

function readStatement(draft: Draft, line: string): void {
  const space = line.indexOf(' ')
  const keyword = line.slice(0, space)
  const rest = line.slice(space + 1)
  if (space < 1 || rest === '' || rest !== rest.trim()) throw new Error('wanted “keyword value”, with single spaces')
  const list = Object.hasOwn(KEY_LISTS, keyword) ? KEY_LISTS[keyword as keyof typeof KEY_LISTS] : undefined
  if (list !== undefined) {
    readKey(draft[list], rest)
    return
  }
  const read = Object.hasOwn(STATEMENTS, keyword) ? STATEMENTS[keyword as keyof typeof STATEMENTS] : undefined
  if (read === undefined) throw new Error(`unknown statement ${JSON.stringify(keyword)}`)
  read(draft, rest)
}

const STATEMENTS = {
  name(draft: Draft, text: string) {
    if (draft.name !== undefined) throw new Error('a second name')
    draft.name = text
  },
  operator(draft: Draft, text: string) {
    // No line begins with a space.
    const [witness, operator, ...more] = text.split(' ') as [string, ...string[]]
    if (!operator || more.length > 0) throw new Error('wanted “operator witness operator”')
    if (draft.operators.has(witness)) throw new Error(`a second operator of ${JSON.stringify(witness)}`)
    draft.operators.set(witness, operator)
  },
  require(draft: Draft, text: string) {
    for (const check of text.split(' ')) {
      if (!isCheckName(check)) throw new Error(`unknown check ${JSON.stringify(check)}`)
      draft.required.add(check)
    }
  },
}

function readKey(keys: Uint8Array[], hex: string): void {
  const key = hex.length === 64 ? fromHex(hex) : undefined
  if (key === undefined) throw new Error('wanted 64 lowercase hex digits')
  if (keys.some((each) => equalBytes(each, key))) throw new Error('the same key a second time')
  keys.push(key)
}

/**
 * The bytes of a trust file, without comments. Reading them gives the same content again.
 *
 * @throws RangeError when it would not parse.
 */
export function encodeTrustFile(content: TrustFileContent): Uint8Array {
  const { name, operators, required, policy } = content
  const keys = (Object.keys(KEY_LISTS) as (keyof typeof KEY_LISTS)[]).flatMap((keyword) =>
    content[KEY_LISTS[keyword]].map((key) => `${keyword} ${toHex(key)}`),
  )
  const more = [...required].filter((check) => !ALWAYS_REQUIRED.includes(check))
  const lines = [
    VERSION,
    `name ${name}`,
    ...keys,
    ...[...operators].map(([witness, operator]) => `operator ${witness} ${operator}`),
    ...(more.length === 0 ? [] : [`require ${more.join(' ')}`]),
  ]
  const bytes = concat(utf8(`${lines.join('\n')}\n\n`), encodePolicy(policy))
  try {
    if (parseTrustFile(bytes).name !== name) throw new Error('its name does not survive')
  } catch (cause) {
    throw new RangeError('Cannot encode the trust file: it would not parse', { cause })
  }
  return bytes
}

function findBlankLine(bytes: Uint8Array): number {
  for (let at = 0; at + 1 < bytes.length; at++) if (bytes[at] === 0x0a && bytes[at + 1] === 0x0a) return at
  throw invalid('no empty line before the policy')
}

function decodeHead(bytes: Uint8Array): string {
  let text: string
  try {
    text = fromUtf8(bytes)
  } catch (cause) {
    throw invalid('it is not UTF-8', { cause })
  }
  if (/[^\P{Cc}\n]/u.test(text)) throw invalid('it holds a control character')
  return text
}

const invalid = (reason: string, options?: ErrorOptions) =>
  new PacketError('TRUST_FILE_INVALID', `Cannot read the trust file: ${reason}`, options)

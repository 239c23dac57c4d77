/**
 * What clients on this machine have seen of a network, kept so that nobody can show them an older world later.
 *
 * @module
 */
import { join } from 'node:path'
import type { Fork, Memory } from '@mystranet/sdk'
import { fromBase64, fromHex, toBase64, toHex } from '@mystranet/sdk/bytes'
import { PacketError } from '@mystranet/sdk/errors'
import { makeFolder, readFileIfThere, writeFileWhole } from './state.ts'

interface MemoryDocument {
  readonly tableVersion?: string
  readonly checkpoint?: { readonly treeSize: string; readonly rootHash: string; readonly note?: string }
  readonly heads: Readonly<Record<string, string>>
  /** Signed notes in base64, as they came. */
  readonly forks?: readonly { readonly older: string; readonly newer: string }[]
}

/** JSON text, one line. */
export function encodeMemory({ tableVersion, checkpoint, heads, forks }: Memory): string {
  const document: MemoryDocument = {
    ...(tableVersion === undefined ? {} : { tableVersion: `${tableVersion}` }),
    ...(checkpoint && { checkpoint: checkpointText(checkpoint) }),
    heads: Object.fromEntries([...(heads ?? [])].map(([instance, index]) => [instance, `${index}`])),
    ...(forks && { forks: forks.map(({ older, newer }) => ({ older: toBase64(older), newer: toBase64(newer) })) }),
  }
  return `${JSON.stringify(document)}\n`
}

const checkpointText = ({ treeSize, rootHash, note }: NonNullable<Memory['checkpoint']>) => ({
  treeSize: `${treeSize}`,
  rootHash: toHex(rootHash),
  ...(note && { note: toBase64(note) }),
})

/** Inverse of {@link encodeMemory}. @throws {PacketError} `STORE_FAILED`: a memory that cannot be read is not forgotten. */
export function parseMemory(text: string): Memory {
  try {
    const { tableVersion, checkpoint, heads, forks } = JSON.parse(text) as MemoryDocument
    if (typeof heads !== 'object' || heads === null || Array.isArray(heads)) throw new Error('heads is no object')
    return {
      tableVersion: tableVersion === undefined ? undefined : decimal(tableVersion),
      checkpoint: checkpoint && checkpointOf(checkpoint),
      heads: new Map(Object.entries(heads).map(([instance, index]) => [instance, decimal(index)])),
      ...(forks && { forks: forks.map(({ older, newer }) => ({ older: noteOf(older), newer: noteOf(newer) })) }),
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new PacketError('STORE_FAILED', `Cannot read what was seen of the network: ${why}`, { cause })
  }
}

function checkpointOf({ treeSize, rootHash, note }: NonNullable<MemoryDocument['checkpoint']>) {
  const root = fromHex(rootHash)
  if (root?.length !== 32) throw new Error('the root is not 32 bytes of hex')
  return { treeSize: decimal(treeSize), rootHash: root, ...(note !== undefined && { note: noteOf(note) }) }
}

function noteOf(text: unknown): Uint8Array {
  const note = typeof text === 'string' ? fromBase64(text) : undefined
  if (note === undefined) throw new Error('a note is not base64')
  return note
}

function decimal(text: unknown): bigint {
  if (typeof text !== 'string' || !/^\d{1,20}$/.test(text)) throw new Error(`${JSON.stringify(text)} is no number`)
  return BigInt(text)
}

export interface MemoryFile {
  readonly memory: Memory
  /** Writes it if it moved. What another program saw meanwhile is kept where it is newer. */
  save(): Promise<void>
}

/** Opens the memory of a network in a folder. */
export async function openMemory(folder: string, network: Uint8Array): Promise<MemoryFile> {
  const path = join(folder, `${toHex(network)}.json`)
  const read = async () => {
    const bytes = await readFileIfThere(path)
    return bytes === undefined ? undefined : parseMemory(new TextDecoder().decode(bytes))
  }
  const memory: Memory = (await read()) ?? {}
  let saved = encodeMemory(memory)
  return {
    memory,
    async save() {
      if (encodeMemory(memory) === saved) return
      await makeFolder(folder)
      const merged = newer(memory, (await read()) ?? {})
      await writeFileWhole(path, new TextEncoder().encode(encodeMemory(merged)))
      saved = encodeMemory(memory)
    },
  }
}

/** The newer of each. */
export function newer(a: Memory, b: Memory): Memory {
  const heads = new Map(a.heads)
  for (const [instance, index] of b.heads ?? []) heads.set(instance, max(heads.get(instance), index) as bigint)
  const forks = bothOf(a.forks, b.forks)
  const isOlder = (a.checkpoint?.treeSize ?? -1n) < (b.checkpoint?.treeSize ?? -1n)
  return {
    tableVersion: max(a.tableVersion, b.tableVersion),
    checkpoint: isOlder ? b.checkpoint : a.checkpoint,
    heads,
    ...(forks.length > 0 && { forks }),
  }
}

/** What either knows, once. */
function bothOf(a: readonly Fork[] = [], b: readonly Fork[] = []): readonly Fork[] {
  const named = new Map([...b, ...a].map((fork) => [`${toHex(fork.older)} ${toHex(fork.newer)}`, fork]))
  return [...named.values()].slice(-MAX_FORKS)
}

const MAX_FORKS = 8

const max = (a: bigint | undefined, b: bigint | undefined) => (a === undefined || (b !== undefined && b > a) ? b : a)

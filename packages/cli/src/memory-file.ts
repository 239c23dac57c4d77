/**
 * What clients on this machine have seen of a network, kept so that nobody can show them an older world later.
 *
 * @module
 */
import { join } from 'node:path'
import type { Memory } from '@mystranet/sdk'
import { fromHex, toHex } from '@mystranet/sdk/bytes'
import { PacketError } from '@mystranet/sdk/errors'
import { makeFolder, readFileIfThere, writeFileWhole } from './state.ts'

interface MemoryDocument {
  readonly tableVersion?: string
  readonly checkpoint?: { readonly treeSize: string; readonly rootHash: string }
  readonly heads: Readonly<Record<string, string>>
}

/** JSON text, one line. */
export function encodeMemory({ tableVersion, checkpoint, heads }: Memory): string {
  const document: MemoryDocument = {
    ...(tableVersion === undefined ? {} : { tableVersion: `${tableVersion}` }),
    ...(checkpoint && { checkpoint: { treeSize: `${checkpoint.treeSize}`, rootHash: toHex(checkpoint.rootHash) } }),
    heads: Object.fromEntries([...(heads ?? [])].map(([instance, index]) => [instance, `${index}`])),
  }
  return `${JSON.stringify(document)}\n`
}

/** Inverse of {@link encodeMemory}. @throws {PacketError} `STORE_FAILED`: a memory that cannot be read is not forgotten. */
export function parseMemory(text: string): Memory {
  try {
    const { tableVersion, checkpoint, heads } = JSON.parse(text) as MemoryDocument
    const rootHash = checkpoint && fromHex(checkpoint.rootHash)
    if (checkpoint && rootHash?.length !== 32) throw new Error('the root is not 32 bytes of hex')
    if (typeof heads !== 'object' || heads === null || Array.isArray(heads)) throw new Error('heads is no object')
    return {
      tableVersion: tableVersion === undefined ? undefined : decimal(tableVersion),
      checkpoint: checkpoint && { treeSize: decimal(checkpoint.treeSize), rootHash: rootHash as Uint8Array },
      heads: new Map(Object.entries(heads).map(([instance, index]) => [instance, decimal(index)])),
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new PacketError('STORE_FAILED', `Cannot read what was seen of the network: ${why}`, { cause })
  }
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
  const isOlder = (a.checkpoint?.treeSize ?? -1n) < (b.checkpoint?.treeSize ?? -1n)
  return {
    tableVersion: max(a.tableVersion, b.tableVersion),
    checkpoint: isOlder ? b.checkpoint : a.checkpoint,
    heads,
  }
}

const max = (a: bigint | undefined, b: bigint | undefined) => (a === undefined || (b !== undefined && b > a) ? b : a)

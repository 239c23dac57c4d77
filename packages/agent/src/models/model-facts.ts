import { createHash } from 'node:crypto'
import { type GgufHeader, readGgufHeader } from '@mystranet/detector/gguf/header'
import { openFile } from '@mystranet/detector/node'
import { modelErrorOf } from './model-error.ts'

/** What the model statement takes from a GGUF file's own metadata. What the file does not say is absent. */
export interface ModelFacts {
  readonly name?: string
  readonly architecture?: string
  /** llama.cpp's name of `general.file_type`, e.g. `Q4_1`. */
  readonly quantisation?: string
  readonly licence?: string
  /** `⟨architecture⟩.context_length`: what it was trained on. */
  readonly contextTokens?: number
  readonly chatTemplate?: string
  /** SHA-256 of the bytes of `tokenizer.chat_template`. */
  readonly chatTemplateDigest?: Uint8Array
  /**
   * SHA-256 over every pair whose key begins with `tokenizer.` but not with `tokenizer.chat_template`, each as the file
   * encodes it (u64 key length, key, u32 type, value; little-endian), in the order of their keys by UTF-8 bytes. So it
   * changes with any token, score, merge, special token or pre-tokenizer, and not with their order in the file.
   */
  readonly tokenizerDigest?: Uint8Array
}

/**
 * Reads the beginning of the file, as much as its metadata takes.
 *
 * @throws {ModelError} `DOCUMENT_MALFORMED`, `NOT_FOUND`, `STORE_FAILED`
 */
export async function readModelFacts(path: string): Promise<ModelFacts> {
  try {
    const file = await openFile(path)
    try {
      return factsOf(await readGgufHeader(file))
    } finally {
      await file.close()
    }
  } catch (error) {
    throw modelErrorOf(error)
  }
}

export function factsOf(header: GgufHeader): ModelFacts {
  const text = (key: string) => {
    const value = header.entries.get(key)?.value
    return typeof value === 'string' ? value : undefined
  }
  const number = (key: string) => {
    const value = header.entries.get(key)?.value
    return typeof value === 'number' ? value : undefined
  }
  const architecture = text('general.architecture')
  const chatTemplate = text('tokenizer.chat_template')
  const facts = {
    name: text('general.name'),
    architecture,
    quantisation: quantisationOf(number('general.file_type')),
    licence: text('general.license'),
    contextTokens: architecture === undefined ? undefined : number(`${architecture}.context_length`),
    chatTemplate,
    chatTemplateDigest: chatTemplate === undefined ? undefined : sha256([new TextEncoder().encode(chatTemplate)]),
    tokenizerDigest: tokenizerDigestOf(header),
  }
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as ModelFacts
}

function tokenizerDigestOf({ entries, bytes }: GgufHeader): Uint8Array | undefined {
  const pairs = [...entries]
    .filter(([key]) => key.startsWith('tokenizer.') && !key.startsWith('tokenizer.chat_template'))
    .sort(([one], [other]) => Buffer.compare(Buffer.from(one), Buffer.from(other)))
  return pairs.length === 0 ? undefined : sha256(pairs.map(([, { offset, end }]) => bytes.subarray(offset, end)))
}

function sha256(parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return new Uint8Array(hash.digest())
}

/** `llama_ftype` of llama.h, without the `MOSTLY_`. */
const FILE_TYPES: Readonly<Record<number, string>> = {
  0: 'F32',
  1: 'F16',
  2: 'Q4_0',
  3: 'Q4_1',
  7: 'Q8_0',
  8: 'Q5_0',
  9: 'Q5_1',
  10: 'Q2_K',
  11: 'Q3_K_S',
  12: 'Q3_K_M',
  13: 'Q3_K_L',
  14: 'Q4_K_S',
  15: 'Q4_K_M',
  16: 'Q5_K_S',
  17: 'Q5_K_M',
  18: 'Q6_K',
  19: 'IQ2_XXS',
  20: 'IQ2_XS',
  21: 'Q2_K_S',
  22: 'IQ3_XS',
  23: 'IQ3_XXS',
  24: 'IQ1_S',
  25: 'IQ4_NL',
  26: 'IQ3_S',
  27: 'IQ3_M',
  28: 'IQ2_S',
  29: 'IQ2_M',
  30: 'IQ4_XS',
  31: 'IQ1_M',
  32: 'BF16',
  36: 'TQ1_0',
  37: 'TQ2_0',
  38: 'MXFP4_MOE',
}

/** A number that the table does not have is said as it is: a guess would be a false statement. */
function quantisationOf(fileType: number | undefined): string | undefined {
  return fileType === undefined ? undefined : (FILE_TYPES[fileType] ?? `file type ${fileType}`)
}

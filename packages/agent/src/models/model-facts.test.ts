import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memorySource } from '@mystranet/detector/gguf'
import { readGgufHeader } from '@mystranet/detector/gguf/header'
import { describe, expect, it } from 'vitest'
import { ggufFile, type Pair } from '../../../detector/test/gguf-file.ts'
import { inspectModel, scanLine } from './inspect.ts'
import { factsOf, readModelFacts } from './model-facts.ts'

const [UINT32, STRING, ARRAY] = [4, 8, 9]
const small: readonly Pair[] = [
  ['general.architecture', STRING, 'llama'],
  ['general.file_type', UINT32, 3],
  ['llama.context_length', UINT32, 2_048],
  ['tokenizer.ggml.tokens', ARRAY, ['a', 'b', '☃']],
  ['tokenizer.chat_template', STRING, '{{ messages }}'],
]
const facts = async (pairs: readonly Pair[]) =>
  factsOf(await readGgufHeader(memorySource(ggufFile({ pairs, tensors: [] }))))

const folder = mkdtempSync(join(tmpdir(), 'weave-model-'))
const saved = (bytes: Uint8Array) => {
  const path = join(folder, `${bytes.length}.gguf`)
  writeFileSync(path, bytes)
  return path
}

describe('readModelFacts', () => {
  it('says what the file says', async () => {
    expect(await readModelFacts(saved(ggufFile({ pairs: small })))).toMatchObject({
      architecture: 'llama',
      quantisation: 'Q4_1',
      contextTokens: 2_048,
      chatTemplate: '{{ messages }}',
    })
    expect(await facts([['general.file_type', UINT32, 999]])).toEqual({ quantisation: 'file type 999' })
  })

  it('refuses what is no GGUF, and what is not there', async () => {
    await expect(readModelFacts(saved(ggufFile({ magic: 'GGML' })))).rejects.toMatchObject({
      name: 'ModelError',
      code: 'DOCUMENT_MALFORMED',
    })
    await expect(readModelFacts(join(folder, 'none'))).rejects.toMatchObject({ name: 'ModelError', code: 'NOT_FOUND' })
  })

  it('digests the tokenizer whatever its order in the file, and any token of it', async () => {
    const digest = async (pairs: readonly Pair[]) => (await facts(pairs)).tokenizerDigest
    const whole = await digest(small)
    expect(whole).toHaveLength(32)
    expect(await digest(small.toReversed())).toEqual(whole)
    expect(await digest(small.filter(([key]) => !key.includes('chat_template')))).toEqual(whole)
    expect(await digest(small.with(3, ['tokenizer.ggml.tokens', ARRAY, ['a', 'b', '☀']]))).not.toEqual(whole)
  })

  it('digests the exact bytes of the chat template', async () => {
    const template = '\ufeff{{ x }}'
    const found = await facts([['tokenizer.chat_template', STRING, template]])
    expect(found.chatTemplate).toBe(template)
    expect(found.chatTemplateDigest).toHaveLength(32)
  })
})

describe('inspectModel', () => {
  it('lets a clean file through, and one with findings that are not critical', async () => {
    const clean = await inspectModel(saved(ggufFile()))
    expect(clean).toMatchObject({ verdict: 'clean' })
    expect(scanLine(clean)).toBe('weave-gguf-scan/1 clean')
    const tail = new TextEncoder().encode('something hidden')
    const odd = await inspectModel(saved(ggufFile({ tail, padding: 1 })))
    expect(odd).toMatchObject({ verdict: 'suspicious' })
    expect(odd.findings.length).toBeGreaterThan(1)
    expect(scanLine(odd)).toBe('weave-gguf-scan/1 suspicious G25')
  })

  it.each([
    ['an invalid file', ggufFile({ keyCount: 2n ** 40n }), 'DOCUMENT_MALFORMED', /G01/],
    [
      'a template that runs code',
      ggufFile({ pairs: small.with(4, ['tokenizer.chat_template', STRING, "{{ ''.__class__ }}"]) }),
      'NOT_PERMITTED',
      /G23/,
    ],
  ])('refuses %s', async (_, bytes, code, message) => {
    const path = saved(bytes)
    await expect(inspectModel(path)).rejects.toMatchObject({ name: 'ModelError', code })
    await expect(inspectModel(path)).rejects.toThrow(message)
  })

  it('refuses what the engine in use falls for', async () => {
    const path = saved(
      ggufFile({
        pairs: small.with(4, ['tokenizer.chat_template', STRING, '{% for i in range(100000) %}{% endfor %}']),
      }),
    )
    await expect(inspectModel(path, { name: 'llama.cpp', version: 'b5000' })).rejects.toThrow(/G29/)
    expect(await inspectModel(path, { name: 'llama.cpp', version: 'b9000' })).toMatchObject({ verdict: 'suspicious' })
  })
})

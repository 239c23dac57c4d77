import { describe, expect, it } from 'vitest'
import { readChunks } from './openai-wire.ts'

const said = (content: string, end: string): string =>
  `data: ${JSON.stringify({ choices: [{ delta: { content }, finish_reason: null }] })}${end}`

async function textOf(bytes: Uint8Array, size: number): Promise<string> {
  const pieces = async function* () {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
  }
  let text = ''
  for await (const chunk of readChunks(pieces())) text += chunk.text
  return text
}

describe('readChunks()', () => {
  it('reads a line of 1 MiB that comes in pieces of two bytes, in time that grows with it', async () => {
    // A reader that looks through the whole line at each piece does not come to its end within the time of a test.
    const long = 'a'.repeat(1024 * 1024)
    expect(await textOf(new TextEncoder().encode(said(long, '\n')), 2)).toBe(long)
  })

  it.each(['\n', '\r\n', '\r', '\r\n\r\n'])('finds every line that ends with %j, wherever it is cut', async (end) => {
    const bytes = new TextEncoder().encode(`${said('one ', end)}${said('two ', end)}${said('thr\u00e9e', end)}`)
    for (let size = 1; size <= bytes.length; size++) expect(await textOf(bytes, size)).toBe('one two thr\u00e9e')
  })
})

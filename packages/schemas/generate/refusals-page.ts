/** Writes `docs/refusals.md` from the codes and their sentences. */
import { writeFile } from 'node:fs/promises'
import { CODES, type Code } from '../src/codes.ts'
import { REFUSAL_TEXT } from '../src/refusal-text.ts'

/** The page, whole. */
export function refusalsPage(): string {
  const rows = (Object.keys(CODES) as Code[]).map((code) => {
    const { wire, status, fate, remedy } = CODES[code]
    return `| \`${code}\` | ${wire || '–'} | ${status} | ${fate} | ${remedy} | ${REFUSAL_TEXT[code]} |`
  })
  return [
    '# Refusals',
    '',
    'Every code with which a router, an agent or the SDK refuses: its number in the `code` of a packet, its HTTP status, what',
    'happened to the packet, what its caller may do, and both in a sentence. Made from `packages/schemas/src/codes.ts` and',
    '`packages/schemas/src/refusal-text.ts`, where the words of the fate and remedy columns are explained.',
    '',
    '| code | number | HTTP | packet | caller | in a sentence |',
    '|---|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}

// Imported by a test, the module only makes the text.
if (import.meta.main) await writeFile('../../docs/refusals.md', refusalsPage())

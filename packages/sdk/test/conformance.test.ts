/** One suite on every runtime: all cases pass, and all verdicts on signatures are the same. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { CODES } from '@mystranet/schemas/codes'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Data } from '../conformance/data.ts'
import { makeVectors, VECTOR_FILES, VECTOR_FOLDER } from '../conformance/make-vectors.ts'
import { readData, SHARED_FOLDER } from '../conformance/read-data.ts'
import { type Outcome, prepareBundles, RUNTIMES } from '../conformance/runtime.ts'
import * as sdk from '../conformance/sdk.ts'
import { CASES, run } from '../conformance/suite.ts'
import { isCheckName } from '../src/proof/checks/name.ts'

const IN_CI = process.env['CI'] !== undefined
const TIMEOUT_MS = 160_000

const data: Data = readData()
const outcomes = new Map<string, Outcome>()

beforeAll(prepareBundles)

/** Verdicts by the name of their row, with their least number. */
const ROWS = { torsion: 2_400, published: 100, ...(data.shared && { wycheproof: 151, speccheck: 12, rfc8032: 4 }) }

const verdictsIn = ({ tap }: Outcome): Record<string, string> =>
  Object.fromEntries([...tap.matchAll(/^# verdicts (\S+) ([01]+)$/gm)].map(([, name, bits]) => [name, bits]))

const casesIn = ({ tap }: Outcome, pattern: RegExp): string[] => tap.split('\n').filter((line) => pattern.test(line))

describe.each(RUNTIMES)('$name', ({ name, program, missing, run: start }) => {
  it.skipIf(program === undefined && !IN_CI)(
    program === undefined ? `NOT RUN, its program is not here: ${missing}` : 'passes every case',
    async () => {
      expect(program, `the program of ${name}: ${missing}`).toBeDefined()
      const outcome = await start(program as string, data)
      outcomes.set(name, outcome)
      expect(casesIn(outcome, /^not ok/), outcome.tap.slice(-3_000)).toEqual([])
      expect(casesIn(outcome, /^ok /)).toHaveLength(Object.keys(CASES).length)
      expect(outcome.exitCode).toBe(0)
    },
    TIMEOUT_MS,
  )
})

describe('across runtimes', () => {
  it('gives the same string of verdicts', () => {
    expect(outcomes.size).toBeGreaterThanOrEqual(IN_CI ? RUNTIMES.length : 1)
    const [first] = outcomes.values()
    const wanted = verdictsIn(first as Outcome)
    for (const [name, least] of Object.entries(ROWS)) expect(wanted[name]?.length).toBeGreaterThanOrEqual(least)
    for (const [name, outcome] of outcomes) expect(verdictsIn(outcome), name).toEqual(wanted)
  })

  it('leaves out nothing but a foreign library where that does not run', () => {
    const allowed = data.shared === undefined ? /another library|needs \.\.\/shared/ : /another library/
    for (const [name, outcome] of outcomes) {
      for (const line of casesIn(outcome, /^ok .* # SKIP/)) expect(line, name).toMatch(allowed)
    }
    expect(casesIn(outcomes.get('Node 24') as Outcome, /^ok .*another library.* # SKIP/)).toEqual([])
    // It is made of Node's own modules.
    const without = [...outcomes].filter(([, outcome]) => casesIn(outcome, /^ok .* DSSE: .* # SKIP/).length > 0)
    expect(without.map(([name]) => name).filter((name) => name !== 'workerd' && name !== 'Chromium')).toEqual([])
  })

  it.runIf(IN_CI)('has the vectors made by others', () => {
    expect(data.shared, `${SHARED_FOLDER} must lie beside the repository`).toBeDefined()
  })
})

/** Runs the suite in this process with a library that is wrong in one place; gives the cases that found it. */
async function foundBy(wrong: Partial<typeof sdk>): Promise<string[]> {
  const lines: string[] = []
  await run({ ...sdk, ...wrong }, data, (line) => lines.push(line))
  return lines.flatMap((line) => /^not ok \d+ - (.*)$/.exec(line)?.[1] ?? [])
}

describe('the suite', () => {
  it('finds a library whose verdicts have a cofactor', async () => {
    const { verifyAsync } = await import('@noble/ed25519')
    const verifyEd25519 = async (key: Uint8Array, message: Uint8Array, signature: Uint8Array) =>
      verifyAsync(signature, message, key).catch(() => false)
    const found = await foundBy({ primitives: { ...sdk.primitives, verifyEd25519: verifyEd25519 as never } })
    expect(found).toContain('Ed25519: at least 2,400 verdicts where the cofactor decides')
    expect(found).toContain('Ed25519: the published verdicts')
  })

  it('finds a library that lets a frame pass twice, and one that admits what another key signed', async () => {
    const createFrameReader: typeof sdk.createFrameReader = (...args) => {
      const reader = sdk.createFrameReader(...args)
      const read = (bytes: Uint8Array) => {
        try {
          return reader.read(bytes)
        } catch {
          return new Uint8Array(0)
        }
      }
      return Object.assign(Object.create(reader) as typeof reader, { read })
    }
    expect(await foundBy({ createFrameReader })).toEqual(['streams: resumed, out of order, spoiled'])
    const found = await foundBy({
      verifyOrigin: async () => undefined,
      // Counts characters and not bytes.
      pae: (type, body) => sdk.concat(sdk.utf8(`DSSEv1 ${type.length} ${type} ${body.length} `), body),
      lockIdentityFile: async (seeds) => sdk.utf8(sdk.encodeIdentity(seeds)),
    })
    expect(found).toContain('DSSE: another library takes ours, and no changed one')
    expect(found).toContain('DSSE: we take what another library encodes')
    for (const how of ['X25519', 'post-quantum', 'scrypt']) {
      expect(found).toContain(`identity files: ${how}, age reads ours, and we read its`)
    }
    expect(found).toContain('refusals: parse, gates, signature, hashes')
  })
})

describe('the published vectors', () => {
  it('are what their makers make', async () => {
    for (const [name, text] of await makeVectors()) {
      const same = readFileSync(`${VECTOR_FOLDER}${name}`, 'utf8') === text
      expect(same, `${name} differs: run packages/sdk/conformance/make-vectors.ts and read the diff`).toBe(true)
    }
  }, 60_000)

  it('are all that is there, and at most 1.5 MB', () => {
    const files = readdirSync(VECTOR_FOLDER).filter((name) => name.endsWith('.json'))
    expect(files.toSorted()).toEqual(VECTOR_FILES.toSorted())
    const bytes = files.reduce((sum, name) => sum + statSync(`${VECTOR_FOLDER}${name}`).size, 0)
    expect(bytes).toBeLessThanOrEqual(1_500_000)
  })

  it('are explained, file by file', () => {
    const readme = readFileSync(`${VECTOR_FOLDER}README.md`, 'utf8')
    for (const name of VECTOR_FILES) expect(readme).toContain(`\`${name}\``)
  })

  it('refuse with codes of the table only, and hold every code that bytes alone can earn', () => {
    const texts = VECTOR_FILES.map((name) => readFileSync(`${VECTOR_FOLDER}${name}`, 'utf8'))
    // A result, or a code of a check in `codes`; what stands under `code` is the table itself.
    const rows = texts.flatMap((text) => [...text.matchAll(/"(result|[a-z]+(?:-[a-z]+)*)": "([A-Z][A-Z_]+)"/g)])
    const results = rows
      .filter(([, key]) => key === 'result' || isCheckName(key as string))
      .map(([, , code]) => code as string)
    const known = new Set([...Object.keys(CODES), 'STOP', 'TOOL_CALLS', 'LENGTH', 'ABORTED'])
    expect(results.filter((code) => !known.has(code))).toEqual([])
    for (const code of EARNED_BY_BYTES) expect(results, code).toContain(code)
  })
})

/** What a reader of bytes refuses by itself; the others need a clock, a store, a queue or a model. */
const EARNED_BY_BYTES = [
  'PACKET_MALFORMED',
  'PACKET_TOO_LARGE',
  'HEADER_TOO_LARGE',
  'VERSION_UNKNOWN',
  'SUITE_UNKNOWN',
  'KIND_UNKNOWN',
  'FIELD_INVALID',
  'SCHEMA_UNKNOWN',
  'NETWORK_MISMATCH',
  'DOCUMENT_MALFORMED',
  'NOTE_MALFORMED',
  'FRAME_MALFORMED',
  'TRUST_FILE_INVALID',
  'SIGNATURE_INVALID',
  'KEY_UNKNOWN',
  'KEY_REVOKED',
  'KEY_EXPIRED',
  'KEY_EVENT_INVALID',
  'NOT_PERMITTED',
  'RECIPIENTS_MISMATCH',
  'CIPHERTEXT_MISMATCH',
  'NOT_A_RECIPIENT',
  'REPLAYED',
  'EPOCH_STALE',
  'TABLE_INVALID',
  'NO_ROUTE',
  'PROOF_INVALID',
  'CHECKPOINT_UNTRUSTED',
  'LEAF_MISMATCH',
  'COMMITMENT_MISMATCH',
  'OPEN_FAILED',
  'SESSION_UNKNOWN',
  'CONTENT_INVALID',
  'STREAM_TRUNCATED',
  'STREAM_INVALID',
] as const

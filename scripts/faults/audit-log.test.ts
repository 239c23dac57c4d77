import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { draftOf, logWorld, trust } from '../../packages/router/test/log-world.ts'
import { encodeVkey } from '../../packages/sdk/src/proof/note.ts'
import { auditLog, type Finding, type Read } from './audit-log.ts'

const { logs, witnesses } = trust.policy
const TRUST = new TextEncoder().encode(
  [
    'mystranet.org/trust@v1',
    'name test',
    '',
    ...logs.map(({ key }) => `log ${encodeVkey(key)}`),
    ...witnesses.map(({ name, key }) => `witness ${name} ${encodeVkey(key)}`),
    'group three 3 2 3 4 5',
    'quorum three',
    '',
  ].join('\n'),
)

const partition = new Uint8Array(32).fill(7)
const of = (kind: 'attempt' | 'stream-open' | 'stream-close', attempt: number, name = 'a') =>
  draftOf(name, { kind, attempt, partition })

/** A log with a request that was answered, and 600 more that were. */
async function auditable() {
  const world = logWorld()
  const log = await world.open()
  await log.append([draftOf('a', { partition }), of('attempt', 1)])
  const early = log.published()?.note as Uint8Array
  await log.append([of('stream-open', 1, 'open'), of('stream-close', 1, 'close')])
  const many = Array.from({ length: 300 }, (_, at) => at)
  const own = (at: number) =>
    new Uint8Array(32)
      .fill(9)
      .fill(at & 255, 0, 1)
      .fill(at >> 8, 1, 2)
  await log.append(
    many.flatMap((at) => [
      draftOf(`${at}`, { partition: own(at) }),
      draftOf(`${at}`, { kind: 'void', partition: own(at) }),
    ]),
  )
  const note = log.published()?.note as Uint8Array
  const files = new Map(world.tiles.files)
  const read: Read = async (path) => (path === 'checkpoint' ? note : files.get(path))
  return { log, files, note, early, read }
}

const whats = (findings: readonly Finding[]) => [...new Set(findings.map(({ what }) => what))].sort()

describe('the auditor', () => {
  it('finds nothing in a sound log, and tells its requests', async () => {
    const { read, early } = await auditable()
    const { entries, findings, requests } = await auditLog(read, TRUST, [early])
    expect({ entries, findings }).toEqual({ entries: 604, findings: [] })
    expect(requests.size).toBe(301)
    expect([...requests.values()][0]).toEqual({ attempts: 1, isEnded: true })
  })

  it('finds a changed entry, by the root and by the tile', async () => {
    const { files, read } = await auditable()
    const bundle = files.get('tile/entries/000') as Uint8Array
    // Of the first entry's commitment.
    files.set(
      'tile/entries/000',
      bundle.map((byte, at) => (at === 150 ? byte ^ 1 : byte)),
    )
    expect(whats((await auditLog(read, TRUST)).findings)).toEqual(['checkpoint', 'partition', 'tile'])
  })

  it.each([['tile/0/001'], ['tile/1/000.p/2'], ['tile/entries/001']])('finds that %s is missing', async (path) => {
    const { files, read } = await auditable()
    expect(files.delete(path)).toBe(true)
    expect(whats((await auditLog(read, TRUST)).findings)).toContain('tile')
  })

  it('finds a checkpoint that the quorum did not cosign, and one of another log', async () => {
    const { read, note } = await auditable()
    const text = new TextDecoder().decode(note)
    const without = text
      .split('\n')
      .filter((line, at) => !(line.startsWith('\u2014') && at > 6))
      .join('\n')
    const bare: Read = async (path) => (path === 'checkpoint' ? new TextEncoder().encode(without) : read(path))
    expect((await auditLog(bare, TRUST)).findings[0]?.where).toMatch(/quorum did not cosign/)
    const forged: Read = async (path) =>
      path === 'checkpoint' ? new TextEncoder().encode(text.replace('\n604\n', '\n605\n')) : read(path)
    expect((await auditLog(forged, TRUST)).findings[0]?.where).toMatch(/no log of the trust file signed it/)
  })

  it('finds that a log has gone back behind what it showed before', async () => {
    const { read } = await auditable()
    const other = logWorld()
    const log = await other.open()
    await log.append([draftOf('something else')])
    const { findings } = await auditLog(read, TRUST, [log.published()?.note as Uint8Array])
    expect(findings.map(({ where }) => where)).toEqual(['earlier 0: the entries do not give its root for size 1'])
  })

  it.each([
    ['a second end', [of('stream-close', 1, 'another')], 'a second end of attempt 1'],
    ['a reply of an attempt that was not made', [of('stream-open', 2, 'early')], 'attempt 2'],
    ['an attempt out of order', [of('attempt', 3)], 'wanted 2'],
  ])('finds %s', async (_, drafts, where) => {
    const { log, files } = await auditable()
    await log.append(drafts)
    expect(files.size).toBeGreaterThan(0)
    const world = logWorld()
    const again = await world.open()
    await again.append([draftOf('a', { partition }), of('attempt', 1), of('stream-close', 1, 'close'), ...drafts])
    const note = again.published()?.note
    const read: Read = async (path) => (path === 'checkpoint' ? note : world.tiles.files.get(path))
    const { findings } = await auditLog(read, TRUST)
    expect(findings.filter(({ what }) => what === 'attempt')[0]?.where).toContain(where)
  })

  it('finds a request that never ended', async () => {
    const world = logWorld()
    const log = await world.open()
    await log.append([draftOf('a', { partition }), of('attempt', 1)])
    const note = log.published()?.note
    const read: Read = async (path) => (path === 'checkpoint' ? note : world.tiles.files.get(path))
    expect(whats((await auditLog(read, TRUST)).findings)).toEqual(['unended'])
  })

  it('shares no code with the writer but the schemas', () => {
    const folder = fileURLToPath(new URL('.', import.meta.url))
    const files = readdirSync(folder).filter((name) => /^audit-[a-z]+\.ts$/.test(name))
    expect(files.length).toBeGreaterThan(3)
    for (const name of files) {
      const imports = [...readFileSync(`${folder}${name}`, 'utf8').matchAll(/(?:from|import\()\s*'([^']+)'/g)]
      for (const [, from] of imports) {
        expect(from, name).toMatch(/^(node:|\.\/audit-[a-z]+\.ts$|\.\.\/\.\.\/packages\/schemas\/)/)
      }
    }
  })
})

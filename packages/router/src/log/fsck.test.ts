import { encodeBundle, parseBundle } from '@mystranet/sdk/proof/tile'
import { beforeAll, describe, expect, it } from 'vitest'
import { draftOf, logWorld, trust } from '../../test/log-world.ts'
import { verifyLog } from './fsck.ts'

describe('verifyLog()', () => {
  const world = logWorld()
  let note: Uint8Array
  beforeAll(async () => {
    const log = await world.open()
    for (const batch of ['a', 'b']) await log.append(Array.from({ length: 150 }, (_, i) => draftOf(`${batch}${i}`)))
    note = log.published()?.note as Uint8Array
    await log.close()
  })

  const check = (change: (files: Map<string, Uint8Array>) => void, checkpoint: Uint8Array | undefined = note) => {
    const files = new Map(world.tiles.files)
    change(files)
    return verifyLog({ read: async (path) => (path === 'checkpoint' ? checkpoint : files.get(path)) }, trust)
  }
  const places = async (change: (files: Map<string, Uint8Array>) => void) =>
    (await check(change)).findings.map(({ where, what }) => `${where}: ${what}`).join('\n')
  const BUNDLE = 'tile/entries/000'
  const changeEntry = (at: number, byte: number) => (files: Map<string, Uint8Array>) => {
    const entries = parseBundle(files.get(BUNDLE) as Uint8Array, 256).map((entry) => entry.slice())
    const entry = entries[at] as Uint8Array
    entry[byte] = (entry[byte] as number) ^ 1
    files.set(BUNDLE, encodeBundle(entries))
  }

  it('finds nothing in a sound log, and reads every leaf in order', async () => {
    const indices: number[] = []
    const reader = { read: async (path: string) => (path === 'checkpoint' ? note : world.tiles.files.get(path)) }
    const report = await verifyLog(reader, trust, (_, index) => indices.push(index))
    expect(report).toMatchObject({ entries: 300, findings: [], checkpoint: { treeSize: 300n } })
    expect(indices).toEqual(Array.from({ length: 300 }, (_, i) => i))
  })

  it('finds a changed entry, and offers no repair that its root does not prove', async () => {
    const report = await check(changeEntry(7, 140))
    expect(report.findings.map(({ where }) => where)).toContain('checkpoint')
    expect(report.findings.some(({ repair }) => repair !== undefined)).toBe(false)
  })

  it.each([
    ['a changed place', changeEntry(7, 66), /entry 7: its place in the partition/],
    ['a changed link', changeEntry(7, 70), /entry 7: it does not name the leaf before it/],
    ['a changed label', changeEntry(7, 0), /entry 7: Cannot read a leaf/],
    ['a changed time', changeEntry(7, 22), /entry \d+: its time \d+ lies before/],
    ['a missing bundle', (files: Map<string, Uint8Array>) => files.delete(BUNDLE), /tile\/entries\/000: missing/],
    [
      'a cut bundle',
      (files: Map<string, Uint8Array>) => files.set(BUNDLE, (files.get(BUNDLE) as Uint8Array).slice(0, -1)),
      /tile\/entries\/000: Cannot read the tile/,
    ],
    [
      'a missing tile',
      (files: Map<string, Uint8Array>) => files.delete('tile/1/000.p/1'),
      /tile\/1\/000.p\/1: missing/,
    ],
  ])('finds %s', async (_, change, found) => {
    expect(await places((files) => void change(files))).toMatch(found)
  })

  it('reads nothing under a checkpoint that it cannot trust', async () => {
    expect(await verifyLog({ read: async () => undefined }, trust)).toMatchObject({
      checkpoint: undefined,
      findings: [{ what: 'missing' }],
    })
    const broken = note.map((byte, i) => (i === 12 ? byte ^ 1 : byte))
    expect((await check(() => {}, broken)).checkpoint).toBeUndefined()
  })
})

/**
 * An auditor of the log that shares no code with what writes it, but the schemas: it reads what anybody may fetch, takes
 * every hash from the entries anew, and believes nothing else (docs/protocol.md §10; C2SP tlog-tiles, tlog-checkpoint,
 * tlog-cosignature, tlog-policy).
 *
 *   node --conditions=@mystranet/source scripts/faults/audit-log.ts http://127.0.0.1:8470 TRUST_FILE
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import { type Request, readLeaves, readRequests } from './audit-leaves.ts'
import { checkNote, type NoteTrust, readTrust } from './audit-note.ts'
import { hashLeaf, levelsOf, rootsAt } from './audit-tree.ts'

export interface Finding {
  /** What rule it breaks; `unended` may end by itself while the log's router lives. */
  readonly what: 'checkpoint' | 'tile' | 'leaf' | 'partition' | 'attempt' | 'unended'
  readonly where: string
}

export interface Audit {
  readonly entries: number
  readonly findings: readonly Finding[]
  /** By packet id in hex. */
  readonly requests: ReadonlyMap<string, Request>
}

/** What is fetched of a log; a path such as `checkpoint` or `tile/0/000`. @returns undefined where nothing is. */
export type Read = (path: string) => Promise<Uint8Array | undefined>

const WIDTH = 256

/**
 * Audits a log from its first entry on.
 *
 * @param earlier Checkpoints that the same log showed before, as notes: it must still be what they say.
 */
export async function auditLog(read: Read, trustFile: Uint8Array, earlier: readonly Uint8Array[] = []): Promise<Audit> {
  const findings: Finding[] = []
  const trust = readTrust(new TextDecoder().decode(trustFile))
  const note = await read('checkpoint')
  if (note === undefined) return { entries: 0, findings: [{ what: 'checkpoint', where: 'none' }], requests: new Map() }
  const { size, root } = noted(note, trust, 'the newest', findings)
  const leaves = await readEntries(read, size, findings)
  const hashes = leaves.map(hashLeaf)
  await compareTiles(read, hashes, findings)
  const marks = [{ size, root, name: 'the newest' }]
  for (const [at, each] of earlier.entries())
    marks.push({ ...noted(each, trust, `earlier ${at}`, findings), name: `earlier ${at}` })
  const roots = rootsAt(hashes, new Set(marks.map((mark) => mark.size)))
  for (const mark of marks) {
    if (roots.get(mark.size) !== mark.root) {
      findings.push({
        what: 'checkpoint',
        where: `${mark.name}: the entries do not give its root for size ${mark.size}`,
      })
    }
  }
  const said = readLeaves(leaves, hashes, findings)
  return { entries: leaves.length, findings, requests: readRequests(said, findings) }
}

function noted(note: Uint8Array, trust: NoteTrust, name: string, findings: Finding[]): { size: number; root: string } {
  try {
    return checkNote(note, trust)
  } catch (error) {
    findings.push({ what: 'checkpoint', where: `${name}: ${(error as Error).message}` })
    return { size: 0, root: '' }
  }
}

/** `tile/⟨level⟩/⟨index⟩[.p/⟨width⟩]`. */
function pathOf(level: number | 'entries', index: number, width: number): string {
  const digits = String(index)
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/.{3}/g) as string[]
  const name = groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join('/')
  return `tile/${level}/${name}${width < WIDTH ? `.p/${width}` : ''}`
}

async function readEntries(read: Read, size: number, findings: Finding[]): Promise<Uint8Array[]> {
  const entries: Uint8Array[] = []
  for (let index = 0; index * WIDTH < size; index += 1) {
    const width = Math.min(WIDTH, size - index * WIDTH)
    const path = pathOf('entries', index, width)
    const bytes = await read(path)
    const found = bytes && cut(bytes)
    if (found?.length !== width) {
      findings.push({ what: 'tile', where: `${path}: ${found?.length ?? 'no'} entries, wanted ${width}` })
      return entries
    }
    entries.push(...found)
  }
  return entries
}

/** `(u16 length ‖ entry)…` */
function cut(bundle: Uint8Array): Uint8Array[] | undefined {
  const view = new DataView(bundle.buffer, bundle.byteOffset, bundle.byteLength)
  const entries: Uint8Array[] = []
  for (let at = 0; at < bundle.length; ) {
    if (at + 2 > bundle.length) return undefined
    const end = at + 2 + view.getUint16(at)
    if (end > bundle.length) return undefined
    entries.push(bundle.subarray(at + 2, end))
    at = end
  }
  return entries
}

async function compareTiles(read: Read, hashes: readonly Uint8Array[], findings: Finding[]): Promise<void> {
  for (const [level, row] of levelsOf(hashes).entries()) {
    for (let index = 0; index * WIDTH < row.length; index += 1) {
      const wanted = Buffer.concat(row.slice(index * WIDTH, (index + 1) * WIDTH))
      const path = pathOf(level, index, wanted.length / 32)
      const found = await read(path)
      if (found === undefined || !wanted.equals(found)) {
        findings.push({
          what: 'tile',
          where: `${path}: ${found === undefined ? 'missing' : 'not what the entries give'}`,
        })
      }
    }
  }
}

/** What a router serves. */
export const overHttp =
  (url: string): Read =>
  async (path) => {
    const response = await fetch(`${url}/log/${path}`)
    return response.ok ? new Uint8Array(await response.arrayBuffer()) : undefined
  }

async function main([url, trustFile]: readonly string[]): Promise<void> {
  if (url === undefined || trustFile === undefined) throw new Error('wanted the address of a router and a trust file')
  const { entries, findings, requests } = await auditLog(overHttp(url), await readFile(trustFile))
  process.stdout.write(`${entries} entries, ${requests.size} requests, ${findings.length} findings\n`)
  for (const { what, where } of findings) process.stdout.write(`${what}: ${where}\n`)
  process.exitCode = findings.length > 0 ? 1 : 0
}

if (import.meta.main) {
  await main(process.argv.slice(2)).catch((error: unknown) => {
    process.stderr.write(`audit-log: ${(error as Error).message}\n`)
    process.exitCode = 2
  })
}

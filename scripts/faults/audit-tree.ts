/** @module RFC 6962's tree for the auditor, from nothing but SHA-256. */
import { hash } from 'node:crypto'

const sha256 = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer')
const WIDTH = 256

export const hashLeaf = (leaf: Uint8Array): Uint8Array => sha256(Buffer.concat([Uint8Array.of(0), leaf]))
const hashNode = (left: Uint8Array, right: Uint8Array) => sha256(Buffer.concat([Uint8Array.of(1), left, right]))

/** The roots, in hex, of the trees of those sizes. */
export function rootsAt(leaves: readonly Uint8Array[], sizes: ReadonlySet<number>): Map<number, string> {
  const roots = new Map<number, string>()
  /** Roots of the perfect trees that the first `size` leaves fall into, largest first. */
  const peaks: { readonly width: number; readonly root: Uint8Array }[] = []
  const mark = (size: number) => {
    if (!sizes.has(size)) return
    const root = peaks
      .map((peak) => peak.root)
      .reduceRight<Uint8Array | undefined>(
        (right, left) => (right === undefined ? left : hashNode(left, right)),
        undefined,
      )
    roots.set(size, Buffer.from(root ?? sha256(new Uint8Array(0))).toString('hex'))
  }
  mark(0)
  for (const [at, leaf] of leaves.entries()) {
    let peak = { width: 1, root: leaf }
    for (let left = peaks.at(-1); left?.width === peak.width; left = peaks.at(-1)) {
      peaks.pop()
      peak = { width: 2 * peak.width, root: hashNode(left.root, peak.root) }
    }
    peaks.push(peak)
    mark(at + 1)
  }
  return roots
}

/** The hashes of each level of tiles: the leaves, then the roots of each full 256 of the level below. */
export function levelsOf(leaves: readonly Uint8Array[]): Uint8Array[][] {
  const levels: Uint8Array[][] = []
  for (let row = [...leaves]; row.length > 0; ) {
    levels.push(row)
    const above: Uint8Array[] = []
    for (let at = 0; at + WIDTH <= row.length; at += WIDTH) {
      let nodes = row.slice(at, at + WIDTH)
      while (nodes.length > 1) {
        const left = nodes
        nodes = Array.from({ length: left.length / 2 }, (_, i) =>
          hashNode(left[2 * i] as Uint8Array, left[2 * i + 1] as Uint8Array),
        )
      }
      above.push(nodes[0] as Uint8Array)
    }
    row = above
  }
  return levels
}

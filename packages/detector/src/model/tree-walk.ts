/**
 * Sums of trees, fast. A processor guesses which way a comparison goes, and in a tree every second guess is wrong; so here
 * nothing is guessed: comparisons are arithmetic on integers, and four rows go down a tree side by side.
 *
 * @module
 */
import type { Ensemble } from './onnx/ensemble.ts'

/** An ensemble laid out for walking. */
export interface Walk {
  readonly width: number
  /** First number of each root in `nodes`, and how many levels its tree has. */
  readonly roots: Int32Array
  readonly depths: Int32Array
  /**
   * Four numbers a node: which of the row's keys it reads, the key of its threshold, the first number of its lower child, 0.
   * The upper child follows the lower one. A leaf is its own lower child, and no key is above its threshold.
   */
  readonly nodes: Int32Array
  /** Weight of each leaf, at its number in `nodes` divided by four. */
  readonly weights: Float32Array
}

/** Rows that go through one tree before the next tree: their keys stay in the processor's nearest cache. */
const BLOCK = 64
const LANES = 4
const LOWEST = -0x8000_0000
const HIGHEST = 0x7fff_ffff

/** Lays an ensemble out. `width` is the number of columns that it reads. */
export function layOut({ roots, feature, value, child, nanLow }: Ensemble, width: number): Walk {
  const count = feature.length
  const nodes = new Int32Array(count * 4)
  const weights = new Float32Array(count)
  const levels = new Int32Array(count)
  const thresholds = new Int32Array(count * 2)
  writeKeys(value, 0, count, thresholds)
  // Children come after their parents: from the end, their levels are known.
  for (let node = count - 1; node >= 0; node--) {
    const column = feature[node]!
    const isLeaf = column < 0
    if (isLeaf) weights[node] = value[node]!
    else levels[node] = 1 + Math.max(levels[child[node]!]!, levels[child[node]! + 1]!)
    nodes[4 * node] = isLeaf ? 0 : 2 * column + (1 - nanLow[node]!)
    nodes[4 * node + 1] = isLeaf ? HIGHEST : thresholds[2 * node]!
    nodes[4 * node + 2] = 4 * (isLeaf ? node : child[node]!)
  }
  return {
    width,
    roots: roots.map((root) => 4 * root),
    depths: roots.map((root) => levels[root]!),
    nodes,
    weights,
  }
}

/**
 * Two integers a number, in the order of the numbers: -0 is 0, and NaN comes first in one and last in the other, so that
 * each split finds it on its own side.
 */
function writeKeys(numbers: Float32Array, start: number, count: number, keys: Int32Array): void {
  const float = new Float32Array(1)
  const integer = new Int32Array(float.buffer)
  for (let i = 0; i < count; i++) {
    const x = numbers[start + i]!
    float[0] = x + 0
    const bits = integer[0]!
    const key = bits ^ ((bits >> 31) & HIGHEST)
    const isMissing = Number.isNaN(x)
    keys[2 * i] = isMissing ? LOWEST : key
    keys[2 * i + 1] = isMissing ? HIGHEST : key
  }
}

/** 4 where the key is above the threshold, else 0: what leads from the lower child to the upper one (Warren, 2-12). */
const above = (threshold: number, key: number): number =>
  (((threshold & ~key) | (~(threshold ^ key) & (threshold - key))) >>> 31) << 2

/** Adds to each of `sums` the leaves that its row reaches, in the order of the trees, rounded to float32 each time. */
export function addLeaves(walk: Walk, rows: Float32Array, sums: Float32Array): void {
  const { width, roots } = walk
  const keys = new Int32Array(Math.min(BLOCK, sums.length) * width * 2)
  for (let start = 0; start < sums.length; start += BLOCK) {
    const count = Math.min(BLOCK, sums.length - start)
    writeKeys(rows, start * width, count * width, keys)
    const whole = count - (count % LANES)
    const block = sums.subarray(start, start + count)
    for (let tree = 0; tree < roots.length; tree++) {
      walkLanes(walk, tree, keys, block, whole)
      walkEach(walk, tree, keys, block, whole)
    }
  }
}

function walkLanes(
  { width, roots, depths, nodes, weights }: Walk,
  tree: number,
  keys: Int32Array,
  sums: Float32Array,
  end: number,
) {
  const root = roots[tree]!
  const depth = depths[tree]!
  for (let row = 0; row < end; row += LANES) {
    const at0 = row * width * 2
    const at1 = at0 + width * 2
    const at2 = at1 + width * 2
    const at3 = at2 + width * 2
    let node0 = root
    let node1 = root
    let node2 = root
    let node3 = root
    for (let level = 0; level < depth; level++) {
      node0 = nodes[node0 + 2]! + above(nodes[node0 + 1]!, keys[at0 + nodes[node0]!]!)
      node1 = nodes[node1 + 2]! + above(nodes[node1 + 1]!, keys[at1 + nodes[node1]!]!)
      node2 = nodes[node2 + 2]! + above(nodes[node2 + 1]!, keys[at2 + nodes[node2]!]!)
      node3 = nodes[node3 + 2]! + above(nodes[node3 + 1]!, keys[at3 + nodes[node3]!]!)
    }
    sums[row] = sums[row]! + weights[node0 >> 2]!
    sums[row + 1] = sums[row + 1]! + weights[node1 >> 2]!
    sums[row + 2] = sums[row + 2]! + weights[node2 >> 2]!
    sums[row + 3] = sums[row + 3]! + weights[node3 >> 2]!
  }
}

/** A row alone stops at its leaf: the other levels would cost more than one wrong guess. */
function walkEach(
  { width, roots, nodes, weights }: Walk,
  tree: number,
  keys: Int32Array,
  sums: Float32Array,
  start: number,
) {
  for (let row = start; row < sums.length; row++) {
    const at = row * width * 2
    let node = roots[tree]!
    let child = nodes[node + 2]!
    while (child !== node) {
      node = child + above(nodes[node + 1]!, keys[at + nodes[node]!]!)
      child = nodes[node + 2]!
    }
    sums[row] = sums[row]! + weights[node >> 2]!
  }
}

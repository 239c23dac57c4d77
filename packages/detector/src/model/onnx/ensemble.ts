/**
 * The attributes of a TreeEnsembleRegressor as flat arrays, checked: every tree is a tree.
 * Source: {@link https://github.com/onnx/onnx/blob/v1.19.0/docs/Operators-ml.md#aionnxmltreeensembleregressor}
 *
 * @module
 */
import type { Attribute } from './message.ts'
import { refuse } from './wire.ts'

/** All trees of one sum. A node is a place in each of the arrays; the two children of a split are neighbours. */
export interface Ensemble {
  /** Root of each tree, in the order in which their leaves are added. */
  readonly roots: Int32Array
  /** Column that a split reads; -1 for a leaf. */
  readonly feature: Int32Array
  /** Of a split, its threshold: lower or equal goes to `child`, else to `child + 1`. Of a leaf, its weight. */
  readonly value: Float32Array
  /** The lower child of a split. */
  readonly child: Int32Array
  /** 1 where NaN goes to the lower child. */
  readonly nanLow: Uint8Array
}

type Attributes = ReadonlyMap<string, Attribute>

const MAX_SPLITS_AND_LEAVES = 262_144
const INTEGERS = [
  'nodes_treeids',
  'nodes_nodeids',
  'nodes_featureids',
  'nodes_truenodeids',
  'nodes_falsenodeids',
  'nodes_missing_value_tracks_true',
  'target_treeids',
  'target_nodeids',
  'target_ids',
] as const
const FIXED: Readonly<Record<string, string | number>> = {
  n_targets: 1,
  aggregate_function: 'SUM',
  post_transform: 'NONE',
}
const NAMES: ReadonlySet<string> = new Set([
  ...INTEGERS,
  ...Object.keys(FIXED),
  'nodes_values',
  'nodes_modes',
  'target_weights',
])

/** One node as the file has it. */
interface Node {
  readonly row: number
  readonly isLeaf: boolean
}

/**
 * @param width Columns that the ensemble reads.
 * @throws {DetectorError} `MODEL_GRAPH_UNSUPPORTED`
 */
export function ensembleOf(attributes: Attributes, width: number): Ensemble {
  const strange = [...attributes.keys()].find((name) => !NAMES.has(name))
  if (strange !== undefined) refuse(`the ensemble has the attribute ${strange}, wanted one that we compute`)
  for (const [name, wanted] of Object.entries(FIXED)) {
    const { numbers = [], texts = [] } = attributes.get(name) ?? {}
    const given = [...numbers, ...texts]
    if (given.length !== 1 || given[0] !== wanted) refuse(`${name} of the ensemble is ${given}, wanted ${wanted}`)
  }
  const table = tableOf(attributes)
  const trees = treesOf(table)
  const count = table.modes.length
  const out = {
    roots: new Int32Array(trees.length),
    feature: new Int32Array(count).fill(-1),
    value: new Float32Array(count),
    child: new Int32Array(count),
    nanLow: new Uint8Array(count),
  }
  let next = 0
  for (const [at, nodes] of trees.entries()) {
    out.roots[at] = next
    next = layTree(table, nodes, width, out, next)
  }
  return out
}

interface Table {
  readonly column: Readonly<Record<(typeof INTEGERS)[number], readonly number[]>>
  readonly values: readonly number[]
  readonly modes: readonly string[]
  /** Weight of a leaf, by tree and node. */
  readonly weights: ReadonlyMap<string, number>
}

function tableOf(attributes: Attributes): Table {
  const list = <K extends 'numbers' | 'texts'>(name: string, kind: K): Attribute[K] =>
    attributes.get(name)?.[kind] ?? refuse(`the ensemble has no ${name}`)
  const column = Object.fromEntries(INTEGERS.map((name) => [name, list(name, 'numbers')])) as Table['column']
  const values = list('nodes_values', 'numbers')
  const modes = list('nodes_modes', 'texts')
  const given = list('target_weights', 'numbers')
  if (modes.length < 1 || modes.length > MAX_SPLITS_AND_LEAVES)
    refuse(`the ensemble has ${modes.length} nodes, wanted 1 to ${MAX_SPLITS_AND_LEAVES}`)
  for (const name of INTEGERS) {
    const wanted = name.startsWith('nodes_') ? modes.length : given.length
    if (column[name].length !== wanted) refuse(`${name} has ${column[name].length} numbers, wanted ${wanted}`)
    const odd = column[name].find((number) => !Number.isSafeInteger(number) || number < 0)
    if (odd !== undefined) refuse(`${name} holds ${odd}, wanted counts and ids`)
  }
  if (values.length !== modes.length) refuse(`nodes_values has ${values.length} numbers, wanted ${modes.length}`)
  if (![...values, ...given].every(Number.isFinite)) refuse('a threshold or weight is not finite')
  const weights = new Map<string, number>()
  for (let i = 0; i < given.length; i++) {
    if (column.target_ids[i] !== 0) refuse(`a leaf counts for target ${column.target_ids[i]}, wanted 0`)
    const place = `${column.target_treeids[i]} ${column.target_nodeids[i]}`
    if (weights.has(place)) refuse(`the leaf ${place} has two weights, wanted one`)
    weights.set(place, given[i]!)
  }
  return { column, values, modes, weights }
}

/** The nodes of each tree by id, trees in the order of the file: tree n is numbered n, its node m is numbered m. */
function treesOf({ column, modes, weights }: Table): readonly (readonly Node[])[] {
  const trees: Node[][] = []
  let leaves = 0
  for (const [row, mode] of modes.entries()) {
    if (mode !== 'LEAF' && mode !== 'BRANCH_LEQ') refuse(`a node has mode ${mode}, wanted BRANCH_LEQ or LEAF`)
    const tree = column.nodes_treeids[row]!
    if (tree === trees.length) trees.push([])
    if (tree !== trees.length - 1) refuse(`tree ${tree} stands at place ${trees.length - 1}, wanted them in order`)
    const nodes = trees[tree]!
    const id = column.nodes_nodeids[row]!
    if (id !== nodes.length) refuse(`tree ${tree} has node ${id} at place ${nodes.length}, wanted them in order`)
    const isLeaf = mode === 'LEAF'
    if (isLeaf) leaves++
    nodes.push({ row, isLeaf })
  }
  if (leaves !== weights.size) refuse(`there are ${weights.size} weights, wanted one for each of ${leaves} leaves`)
  return trees
}

type Arrays = { readonly [K in keyof Ensemble]: Ensemble[K] }

/** Lays one tree out, breadth first, so that the children of a split are neighbours. Returns the next free place. */
function layTree(
  { column, values, weights }: Table,
  nodes: readonly Node[],
  width: number,
  out: Arrays,
  start: number,
) {
  const seen = new Uint8Array(nodes.length)
  const order = [0]
  seen[0] = 1
  for (let at = 0; at < order.length; at++) {
    const place = start + at
    const id = order[at]!
    const { row, isLeaf } = nodes[id]!
    if (isLeaf) {
      out.value[place] =
        weights.get(`${column.nodes_treeids[row]} ${id}`) ??
        refuse(`leaf ${id} of tree ${column.nodes_treeids[row]} has no weight`)
      continue
    }
    const feature = column.nodes_featureids[row]!
    if (feature >= width) refuse(`a split reads column ${feature}, wanted one below ${width}`)
    const nanLow = column.nodes_missing_value_tracks_true[row]!
    if (nanLow > 1) refuse(`nodes_missing_value_tracks_true holds ${nanLow}, wanted 0 or 1`)
    out.feature[place] = feature
    out.value[place] = values[row]!
    out.child[place] = start + order.length
    out.nanLow[place] = nanLow
    for (const child of [column.nodes_truenodeids[row]!, column.nodes_falsenodeids[row]!]) {
      if (child >= nodes.length || seen[child] === 1) refuse(`a tree reaches node ${child} twice or has none such`)
      seen[child] = 1
      order.push(child)
    }
  }
  if (order.length !== nodes.length) refuse(`a tree has ${nodes.length - order.length} nodes that nothing reaches`)
  return start + order.length
}

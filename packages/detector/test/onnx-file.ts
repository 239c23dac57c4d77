/**
 * Writes ONNX files, good and bad, of what the tests say: the strict reader's counterpart, for tests only.
 */

type Value = number | string
/** Numbers are integers unless they are in `floats`. */
export type AttributeSpec =
  | Value
  | readonly Value[]
  | { readonly floats: readonly number[] }
  /** Fields of the attribute as they are, after its name. */
  | { readonly raw: Uint8Array }

/** A list of pairs where a name is to stand twice. */
type Named<T> = Readonly<Record<string, T>> | readonly (readonly [name: string, value: T])[]

const pairsOf = <T>(named: Named<T>): readonly (readonly [string, T])[] =>
  Array.isArray(named) ? named : Object.entries(named as Readonly<Record<string, T>>)

export interface NodeSpec {
  readonly operator: string
  readonly domain?: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes?: Named<AttributeSpec>
}

export interface FileSpec {
  readonly irVersion?: number
  readonly opsets?: Readonly<Record<string, number>>
  readonly inputs?: readonly PortSpec[]
  readonly outputs?: readonly PortSpec[]
  readonly constants?: Named<number>
  readonly nodes: readonly NodeSpec[]
  /** Appended to the graph as it is. */
  readonly moreOfGraph?: Uint8Array
  /** Appended to the model as it is. */
  readonly more?: Uint8Array
}

export type PortSpec = readonly [name: string, ...shape: (number | string)[]]

const ascii = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0))

function join(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((total, part) => total + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return Uint8Array.from([...bytes, rest])
}

function float(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setFloat32(0, value, true)
  return bytes
}

/** One field of a message. */
export const field = (number: number, value: number | string | Uint8Array): Uint8Array => {
  if (typeof value === 'number') return join([varint(number * 8), varint(value)])
  const bytes = typeof value === 'string' ? ascii(value) : value
  return join([varint(number * 8 + 2), varint(bytes.length), bytes])
}
const floatField = (number: number, value: number) => join([varint(number * 8 + 5), float(value)])

function attribute(name: string, spec: AttributeSpec): Uint8Array {
  const typed = (type: number, values: readonly Uint8Array[]) => join([field(1, name), join(values), field(20, type)])
  if (typeof spec === 'number') return typed(2, [field(3, spec)])
  if (typeof spec === 'string') return typed(3, [field(4, spec)])
  if ('raw' in spec) return join([field(1, name), spec.raw])
  if ('floats' in spec)
    return typed(
      6,
      spec.floats.map((value) => floatField(7, value)),
    )
  if (typeof spec[0] === 'string')
    return typed(
      8,
      spec.map((value) => field(9, String(value))),
    )
  return typed(
    7,
    spec.map((value) => field(8, Number(value))),
  )
}

const nodeOf = ({ operator, domain, inputs, outputs, attributes = {} }: NodeSpec) =>
  join([
    ...inputs.map((name) => field(1, name)),
    ...outputs.map((name) => field(2, name)),
    field(4, operator),
    ...pairsOf(attributes).map(([name, spec]) => field(5, attribute(name, spec))),
    ...(domain === undefined ? [] : [field(7, domain)]),
  ])

const portOf = ([name, ...shape]: PortSpec) => {
  const dimensions = shape.map((size) => field(1, field(typeof size === 'number' ? 1 : 2, size)))
  return join([field(1, name), field(2, field(1, join([field(1, 1), field(2, join(dimensions))])))])
}

const constantOf = ([name, value]: readonly [string, number]) =>
  join([field(1, 1), field(2, 1), field(4, float(value)), field(8, name)])

const OUTPUTS: readonly PortSpec[] = [
  ['margin', 'N', 1],
  ['probability', 'N', 1],
]

export function onnxFile({
  irVersion = 8,
  opsets = { '': 17, 'ai.onnx.ml': 3 },
  inputs = [['features', 'N', 2]],
  outputs = OUTPUTS,
  constants = {},
  nodes,
  moreOfGraph = new Uint8Array(0),
  more = new Uint8Array(0),
}: FileSpec): Uint8Array {
  const graph = join([
    ...nodes.map((node) => field(1, nodeOf(node))),
    field(2, 'detector'),
    ...pairsOf(constants).map((constant) => field(5, constantOf(constant))),
    ...inputs.map((port) => field(11, portOf(port))),
    ...outputs.map((port) => field(12, portOf(port))),
    moreOfGraph,
  ])
  const sets = Object.entries(opsets).map(([domain, version]) =>
    field(8, join([...(domain === '' ? [] : [field(1, domain)]), field(2, version)])),
  )
  return join([field(1, irVersion), field(2, 'a test'), field(7, graph), ...sets, more])
}

/** A tree: a weight, or what is done with a column. */
export type TreeSpec =
  | number
  | {
      readonly column: number
      readonly threshold: number
      readonly nanLow: boolean
      readonly low: TreeSpec
      readonly high: TreeSpec
    }

/** The attributes of an ensemble of trees. */
export function ensemble(trees: readonly TreeSpec[]) {
  const rows: { tree: number; node: number; spec: TreeSpec; low: number; high: number }[] = []
  for (const [tree, root] of trees.entries()) {
    const queue = [root]
    for (let node = 0; node < queue.length; node++) {
      const spec = queue[node]!
      rows.push({ tree, node, spec, low: queue.length, high: queue.length + 1 })
      if (typeof spec !== 'number') queue.push(spec.low, spec.high)
    }
  }
  const split = <T>(of: (spec: Exclude<TreeSpec, number>, row: (typeof rows)[number]) => T, leaf: T) =>
    rows.map((row) => (typeof row.spec === 'number' ? leaf : of(row.spec, row)))
  const leaves = rows.filter(({ spec }) => typeof spec === 'number')
  return {
    n_targets: 1,
    aggregate_function: 'SUM',
    post_transform: 'NONE',
    nodes_treeids: rows.map(({ tree }) => tree),
    nodes_nodeids: rows.map(({ node }) => node),
    nodes_featureids: split(({ column }) => column, 0),
    nodes_values: { floats: split(({ threshold }) => threshold, 0) },
    nodes_modes: split(() => 'BRANCH_LEQ', 'LEAF'),
    nodes_truenodeids: split((_, { low }) => low, 0),
    nodes_falsenodeids: split((_, { high }) => high, 0),
    nodes_missing_value_tracks_true: split(({ nanLow }) => Number(nanLow), 0),
    target_treeids: leaves.map(({ tree }) => tree),
    target_nodeids: leaves.map(({ node }) => node),
    target_ids: leaves.map(() => 0),
    target_weights: { floats: leaves.map(({ spec }) => Number(spec)) },
  } satisfies Readonly<Record<string, AttributeSpec>>
}

export const trees = (from: string, to: string, attributes: Named<AttributeSpec>): NodeSpec => ({
  operator: 'TreeEnsembleRegressor',
  domain: 'ai.onnx.ml',
  inputs: [from],
  outputs: [to],
  attributes,
})

/** A graph of trees and Platt's calibration. */
export const boosted = (forest: readonly TreeSpec[], columns: number, more: Partial<FileSpec> = {}): FileSpec => ({
  inputs: [['features', 'N', columns]],
  constants: { slope: 0.5, intercept: -0.25 },
  nodes: [
    trees('features', 'margin', ensemble(forest)),
    { operator: 'Mul', inputs: ['margin', 'slope'], outputs: ['sloped'] },
    { operator: 'Add', inputs: ['sloped', 'intercept'], outputs: ['logit'] },
    { operator: 'Sigmoid', inputs: ['logit'], outputs: ['probability'] },
  ],
  ...more,
})

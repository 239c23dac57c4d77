import { describe, expect, it } from 'vitest'
import {
  type AttributeSpec,
  boosted,
  ensemble,
  type FileSpec,
  field,
  type NodeSpec,
  onnxFile,
  type TreeSpec,
  trees,
} from '../../test/onnx-file.ts'
import { readOnnx } from './onnx.ts'

const SPLIT: TreeSpec = { column: 1, threshold: 1, nanLow: true, low: -1, high: 1 }
const GOOD = boosted([SPLIT, 0.5], 2)
const [FOREST, ...CALIBRATION] = GOOD.nodes as [NodeSpec, ...NodeSpec[]]
const good = ensemble([SPLIT, 0.5])

const refused = (bytes: Uint8Array): string => {
  try {
    readOnnx(bytes)
  } catch (error) {
    expect(error).toMatchObject({ name: 'DetectorError', code: 'MODEL_GRAPH_UNSUPPORTED' })
    return (error as Error).message
  }
  return 'it was taken'
}
const withNodes = (...nodes: NodeSpec[]): FileSpec => ({ ...GOOD, nodes })
const join = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]))
/** 1 as a float32, little-endian. */
const ONE = Uint8Array.of(0, 0, 0x80, 0x3f)
const withConstant = (...fields: Uint8Array[]): FileSpec => ({
  ...GOOD,
  moreOfGraph: field(5, join(...fields, field(8, 'c'))),
})
const withForests = (attributes: NonNullable<NodeSpec['attributes']>): FileSpec =>
  withNodes(trees('features', 'margin', attributes), ...CALIBRATION)
const withForest = (attributes: Readonly<Record<string, AttributeSpec>>): FileSpec =>
  withForests({ ...good, ...attributes })
const without = (name: string) => {
  const { [name as keyof typeof good]: _, ...rest } = good
  return withNodes(trees('features', 'margin', rest), ...CALIBRATION)
}

describe('readOnnx', () => {
  it('reads a graph as steps, the children of a split side by side', () => {
    const { featureCount, opset, steps } = readOnnx(onnxFile(GOOD))
    expect([featureCount, opset]).toEqual([2, { 'ai.onnx': 17, 'ai.onnx.ml': 3 }])
    expect(steps.map(({ kind, from, to }) => [kind, from, to])).toEqual([
      ['trees', 'features', 'margin'],
      ['mul', 'margin', 'sloped'],
      ['add', 'sloped', 'logit'],
      ['sigmoid', 'logit', 'probability'],
    ])
    expect(steps[0]).toMatchObject({
      ensemble: {
        roots: Int32Array.of(0, 3),
        feature: Int32Array.of(1, -1, -1, -1),
        value: Float32Array.of(1, -1, 1, 0.5),
        child: Int32Array.of(1, 0, 0, 0),
        nanLow: Uint8Array.of(1, 0, 0, 0),
      },
    })
  })

  const SHAPE: readonly (readonly [what: string, says: RegExp, spec: FileSpec])[] = [
    ['another IR version', /IR version is 9/, { ...GOOD, irVersion: 9 }],
    ['another operator set', /"ai.onnx":18/, { ...GOOD, opsets: { '': 18, 'ai.onnx.ml': 3 } }],
    ['a third operator set', /"com.x":1/, { ...GOOD, opsets: { '': 17, 'ai.onnx.ml': 3, 'com.x': 1 } }],
    ['an operator set twice', /stands twice/, { ...GOOD, more: field(8, field(2, 17)) }],
    ['a second graph', /two graphs/, { ...GOOD, more: field(7, new Uint8Array(0)) }],
    ['a field that a scorer would skip', /the model has field 25/, { ...GOOD, more: field(25, 'x') }],
    ['another name of the input', /its input is rows/, { ...GOOD, inputs: [['rows', 'N', 2]] }],
    ['a fixed number of rows', /its input is features/, { ...GOOD, inputs: [['features', 1, 2]] }],
    ['a variable number of features', /its input is features/, { ...GOOD, inputs: [['features', 'N', 'F']] }],
    ['a third dimension', /its input is features/, { ...GOOD, inputs: [['features', 'N', 2, 2]] }],
    [
      'a second input',
      /second input/,
      {
        ...GOOD,
        inputs: [
          ['features', 'N', 2],
          ['more', 'N', 2],
        ],
      },
    ],
    ['no features', /0 features/, { ...GOOD, inputs: [['features', 'N', 0]] }],
    ['too many features', /5000 features/, { ...GOOD, inputs: [['features', 'N', 5000]] }],
    [
      'another output',
      /output 1 is label/,
      {
        ...GOOD,
        outputs: [
          ['margin', 'N', 1],
          ['label', 'N', 1],
        ],
      },
    ],
    ['a missing output', /output 1 is undefined/, { ...GOOD, outputs: [['margin', 'N', 1]] }],
    [
      'a wide output',
      /output 0 is margin/,
      {
        ...GOOD,
        outputs: [
          ['margin', 'N', 2],
          ['probability', 'N', 1],
        ],
      },
    ],
    [
      'a flat output',
      /output 0 is margin/,
      {
        ...GOOD,
        outputs: [
          ['margin', 'N'],
          ['probability', 'N', 1],
        ],
      },
    ],
    [
      'an output of three dimensions',
      /output 0 is margin/,
      {
        ...GOOD,
        outputs: [
          ['margin', 'N', 1, 1],
          ['probability', 'N', 1],
        ],
      },
    ],
    [
      'an output of other rows',
      /output 1 is probability/,
      {
        ...GOOD,
        outputs: [
          ['margin', 'N', 1],
          ['probability', 'M', 1],
        ],
      },
    ],
    [
      'a third output',
      /third output/,
      {
        ...GOOD,
        outputs: [
          ['margin', 'N', 1],
          ['probability', 'N', 1],
          ['x', 'N', 1],
        ],
      },
    ],
    [
      'a constant that is not finite',
      /constant slope is Infinity/,
      { ...GOOD, constants: { slope: Infinity, intercept: 0 } },
    ],
    ['a name with a byte above ASCII', /printable ASCII/, { ...GOOD, constants: { 'a\xe9': 1 } }],
    ['a name with a line feed', /printable ASCII/, { ...GOOD, constants: { 'a\n': 1 } }],
    ['a long name', /257 bytes/, { ...GOOD, constants: { ['a'.repeat(257)]: 1 } }],
    [
      'a constant that stands twice',
      /constant slope stands twice/,
      {
        ...GOOD,
        constants: [
          ['slope', 1],
          ['slope', 2],
        ],
      },
    ],
    ['a constant of doubles', /constant c has type 11/, withConstant(field(1, 1), field(2, 11), field(4, ONE))],
    ['a constant of two', /shape \[2\]/, withConstant(field(1, 2), field(2, 1), field(4, ONE))],
    ['a constant of no value', /wanted one float/, withConstant(field(1, 1), field(2, 1))],
    [
      'a constant of a value more',
      /wanted one float/,
      withConstant(field(1, 1), field(2, 1), field(4, join(ONE, ONE))),
    ],
    [
      'an output of doubles',
      /p has elements of type 11/,
      { ...GOOD, outputs: [], moreOfGraph: field(12, join(field(1, 'p'), field(2, field(1, field(1, 11))))) },
    ],
    [
      '65 constants',
      /more than 64 constants/,
      { ...GOOD, constants: Array.from({ length: 65 }, (_, at) => [`c${at}`, at] as const) },
    ],
    ['65 nodes', /more than 64 nodes/, withNodes(...Array.from({ length: 65 }, () => FOREST))],
    ['a third input of a node', /third input/, withNodes({ ...FOREST, inputs: ['a', 'b', 'c'] })],
    ['a second output of a node', /second output/, withNodes({ ...FOREST, outputs: ['a', 'b'] })],
    [
      'an operator that we do not have',
      /ai.onnx.Relu/,
      withNodes(FOREST, { operator: 'Relu', inputs: ['margin'], outputs: ['probability'] }),
    ],
    [
      'one of another domain',
      /com.x.Sigmoid/,
      withNodes(FOREST, { operator: 'Sigmoid', domain: 'com.x', inputs: ['margin'], outputs: ['probability'] }),
    ],
    [
      'an attribute of a simple operator',
      /Sigmoid has attributes/,
      withNodes(FOREST, {
        operator: 'Sigmoid',
        inputs: ['margin'],
        outputs: ['probability'],
        attributes: { alpha: 1 },
      }),
    ],
    [
      'a sigmoid of two',
      /two inputs/,
      withNodes(FOREST, { operator: 'Sigmoid', inputs: ['margin', 'margin'], outputs: ['probability'] }),
    ],
    ['an ensemble of two', /two inputs/, withNodes({ ...FOREST, inputs: ['features', 'features'] }, ...CALIBRATION)],
    [
      'a product of two columns',
      /no constant/,
      withNodes(FOREST, { operator: 'Mul', inputs: ['margin', 'margin'], outputs: ['probability'] }),
    ],
    [
      'a simple operator on the features',
      /reads features/,
      withNodes(FOREST, { operator: 'Exp', inputs: ['features'], outputs: ['probability'] }),
    ],
    [
      'a name that nothing computes',
      /reads nowhere/,
      withNodes(FOREST, { operator: 'Exp', inputs: ['nowhere'], outputs: ['probability'] }),
    ],
    ['a name that is computed later', /reads margin/, withNodes(...CALIBRATION, FOREST)],
    ['a name that is computed twice', /margin is computed twice/, withNodes(FOREST, FOREST, ...CALIBRATION)],
    [
      'a name of a constant',
      /slope is computed twice/,
      withNodes(FOREST, { operator: 'Exp', inputs: ['margin'], outputs: ['slope'] }),
    ],
    [
      'a column that nothing reads',
      /nothing reads idle/,
      withNodes(FOREST, ...CALIBRATION, { operator: 'Exp', inputs: ['margin'], outputs: ['idle'] }),
    ],
    ['nothing that gives a probability', /nothing computes probability/, withNodes(FOREST)],
  ]
  it.each(SHAPE)('refuses %s', (_, says, spec) => expect(refused(onnxFile(spec))).toMatch(says))

  const TREES: readonly (readonly [what: string, says: RegExp, spec: FileSpec])[] = [
    ['an attribute that we do not compute', /the attribute base_values/, withForest({ base_values: { floats: [1] } })],
    ['two numbers for one', /n_targets of the ensemble is 1,1/, withForest({ n_targets: [1, 1] })],
    [
      'an attribute that stands twice',
      /n_targets stands twice/,
      withForests([...Object.entries(good), ['n_targets', 1]]),
    ],
    ['33 attributes', /over 32 attributes/, withForests(Array.from({ length: 33 }, (_, at) => [`a${at}`, 1] as const))],
    [
      'numbers that say they are texts',
      /of another type/,
      withForest({ n_targets: { raw: join(field(3, 1), field(20, 3)) } }),
    ],
    [
      'texts that say they are numbers',
      /of another type/,
      withForest({ n_targets: { raw: join(field(4, 'SUM'), field(20, 2)) } }),
    ],
    ['an attribute of a type that we do not read', /has type 4/, withForest({ n_targets: { raw: field(20, 4) } })],
    ['two targets', /n_targets/, withForest({ n_targets: 2 })],
    ['an average', /aggregate_function/, withForest({ aggregate_function: 'AVERAGE' })],
    ['a transformation afterwards', /post_transform/, withForest({ post_transform: 'LOGISTIC' })],
    ['a missing list', /no nodes_modes/, without('nodes_modes')],
    ['no node', /has 0 nodes/, withForest({ nodes_modes: [] })],
    ['too many nodes', /has 262145 nodes/, withForest({ nodes_modes: Array.from({ length: 262_145 }, () => 'LEAF') })],
    ['half a column', /holds 0.5, wanted counts/, withForest({ nodes_featureids: { floats: [0.5, 0, 0, 0] } })],
    ['another comparison', /mode BRANCH_LT/, withForest({ nodes_modes: ['BRANCH_LT', 'LEAF', 'LEAF', 'LEAF'] })],
    ['lists of unequal length', /nodes_featureids has 3/, withForest({ nodes_featureids: [1, 0, 0] })],
    ['thresholds of unequal length', /nodes_values has 1/, withForest({ nodes_values: { floats: [1] } })],
    ['a threshold that is not finite', /not finite/, withForest({ nodes_values: { floats: [Number.NaN, 0, 0, 0] } })],
    ['a weight that is not finite', /not finite/, withForest({ target_weights: { floats: [-1, Infinity, 1] } })],
    ['a column that is not there', /reads column 2/, withForest({ nodes_featureids: [2, 0, 0, 0] })],
    ['NaN to a third side', /holds 2/, withForest({ nodes_missing_value_tracks_true: [2, 0, 0, 0] })],
    ['trees out of order', /tree 2 stands at place 0/, withForest({ nodes_treeids: [0, 0, 0, 2] })],
    ['nodes out of order', /node 1 at place 0/, withForest({ nodes_nodeids: [1, 0, 2, 0] })],
    ['a circle', /reaches node 0/, withForest({ nodes_truenodeids: [0, 0, 0, 0] })],
    ['a child that is not there', /reaches node 9/, withForest({ nodes_falsenodeids: [9, 0, 0, 0] })],
    ['one child twice', /reaches node 1/, withForest({ nodes_falsenodeids: [1, 0, 0, 0] })],
    [
      'nodes that nothing reaches',
      /2 nodes that nothing reaches/,
      withForest({
        nodes_modes: ['LEAF', 'LEAF', 'LEAF', 'LEAF'],
        target_treeids: [0, 0, 0, 1],
        target_nodeids: [0, 1, 2, 0],
        target_ids: [0, 0, 0, 0],
        target_weights: { floats: [1, 1, 1, 1] },
      }),
    ],
    ['another target', /target 1/, withForest({ target_ids: [0, 1, 0] })],
    ['a leaf with two weights', /two weights/, withForest({ target_nodeids: [1, 1, 0] })],
    ['a leaf without one', /has no weight/, withForest({ target_nodeids: [1, 0, 0] })],
    [
      'weights of splits',
      /4 weights, wanted one for each of 3/,
      withForest({
        target_treeids: [0, 0, 0, 1],
        target_nodeids: [0, 1, 2, 0],
        target_ids: [0, 0, 0, 0],
        target_weights: { floats: [1, 1, 1, 1] },
      }),
    ],
  ]
  it.each(TREES)('refuses an ensemble with %s', (_, says, spec) => expect(refused(onnxFile(spec))).toMatch(says))

  it('refuses every beginning of a file, and one that is too large', () => {
    const bytes = onnxFile(GOOD)
    for (let length = 0; length < bytes.length; length++)
      expect(refused(bytes.subarray(0, length))).not.toBe('it was taken')
    expect(refused(new Uint8Array(4 * 1024 * 1024 + 1))).toMatch(/wanted at most/)
  })

  it('refuses a number of more than 49 bits', () => {
    expect(refused(Uint8Array.of(0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01))).toMatch(/49 bits/)
  })

  it('refuses a wire type that no field of ours has', () => {
    expect(refused(Uint8Array.of(0x09, 0, 0, 0, 0, 0, 0, 0, 0))).toMatch(/wire type 1/)
  })
})

/**
 * Reads an ONNX file as a list of steps: models/README.md says what it may hold. Everything else is refused, for a scorer
 * that skipped it would compute something else than the publisher did.
 *
 * @module
 */
import { type Ensemble, ensembleOf } from './onnx/ensemble.ts'
import { type OnnxFile, type OnnxNode, readOnnxFile } from './onnx/message.ts'
import { refuse } from './onnx/wire.ts'

/** What is done to a column of numbers, by name of the column. */
export type Step =
  | { readonly kind: 'trees'; readonly from: string; readonly to: string; readonly ensemble: Ensemble }
  | { readonly kind: 'mul' | 'add'; readonly from: string; readonly to: string; readonly constant: number }
  | { readonly kind: 'exp' | 'sigmoid'; readonly from: string; readonly to: string }

export interface OnnxModel {
  /** Columns of the input. */
  readonly featureCount: number
  readonly opset: Readonly<Record<string, number>>
  /** In the order in which they are computed; the last of them give `margin` and `probability`. */
  readonly steps: readonly Step[]
}

/** The name of the input column set; the two outputs are named as here, too. */
export const INPUT = 'features'
export const OUTPUTS = ['margin', 'probability'] as const

const MAX_BYTES = 4 * 1024 * 1024
const MAX_FEATURES = 4096
const IR_VERSION = 8
const OPSETS: Readonly<Record<string, number>> = { 'ai.onnx': 17, 'ai.onnx.ml': 3 }
const ML = 'ai.onnx.ml'

/**
 * @param bytes A whole file, at most 4 MiB, from anyone. About 50 ms a megabyte.
 * @throws {DetectorError} `MODEL_GRAPH_UNSUPPORTED`
 */
export function readOnnx(bytes: Uint8Array): OnnxModel {
  if (bytes.length > MAX_BYTES) refuse(`it has ${bytes.length} bytes, wanted at most ${MAX_BYTES}`)
  const file = readOnnxFile(bytes)
  if (file.irVersion !== IR_VERSION) refuse(`its IR version is ${file.irVersion}, wanted ${IR_VERSION}`)
  const opset = Object.fromEntries([...file.opsets].map(([domain, version]) => [domain || 'ai.onnx', version]))
  const domains = Object.keys(OPSETS)
  if (file.opsets.size !== domains.length || domains.some((domain) => opset[domain] !== OPSETS[domain]))
    refuse(`its operator sets are ${JSON.stringify(opset)}, wanted ${JSON.stringify(OPSETS)}`)
  const featureCount = featureCountOf(file)
  return { featureCount, opset, steps: stepsOf(file, featureCount) }
}

function featureCountOf({ inputs, outputs }: OnnxFile): number {
  const [input] = inputs
  const [rows, columns, more] = input?.shape ?? []
  if (input?.name !== INPUT || typeof rows !== 'string' || typeof columns !== 'number' || more !== undefined)
    refuse(`its input is ${input?.name} [${input?.shape}], wanted ${INPUT} [N, F]`)
  if (columns < 1 || columns > MAX_FEATURES) refuse(`it has ${columns} features, wanted 1 to ${MAX_FEATURES}`)
  for (const [at, name] of OUTPUTS.entries()) {
    const output = outputs[at]
    if (output?.name !== name || output.shape.length !== 2 || output.shape[0] !== rows || output.shape[1] !== 1)
      refuse(`output ${at} is ${output?.name} [${output?.shape}], wanted ${name} [${rows}, 1]`)
  }
  return columns
}

function stepsOf({ nodes, constants }: OnnxFile, featureCount: number): readonly Step[] {
  const columns = new Map([[INPUT, featureCount]])
  const steps = nodes.map((node) => {
    const step = stepOf(node, constants, columns)
    if (columns.has(step.to) || constants.has(step.to)) refuse(`${step.to} is computed twice, wanted once`)
    columns.set(step.to, 1)
    return step
  })
  const lost = OUTPUTS.find((name) => !columns.has(name))
  if (lost !== undefined) refuse(`nothing computes ${lost}`)
  const used = new Set<string>([...OUTPUTS, ...steps.map(({ from }) => from)])
  const idle = steps.find(({ to }) => !used.has(to))
  if (idle !== undefined) refuse(`nothing reads ${idle.to}`)
  return steps
}

function stepOf(
  { operator, domain, inputs, outputs, attributes }: OnnxNode,
  constants: ReadonlyMap<string, number>,
  columns: ReadonlyMap<string, number>,
): Step {
  const [from = '', second] = inputs
  const [to = ''] = outputs
  const width = columns.get(from) ?? refuse(`${operator} reads ${from}, which nothing before it computes`)
  if (domain === ML && operator === 'TreeEnsembleRegressor') {
    if (second !== undefined) refuse(`${operator} has two inputs, wanted one`)
    return { kind: 'trees', from, to, ensemble: ensembleOf(attributes, width) }
  }
  if (attributes.size > 0) refuse(`${operator} has attributes, wanted none`)
  if (from === INPUT) refuse(`${operator} reads ${from}, wanted what an ensemble gave`)
  if (domain === '' && (operator === 'Mul' || operator === 'Add')) {
    const constant = constants.get(second ?? '') ?? refuse(`${operator} has no constant as its second input`)
    return { kind: operator === 'Mul' ? 'mul' : 'add', from, to, constant }
  }
  if (domain === '' && (operator === 'Exp' || operator === 'Sigmoid')) {
    if (second !== undefined) refuse(`${operator} has two inputs, wanted one`)
    return { kind: operator === 'Exp' ? 'exp' : 'sigmoid', from, to }
  }
  return refuse(`it holds ${domain || 'ai.onnx'}.${operator}, wanted an operator of models/README.md`)
}

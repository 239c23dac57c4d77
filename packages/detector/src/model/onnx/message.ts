/**
 * The messages of an ONNX file, field by field: only those fields that a model of ours has. A field that is not named here
 * is refused, for whoever leaves it out might compute something else than whoever reads it.
 * Source: {@link https://github.com/onnx/onnx/blob/v1.19.0/onnx/onnx.proto}
 *
 * @module
 */
import { eachField, refuse, unpackFloats, unpackVarints, type WireValue } from './wire.ts'

/** Numbers, or texts, of one attribute: a single value is a list of one. */
export interface Attribute {
  readonly kind: 'number' | 'text'
  readonly numbers: readonly number[]
  readonly texts: readonly string[]
}

export interface OnnxNode {
  readonly operator: string
  /** Empty for `ai.onnx`. */
  readonly domain: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: ReadonlyMap<string, Attribute>
}

interface Port {
  readonly name: string
  /** As the file spells them: a number, or the name of what varies. */
  readonly shape: readonly (number | string)[]
}

export interface OnnxFile {
  readonly irVersion: number
  readonly opsets: ReadonlyMap<string, number>
  readonly nodes: readonly OnnxNode[]
  /** Constants of one float each. */
  readonly constants: ReadonlyMap<string, number>
  readonly inputs: readonly Port[]
  readonly outputs: readonly Port[]
}

const MAX_TEXT_BYTES = 256
const MAX_NODES = 64
const MAX_ATTRIBUTES = 32

type Handlers = Readonly<Record<number, (value: WireValue) => void>>

function read(message: string, bytes: Uint8Array, handlers: Handlers): void {
  eachField(bytes, (number, value) => {
    const handle = handlers[number] ?? refuse(`${message} has field ${number}, wanted none that a scorer would skip`)
    handle(value)
  })
}

const bytesOf = (value: WireValue): Uint8Array =>
  typeof value === 'number' ? refuse('a field holds a number, wanted bytes') : value

const numberOf = (value: WireValue): number =>
  typeof value === 'number' ? value : refuse('a field holds bytes, wanted a number')

function textOf(value: WireValue): string {
  const bytes = bytesOf(value)
  if (bytes.length > MAX_TEXT_BYTES) refuse(`a name has ${bytes.length} bytes, wanted at most ${MAX_TEXT_BYTES}`)
  let text = ''
  for (const byte of bytes) {
    if (byte < 0x20 || byte > 0x7e) refuse('a name holds a byte that is no printable ASCII')
    text += String.fromCharCode(byte)
  }
  return text
}

const skip = (): void => {}

/** ModelProto. */
export function readOnnxFile(bytes: Uint8Array): OnnxFile {
  let irVersion = 0
  const opsets = new Map<string, number>()
  let graph: Uint8Array | undefined
  read('the model', bytes, {
    1(value) {
      irVersion = numberOf(value)
    },
    2: skip, // the name of the program that wrote it
    7(value) {
      if (graph !== undefined) refuse('the model has two graphs, wanted one')
      graph = bytesOf(value)
    },
    8(value) {
      const [domain, version] = opsetOf(bytesOf(value))
      if (opsets.has(domain)) refuse(`the operator set '${domain}' stands twice`)
      opsets.set(domain, version)
    },
  })
  if (graph === undefined) refuse('the model has no graph, wanted one')
  return { irVersion, opsets, ...graphOf(graph) }
}

function opsetOf(bytes: Uint8Array): readonly [domain: string, version: number] {
  let domain = ''
  let version = 0
  read('an operator set', bytes, {
    1(value) {
      domain = textOf(value)
    },
    2(value) {
      version = numberOf(value)
    },
  })
  return [domain, version]
}

function graphOf(bytes: Uint8Array): Pick<OnnxFile, 'nodes' | 'constants' | 'inputs' | 'outputs'> {
  const nodes: OnnxNode[] = []
  const constants = new Map<string, number>()
  const inputs: Port[] = []
  const outputs: Port[] = []
  read('the graph', bytes, {
    1(value) {
      if (nodes.push(nodeOf(bytesOf(value))) > MAX_NODES) refuse(`the graph has more than ${MAX_NODES} nodes`)
    },
    2: skip, // its name
    5(value) {
      const [name, constant] = constantOf(bytesOf(value))
      if (constants.has(name)) refuse(`the constant ${name} stands twice`)
      if (constants.set(name, constant).size > MAX_NODES) refuse(`the graph has more than ${MAX_NODES} constants`)
    },
    11(value) {
      if (inputs.push(portOf(bytesOf(value))) > 1) refuse('the graph has a second input, wanted one')
    },
    12(value) {
      if (outputs.push(portOf(bytesOf(value))) > 2) refuse('the graph has a third output, wanted two')
    },
  })
  return { nodes, constants, inputs, outputs }
}

function nodeOf(bytes: Uint8Array): OnnxNode {
  const inputs: string[] = []
  const outputs: string[] = []
  const attributes = new Map<string, Attribute>()
  let operator = ''
  let domain = ''
  read('a node', bytes, {
    1(value) {
      if (inputs.push(textOf(value)) > 2) refuse('a node has a third input')
    },
    2(value) {
      if (outputs.push(textOf(value)) > 1) refuse('a node has a second output')
    },
    3: skip, // its name
    4(value) {
      operator = textOf(value)
    },
    5(value) {
      const [name, attribute] = attributeOf(bytesOf(value))
      if (attributes.has(name)) refuse(`the attribute ${name} stands twice`)
      if (attributes.set(name, attribute).size > MAX_ATTRIBUTES) refuse(`a node has over ${MAX_ATTRIBUTES} attributes`)
    },
    7(value) {
      domain = textOf(value)
    },
  })
  return { operator, domain, inputs, outputs, attributes }
}

/** AttributeProto.type → whether its values are numbers or texts. */
const KINDS: Readonly<Record<number, Attribute['kind']>> = {
  1: 'number', // FLOAT
  2: 'number', // INT
  3: 'text', // STRING
  6: 'number', // FLOATS
  7: 'number', // INTS
  8: 'text', // STRINGS
}

function attributeOf(bytes: Uint8Array): readonly [name: string, attribute: Attribute] {
  const numbers: number[] = []
  const texts: string[] = []
  let name = ''
  let type = 0
  const oneNumber = (value: WireValue) => void numbers.push(numberOf(value))
  const oneText = (value: WireValue) => void texts.push(textOf(value))
  read('an attribute', bytes, {
    1(value) {
      name = textOf(value)
    },
    2: oneNumber,
    3: oneNumber,
    4: oneText,
    7: (value) => (typeof value === 'number' ? oneNumber(value) : unpackFloats(value, numbers)),
    8: (value) => (typeof value === 'number' ? oneNumber(value) : unpackVarints(value, numbers)),
    9: oneText,
    20(value) {
      type = numberOf(value)
    },
  })
  const kind = KINDS[type] ?? refuse(`the attribute ${name} has type ${type}, wanted numbers or texts`)
  const strange = kind === 'number' ? texts : numbers
  if (strange.length > 0) refuse(`the attribute ${name} holds values of another type than it says`)
  return [name, { kind, numbers, texts }]
}

const FLOAT = 1

function constantOf(bytes: Uint8Array): readonly [name: string, constant: number] {
  const dimensions: number[] = []
  const values: number[] = []
  let name = ''
  let type = 0
  const floats = (value: WireValue) => unpackFloats(bytesOf(value), values)
  read('a constant', bytes, {
    1: (value) => (typeof value === 'number' ? void dimensions.push(value) : unpackVarints(value, dimensions)),
    2(value) {
      type = numberOf(value)
    },
    4: (value) => (typeof value === 'number' ? void values.push(value) : floats(value)),
    8(value) {
      name = textOf(value)
    },
    9: floats,
  })
  const [constant] = values
  if (type !== FLOAT || dimensions.join() !== '1' || values.length !== 1 || constant === undefined)
    refuse(`the constant ${name} has type ${type} and shape [${dimensions}], wanted one float`)
  if (!Number.isFinite(constant)) refuse(`the constant ${name} is ${constant}, wanted a finite number`)
  return [name, constant]
}

function portOf(bytes: Uint8Array): Port {
  const shape: (number | string)[] = []
  let name = ''
  let type = 0
  const dimension = (value: WireValue) =>
    read('a dimension', bytesOf(value), {
      1: (size) => void shape.push(numberOf(size)),
      2: (variable) => void shape.push(textOf(variable)),
    })
  const tensor = (value: WireValue) =>
    read('a tensor type', bytesOf(value), {
      1(element) {
        type = numberOf(element)
      },
      2: (dimensions) => read('a shape', bytesOf(dimensions), { 1: dimension }),
    })
  read('an input or output', bytes, {
    1(value) {
      name = textOf(value)
    },
    2: (value) => read('a type', bytesOf(value), { 1: tensor }),
  })
  if (type !== FLOAT) refuse(`${name} has elements of type ${type}, wanted float`)
  return { name, shape }
}

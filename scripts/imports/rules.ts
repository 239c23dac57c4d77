// The architecture as rules that a machine checks; ARCHITECTURE.md draws the same tables. The comment of a rule is the
// sentence that a reader of a red build needs. Change the tables here when the shape of the code is decided to change.

import type { IFlattenedRuleSet } from 'dependency-cruiser'

type Rule = Extract<NonNullable<IFlattenedRuleSet['forbidden']>[number], { to: unknown }>

/** Package → the packages it may import. What is not named is forbidden. */
export const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  schemas: [],
  sdk: ['schemas'],
  detector: ['schemas', 'sdk'],
  router: ['schemas', 'sdk', 'detector'],
  agent: ['schemas', 'sdk', 'detector'],
  console: ['schemas', 'sdk', 'detector'],
  cli: ['schemas', 'sdk', 'router', 'agent', 'detector', 'console'],
}

/** Package → the only parts of the SDK that it may import. A package that is not named may import every subpath. */
const SDK_PARTS: Readonly<Record<string, readonly string[]>> = {
  detector: ['envelope/dsse.ts', 'keys', 'errors.ts', 'bytes.ts'],
  router: ['envelope', 'proof', 'keys', 'errors.ts', 'bytes.ts'],
}

/** Inside a package: file or folder of src → what of src it may import besides itself. Unnamed parts are free. */
const LAYERS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  sdk: {
    adapters: ['bytes.ts', 'errors.ts', 'keys'],
    envelope: ['adapters', 'bytes.ts', 'errors.ts', 'proof'],
    keys: ['adapters', 'envelope', 'proof', 'bytes.ts', 'errors.ts'],
    proof: ['adapters', 'envelope', 'keys', 'bytes.ts', 'errors.ts'],
    packet: ['adapters', 'envelope', 'keys', 'proof', 'bytes.ts', 'errors.ts'],
    stream: ['adapters', 'envelope', 'keys', 'packet', 'proof', 'bytes.ts', 'errors.ts'],
    transport: ['adapters', 'envelope', 'keys', 'packet', 'proof', 'stream', 'bytes.ts', 'errors.ts'],
    'errors.ts': [],
    'bytes.ts': [],
  },
  router: {
    http: ['door.ts', 'errors.ts', 'metrics.ts'],
    edge: ['app.ts', 'config.ts', 'door.ts', 'errors.ts', 'http', 'metrics.ts', 'rate.ts', 'trace.ts'],
    'door.ts': [],
    dispatch: ['config.ts', 'errors.ts', 'log', 'metrics.ts', 'ports.ts', 'rate.ts', 'trace.ts'],
    log: ['witness'],
    witness: ['log'],
    topic: ['dispatch', 'errors.ts', 'metrics.ts', 'ports.ts', 'trace.ts'],
    adapters: ['config.ts', 'dispatch', 'door.ts', 'errors.ts', 'log', 'ports.ts', 'topic', 'trace.ts'],
    'ports.ts': ['log'],
    'errors.ts': [],
  },
  agent: {
    'loop.ts': ['answer.ts', 'cancel.ts', 'desk.ts', 'infer.ts', 'open.ts', 'receive.ts', 'reply.ts'],
    'receive.ts': ['ports.ts'],
    'infer.ts': ['engine.ts'],
    adapters: ['engine-canary.ts', 'engine-slots.ts', 'engine-text.ts', 'engine.ts', 'models', 'ports.ts'],
    models: [],
    keys: ['ports.ts'],
    'engine.ts': [],
    'ports.ts': [],
  },
}

/** Vendor → the only place that may import it. Another vendor is then a change to that place. */
const VENDORS: Readonly<Record<string, string>> = {
  '@bufbuild/': '^packages/schemas/',
  '@nats-io/': '^packages/[^/]+/src/adapters/nats',
  'node-llama-cpp': '^packages/agent/src/adapters/llama',
  'onnxruntime-': '^packages/detector/(src/adapters|bench)/',
}

/** What seals and what opens. Nothing that the router reaches may be among it. */
const SEALS_OR_OPENS =
  '^packages/sdk/src/(packet/.*|stream/(frame|answer|index)\\.ts|keys/(hpke|kem)\\.ts|client\\.ts|index\\.ts)$'

/** What an edge is made of. */
const EDGE_PARTS =
  '^packages/router/src/((edge|http)/|(app|config|door|errors|metrics|rate|trace|entry/edge-workerd|adapters/nats-(broker|nexus[^/]*|websocket))\\.ts$)'

const TESTS = '\\.(test|contract)\\.ts$|/(test|conformance)/'

const literal = (text: string): string => text.replaceAll('.', '\\.').replaceAll('/', '\\/')
const part = (pkg: string, name: string): string =>
  `^packages/${pkg}/src/${name.endsWith('.ts') ? `${literal(name)}$` : `${literal(name)}(/|\\.ts$)`}`
const forbid = (name: string, comment: string, from: Rule['from'], to: Rule['to']): Rule =>
  ({ name, comment, severity: 'error', from, to }) as Rule

const packageRules = Object.entries(PACKAGES).map(([pkg, allowed]) =>
  forbid(
    `packages/${pkg}`,
    `packages/${pkg} may import only: ${allowed.join(', ') || 'no other package'}.`,
    { path: `^packages/${pkg}/` },
    { path: '^packages/', pathNot: [pkg, ...allowed].map((name) => `^packages/${name}/`) },
  ),
)

const sdkRules = Object.entries(SDK_PARTS).map(([pkg, allowed]) =>
  forbid(
    `${pkg}-of-sdk`,
    `Of the SDK, packages/${pkg} may import only: ${allowed.join(', ')}.`,
    { path: `^packages/${pkg}/src/`, pathNot: TESTS },
    { path: '^packages/sdk/', pathNot: allowed.map((name) => part('sdk', name)) },
  ),
)

const layerRules = Object.entries(LAYERS).flatMap(([pkg, layers]) =>
  Object.entries(layers).map(([name, allowed]) =>
    forbid(
      `${pkg}/${name}`,
      `packages/${pkg}/src/${name} may import of its package only: ${allowed.join(', ') || 'nothing'}.`,
      { path: part(pkg, name), pathNot: TESTS },
      { path: `^packages/${pkg}/src/`, pathNot: [name, ...allowed].map((other) => part(pkg, other)) },
    ),
  ),
)

const vendorRules = Object.entries(VENDORS).map(([vendor, door]) =>
  forbid(
    'one-door-per-vendor',
    `${vendor} has one door, ${door}: swapping the vendor is then a change to that place.`,
    { path: '^packages/', pathNot: door },
    { path: `(^|/)${vendor}` },
  ),
)

export const forbidden: readonly Rule[] = [
  ...packageRules,
  ...sdkRules,
  ...layerRules,
  ...vendorRules,
  forbid(
    'router-cannot-open',
    'The router carries packets that it cannot read: nothing it reaches can seal or open.',
    { path: '^packages/router/src/', pathNot: TESTS },
    { path: SEALS_OR_OPENS, reachable: true },
  ),
  forbid(
    'portable',
    'schemas, sdk and detector run everywhere: node: modules only in adapters and tests.',
    { path: '^packages/(schemas|sdk|detector)/src/', pathNot: [TESTS, '/adapters/'] },
    { dependencyTypes: ['core'] },
  ),
  forbid(
    'edge-is-portable',
    'The edge runs on workerd without Node compatibility: nothing that it is made of uses a node: module.',
    { path: EDGE_PARTS, pathNot: TESTS },
    { dependencyTypes: ['core'] },
  ),
  forbid(
    'edge-parts',
    'The edge reaches only the parts of the router that are named portable.',
    { path: '^packages/router/src/(edge/|entry/edge-workerd)', pathNot: TESTS },
    { path: '^packages/router/src/', pathNot: EDGE_PARTS, reachable: true },
  ),
  forbid(
    'index-is-for-outsiders',
    'An index.ts is a subpath export. Inside its package, import the file itself.',
    { path: '^packages/([^/]+)/', pathNot: '/(test|conformance)/' },
    { path: '^packages/$1/src/.*index[.]ts$' },
  ),
  forbid(
    'resolvable',
    'Every import leads somewhere: a file, a dependency that package.json names, an export that exists.',
    { path: '^packages/' },
    // The conformance bundles bring their vectors under this name.
    { couldNotResolve: true, pathNot: '^conformance:data$' },
  ),
  forbid('no-cycles', 'No cycles, type-only ones included.', {}, { circular: true }),
]

/** How imports are found and followed. */
export const options = {
  tsPreCompilationDeps: true, // type-only imports count
  enhancedResolveOptions: {
    exportsFields: ['exports'],
    importsFields: ['imports'],
    conditionNames: ['@mystranet/source', 'node', 'import', 'types', 'default'],
    extensions: ['.ts', '.js', '.mjs', '.json', '.d.ts'],
    mainFields: ['module', 'main', 'types'],
  },
  doNotFollow: { path: 'node_modules' },
  exclude: { path: '^packages/[^/]+/(dist|src/gen)/' },
}

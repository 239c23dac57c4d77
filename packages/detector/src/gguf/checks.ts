/**
 * Every check, as data. Advisories are public records; `safeFrom` is the first release that is said to be without the fault,
 * where one is known.
 *
 * @module
 */

export type Severity = 'critical' | 'high' | 'medium' | 'low'

export interface Advisory {
  readonly id: string
  readonly url: string
  /** First safe release of the engine that the advisory is about. Builds of llama.cpp are numbers after a `b`. */
  readonly safeFrom?: { readonly engine: string; readonly version: string }
}

export interface Check {
  readonly name: string
  /** Of a finding that does not say its own. */
  readonly severity: Severity
  /** What is looked at, and why, in one sentence. */
  readonly about: string
  readonly advisories: readonly Advisory[]
}

const cve = (id: string, engine?: string, version?: string): Advisory => ({
  id,
  url: id.startsWith('GHSA') ? `https://github.com/advisories/${id}` : `https://nvd.nist.gov/vuln/detail/${id}`,
  ...(engine !== undefined && version !== undefined && { safeFrom: { engine, version } }),
})
const llama = (kind: 'pull' | 'issues', number: number): Advisory => ({
  id: `llama.cpp ${kind === 'pull' ? 'PR ' : ''}${number}`,
  url: `https://github.com/ggml-org/llama.cpp/${kind}/${number}`,
})
const row = (name: string, severity: Severity, about: string, ...advisories: Advisory[]): Check => ({
  name,
  severity,
  about,
  advisories,
})

export const CHECKS = {
  G00: row('version', 'high', 'The file begins with GGUF, and has a version and a byte order that engines read.'),
  G01: row(
    'key-count',
    'critical',
    'There are no more keys than the file has room for: engines allocate by this number.',
    cve('CVE-2024-23605'),
    cve('CVE-2024-25664'),
  ),
  G02: row(
    'tensor-count',
    'critical',
    'There are no more tensors than the file has room for: engines multiply this number by the size of a record.',
    cve('CVE-2024-21836'),
    cve('CVE-2026-27940', 'llama.cpp', 'b8146'),
  ),
  G03: row(
    'string-length',
    'critical',
    'Every string ends inside the file and is of a length that its kind may have.',
    cve('CVE-2024-23496'),
    cve('CVE-2024-25665'),
  ),
  G04: row(
    'array',
    'critical',
    'Every array ends inside the file and has elements of a known type.',
    cve('CVE-2024-21825'),
  ),
  G05: row(
    'dimension-count',
    'critical',
    'A tensor has one to four dimensions: engines keep them in a table of four.',
    cve('CVE-2024-21802'),
  ),
  G06: row(
    'short-file',
    'high',
    'The file does not end early, and says its architecture.',
    cve('CVE-2024-32878', 'llama.cpp', 'b2740'),
    cve('CVE-2024-41130', 'llama.cpp', 'b3427'),
    cve('CVE-2024-39720', 'ollama', '0.1.46'),
  ),
  G07: row(
    'tensor-size',
    'critical',
    'The size of every tensor follows from its dimensions, and fits the file.',
    cve('CVE-2025-53630'),
    cve('CVE-2026-33298'),
  ),
  G08: row(
    'padding-wrap',
    'critical',
    'No size wraps around when it is rounded up to the alignment.',
    llama('pull', 24_759),
  ),
  G09: row('product-wrap', 'critical', 'No product of dimensions wraps around 64 bits.'),
  G10: row(
    'nothing',
    'high',
    'No dimension is zero, and no key and no name is empty.',
    llama('issues', 24_263),
    llama('issues', 20_874),
  ),
  G11: row(
    'tensor-outside',
    'critical',
    'Every tensor lies inside the file: a reader would give away what lies behind it in memory.',
    cve('CVE-2026-7482', 'ollama', '0.17.1'),
  ),
  G12: row(
    'layout',
    'high',
    'Tensors lie one behind the other, in their order: what lies between them is hidden data.',
  ),
  G13: row(
    'alignment',
    'critical',
    'The alignment is a power of two, from 8 to 1 MiB: engines divide by it.',
    cve('CVE-2025-0317'),
  ),
  G14: row(
    'type',
    'high',
    'Types are known, and keys have the types that engines read them as.',
    llama('pull', 26_690),
  ),
  G15: row(
    'vocabulary-length',
    'critical',
    'The arrays of a vocabulary are equally long, and as long as the embedding: engines index one by another.',
    llama('issues', 20_735),
  ),
  G16: row(
    'special-token',
    'high',
    'Special tokens, those that the family has by default too, are in the vocabulary.',
    cve('GHSA-g4cc-763q-h9h6'),
  ),
  G17: row(
    'long-token',
    'high',
    'No token is so long that a buffer of an engine overflows.',
    cve('CVE-2025-49847', 'llama.cpp', 'b5662'),
  ),
  G18: row(
    'template-expansion',
    'high',
    'The chat template cannot be made to expand without end.',
    cve('CVE-2025-52566', 'llama.cpp', 'b5721'),
  ),
  G19: row('byte-token', 'high', 'Tokens of bytes are written <0xHH>: engines parse them.', llama('issues', 26_511)),
  G20: row(
    'hyper-parameter',
    'high',
    'Numbers of blocks, heads and experts are possible, and the blocks are there.',
    llama('issues', 25_821),
    llama('issues', 28_345),
  ),
  G21: row(
    'shape',
    'high',
    'Shapes of adapters, projectors and experts agree with the model that they belong to.',
    llama('issues', 29_128),
  ),
  G22: row('duplicate', 'critical', 'No key and no tensor comes twice: parsers disagree which one counts.'),
  G23: row(
    'template-code',
    'critical',
    'The chat template reaches nothing but its data: no inner attributes, no imports, no unknown calls.',
    cve('CVE-2024-34359', 'llama-cpp-python', '0.2.72'),
    cve('CVE-2026-5760'),
  ),
  G24: row('template-poison', 'high', 'The chat template says nothing of its own to the model.'),
  G25: row(
    'trailing',
    'high',
    'Nothing lies behind the last tensor or in the padding, and the file is of no other kind.',
  ),
  G26: row('text', 'high', 'Text is UTF-8 without NUL, keys are ASCII, truth values are 0 or 1.'),
  G27: row('weights', 'high', 'Weights are finite, and not all the same. Samples only.'),
  G28: row(
    'quantisation-backdoor',
    'high',
    'Behaviour that appears only after quantisation cannot be seen in a file: ask where it comes from.',
  ),
  G29: row(
    'engine-version',
    'high',
    'The engine in use is not older than the first safe release of what was found.',
    cve('CVE-2024-42477', 'llama.cpp', 'b3561'),
    cve('CVE-2026-21869'),
  ),
  G30: row('shards', 'high', 'Shards of one model agree in number, counts and architecture, and share no tensor.'),
} as const satisfies Record<string, Check>

export type CheckId = keyof typeof CHECKS

export const CHECK_IDS = Object.keys(CHECKS) as readonly CheckId[]

import { CHECKS, memorySource, scanGguf } from '../../../packages/detector/src/gguf/scan.ts'
import {
  GOOD_PAIRS,
  GOOD_TENSORS,
  ggufFile,
  pairsWith,
  withTemplate,
} from '../../../packages/detector/test/gguf-file.ts'
import { promise, type Target } from '../target.ts'

const CHECK_COUNT = Object.keys(CHECKS).length
const shard = (number: number) => pairsWith(['split.no', 2, number], ['split.count', 2, 2])
const quantised = [2, 8, 12, 14, 29].map((type) => ({ name: `blk.0.t${type}.weight`, dimensions: [256, 2], type }))
const TEMPLATES = [
  "{% set ns = namespace(x='a') %}{% if 'b' in messages[0].content %}{{ ns.x ~ 'c' }}{% endif %}",
  "{% macro m(a, b=1) %}{{ a|map(attribute='role')|join(', ') }}{% endmacro %}{{ m([1, 2]) }}",
  "{% for i in range(3) %}{{ messages[i]['content'][::-1] | replace('a', 'b') }}{% endfor %}",
]

/** The scan of a model file. Every verdict but `clean` counts as a refusal. */
export const target: Target = {
  name: 'gguf',
  inputs: 100_000,
  codes: ['SUSPICIOUS', 'INVALID', 'INCOMPLETE'],
  covers: [
    'detector/gguf/scan.ts scanGguf',
    'detector/gguf/parse/header.ts parseHeader',
    'detector/gguf/template/syntax.ts syntaxOf',
  ],
  async open() {
    const good = ggufFile()
    return {
      manner: 'bytes',
      seeds: [
        good,
        ggufFile({ version: 2, tensors: [] }),
        ggufFile({ isBigEndian: true }),
        ggufFile({ pairs: shard(0) }),
        ggufFile({ tensors: [...GOOD_TENSORS, ...quantised] }),
        ...TEMPLATES.map((template) => ggufFile({ pairs: withTemplate(template) })),
        ggufFile({ pairs: GOOD_PAIRS.slice(0, 3), tensors: [] }),
      ],
      async run(input) {
        // Now and then a budget that a small file spends.
        const headerBytes = input.reduce((sum, byte) => sum + byte, 0) % 16 === 1 ? 256 : undefined
        const report = await scanGguf(memorySource(input), {
          random: () => 0.5,
          ...(headerBytes !== undefined && { budget: { headerBytes } }),
        })
        const [file] = report.files
        promise(file?.checks.length === CHECK_COUNT, 'it does not list every check')
        promise(
          (report.verdict === 'clean') === (file.findings.length === 0 && !file.incomplete),
          'clean, with findings',
        )
        for (const { offset } of file.findings) promise(offset >= 0 && offset <= input.length, 'a finding lies outside')
        return report.verdict === 'clean' ? 'ok' : report.verdict.toUpperCase()
      },
    }
  },
}

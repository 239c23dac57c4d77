import { DetectorError } from '../../../packages/detector/src/errors.ts'
import { memorySource } from '../../../packages/detector/src/gguf/source.ts'
import { EMBER_FEATURE_COUNT, extractPeFeatures, scanPe } from '../../../packages/detector/src/pe/scan.ts'
import { peFile } from '../../../packages/detector/test/pe-file.ts'
import { PE_FILES } from '../../../packages/detector/test/pe-files.ts'
import { promise, type Target } from '../target.ts'

/** So much that zeros are not most of the file. */
const LONG = Array.from({ length: 3_000 }, (_, index) => String.fromCharCode(33 + ((index * 7_919) % 90))).join('')

/** The scan of a Windows program, and its features. Findings count as a refusal, too: the structure was not as it should be. */
export const target: Target = {
  name: 'pe',
  inputs: 100_000,
  codes: ['ODD', 'INVALID', 'INCOMPLETE', 'DOCUMENT_MALFORMED'],
  covers: [
    'detector/pe/scan.ts scanPe',
    'detector/pe/scan.ts extractPeFeatures',
    'detector/pe/parse/file.ts parsePe',
    'detector/pe/parse/header.ts parseHeaders',
    'detector/pe/parse/section.ts parseImage',
    'detector/pe/parse/import.ts parseImports',
    'detector/pe/parse/export.ts parseExports',
    'detector/pe/parse/resource.ts parseResources',
    'detector/pe/parse/rich.ts parseRich',
  ],
  async open() {
    return {
      manner: 'bytes',
      seeds: [...PE_FILES.values(), peFile({ text: LONG, imports: { 'a.dll': ['b'] } })],
      async run(input) {
        const sum = input.reduce((total, byte) => total + byte, 0)
        // Now and then a budget that a small file spends.
        const budget = sum % 8 === 1 ? { workUnits: input.length + 400 } : { workUnits: 5_000_000 }
        const report = await scanPe(memorySource(input), { budget })
        promise(report.verdict !== 'malware' && report.verdict !== 'unremarkable', 'a verdict without a model')
        promise(report.because.length > 0, 'no reason for the verdict')
        if (sum % 16 < 2) {
          try {
            const features = extractPeFeatures(input, { budget })
            promise(features.length === EMBER_FEATURE_COUNT, 'not all features')
            promise(report.verdict === 'invalid' || features[2] === 1, 'a PE file without its features')
          } catch (cause) {
            if (!(cause instanceof DetectorError)) throw cause
            return cause.code
          }
        }
        if (report.verdict !== 'abstain') return report.verdict.toUpperCase()
        return report.findings.length === 0 ? 'ok' : 'ODD'
      },
    }
  },
}

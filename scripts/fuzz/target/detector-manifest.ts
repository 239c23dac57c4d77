import { DetectorError } from '../../../packages/detector/src/errors.ts'
import { parseManifest } from '../../../packages/detector/src/model/manifest.ts'
import { FIXTURE, FIXTURE_MANIFEST } from '../../../packages/detector/test/artifact.ts'
import { promise, type Target } from '../target.ts'

const bytes = (manifest: object) => new TextEncoder().encode(JSON.stringify(manifest))
const [THRESHOLD] = FIXTURE_MANIFEST.thresholds

/** The manifest of a model. */
export const target: Target = {
  name: 'detector-manifest',
  inputs: 50_000,
  codes: ['DOCUMENT_MALFORMED', 'MODEL_THRESHOLDS_INVALID'],
  covers: ['detector/model/manifest.ts parseManifest'],
  async open() {
    const margin = { ...THRESHOLD, name: 'margin', output: 'margin', at: 1, low: -5, high: 5 }
    return {
      manner: 'json',
      seeds: [FIXTURE.manifest, bytes({ ...FIXTURE_MANIFEST, thresholds: [THRESHOLD, margin], data: [] })],
      twists: [
        {
          make: (random) => {
            const at = random.below(100) / 50 - 0.5
            const low = random.below(100) / 100
            return bytes({ ...FIXTURE_MANIFEST, thresholds: [{ ...THRESHOLD, at, low, high: low + 0.2 }] })
          },
        },
      ],
      run(input) {
        try {
          const { thresholds, features, golden } = parseManifest(input)
          promise(
            thresholds.every(({ at, low, high }) => low <= at && at <= high),
            'a threshold lies outside its bounds',
          )
          promise(
            golden.every((vector) => vector.features.length === features.length),
            'a golden vector does not fit',
          )
          return 'ok'
        } catch (error) {
          if (error instanceof DetectorError) return error.code
          throw error
        }
      },
    }
  },
}

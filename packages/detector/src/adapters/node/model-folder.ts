/**
 * Model artifacts in folders of this machine.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import { DetectorError } from '../../errors.ts'
import type { ModelArtifact } from '../../model/load.ts'

/**
 * The folder of a model that this release brings, whether or not it brings one of this name. It is found from where this
 * file lies: no other entry of this package may import it, for the build would then put it elsewhere.
 */
export const shippedModel = (id: string): URL => new URL(`../../../models/${id}/`, import.meta.url)

/**
 * The three files of an artifact, as they are: `loadModel` checks them.
 *
 * @param folder Its URL ends in a slash.
 * @throws {DetectorError} `NOT_FOUND` when one of them cannot be read.
 */
export async function readArtifact(folder: URL): Promise<ModelArtifact> {
  const read = (name: string): Promise<Uint8Array> => readFile(new URL(name, folder))
  try {
    const [onnx, manifest, signature] = await Promise.all(['model.onnx', 'manifest.json', 'manifest.sig'].map(read))
    return { onnx: onnx!, manifest: manifest!, signature: signature! }
  } catch (cause) {
    throw new DetectorError(
      'NOT_FOUND',
      `Cannot read the model in ${folder.pathname}: a file is missing, wanted three`,
      {
        cause,
      },
    )
  }
}

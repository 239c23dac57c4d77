/**
 * Model artifacts in folders of this machine.
 *
 * @module
 */
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { DetectorError } from '../../errors.ts'
import type { ModelArtifact } from '../../model/load.ts'

/**
 * The folder of a model that this release brings, whether or not it brings one of this name. It is found from where this
 * file lies: no other entry of this package may import it, for the build would then put it elsewhere.
 */
export const shippedModel = (id: string): URL => new URL(`../../../models/${id}/`, import.meta.url)

/** What `loadModel` takes of a graph and of a manifest. */
const MAX_BYTES = 4 * 1024 * 1024

/** A pipe would keep the reader for ever, and a device has no end. */
async function readSmall(path: URL): Promise<Uint8Array> {
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  try {
    const stats = await file.stat()
    if (!stats.isFile() || stats.size > MAX_BYTES) throw new RangeError(`${path.pathname} is no file of a model`)
    return await file.readFile()
  } finally {
    await file.close()
  }
}

/**
 * The three files of an artifact, as they are: `loadModel` checks them.
 *
 * @param folder Its URL ends in a slash.
 * @throws {DetectorError} `NOT_FOUND` when one of them cannot be read, is no file, or has more than 4 MiB.
 */
export async function readArtifact(folder: URL): Promise<ModelArtifact> {
  const read = (name: string): Promise<Uint8Array> => readSmall(new URL(name, folder))
  try {
    const [onnx, manifest, signature] = await Promise.all(['model.onnx', 'manifest.json', 'manifest.sig'].map(read))
    return { onnx: onnx!, manifest: manifest!, signature: signature! }
  } catch (cause) {
    throw new DetectorError(
      'NOT_FOUND',
      `Cannot read the model in ${folder.pathname}: a file is missing or none, wanted three of at most 4 MiB`,
      {
        cause,
      },
    )
  }
}

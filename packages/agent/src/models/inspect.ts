/**
 * The look at a model file before anything loads it.
 *
 * @module
 */
import { type FileReport, SCAN_FORMAT, scanGguf } from '@mystranet/detector/gguf'
import { openFile } from '@mystranet/detector/node'
import { ModelError, modelErrorOf } from './model-error.ts'

/**
 * Scans a model file, some tens of milliseconds for a small one. Who can change the file afterwards can change what is loaded.
 *
 * @param engine What is to load it, with its release: what it is known to fall for counts.
 * @returns The report of a file that may be loaded: clean, or with findings none of which is critical.
 * @throws {ModelError} `DOCUMENT_MALFORMED` if the file is invalid; `NOT_PERMITTED` for a critical finding;
 *   `MODEL_UNAVAILABLE` if the scan could not be brought to its end; `NOT_FOUND`, `STORE_FAILED`.
 */
export async function inspectModel(
  path: string,
  engine?: { readonly name: string; readonly version: string },
): Promise<FileReport> {
  const report = await scanned(path, engine)
  const { verdict, findings, incomplete } = report
  const worst =
    findings.find(({ structural }) => structural) ?? findings.find(({ severity }) => severity === 'critical')
  if (worst !== undefined) {
    const { id, message, subject, structural } = worst
    const state = `${id} ${subject === undefined ? '' : `${subject}: `}${message}`
    throw new ModelError(
      structural ? 'DOCUMENT_MALFORMED' : 'NOT_PERMITTED',
      `Cannot use ${path}: its scan found ${state}`,
    )
  }
  if (verdict === 'incomplete') {
    throw new ModelError('MODEL_UNAVAILABLE', `Cannot use ${path}: its scan did not end, for ${incomplete}`)
  }
  return report
}

/** A report as the model statement says it (`ModelStatement.scan`): format, verdict, ids in order. At most 256 bytes. */
export function scanLine({ verdict, findings }: FileReport): string {
  return [SCAN_FORMAT, verdict, ...new Set(findings.map(({ id }) => id).sort())].join(' ')
}

async function scanned(path: string, engine: Parameters<typeof inspectModel>[1]): Promise<FileReport> {
  try {
    const file = await openFile(path)
    try {
      return (await scanGguf(file, { engine })).files[0] as FileReport
    } finally {
      await file.close()
    }
  } catch (error) {
    throw modelErrorOf(error)
  }
}

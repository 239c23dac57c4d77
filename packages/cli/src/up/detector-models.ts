/**
 * The models of the detector: which serve, which are tried beside them, and what became of those that were offered.
 *
 * A model that was offered and serves is kept in the state folder, and serves again after a restart: first its files, then
 * the line that names them, so that a crash in between leaves the old one.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Bound, boundsOf, type FindingDraft, type Observation, policyOf } from '@mystranet/detector/loop'
import {
  type ExpectedModel,
  type LoadOptions,
  loadModel,
  type ModelArtifact,
  type ModelEvent,
  type ModelServer,
  modelServer,
} from '@mystranet/detector/model'
import { readArtifact } from '@mystranet/detector/model/node'
import { PacketError } from '@mystranet/sdk/errors'
import { codeOf } from '../exit.ts'
import { makeFolder, readFileIfThere, type StateFolder, writeFileWhole } from '../state.ts'

export interface ModelState {
  readonly id: string
  /** That serves; undefined: none, rules alone. */
  readonly version: string | undefined
  /** That is tried beside it. */
  readonly candidate: string | undefined
}

export interface DetectorModels {
  /** Of the thresholds of all models that serve, by `⟨model⟩/⟨class⟩/⟨name⟩`. */
  bounds(): ReadonlyMap<string, Bound>
  list(): readonly ModelState[]
  server(id: string): ModelServer | undefined
  /**
   * Offers the artifact in a folder. It serves at once where none did; else once enough live rows have shown that it may.
   *
   * @throws {DetectorError | PacketError} why it is refused; what serves goes on. It is a finding, too.
   */
  offer(folder: string): Promise<ModelState>
  /** Fulfilled when what serves by now is kept. */
  kept(): Promise<void>
}

export interface ModelsPlace extends Pick<LoadOptions, 'publishers'> {
  /** Where models are kept that were offered. */
  readonly folder: string
  readonly expected: readonly ExpectedModel[]
  /** What the release brings, if it brings that model. */
  shipped(id: string): URL
  observe(observation: Observation): void
  tell(draft: FindingDraft): Promise<unknown>
  onFault(error: unknown): void
  /** A model serves where none did. */
  onServer(id: string, server: ModelServer): void
}

/** Where they lie in a state folder. */
export const modelsFolder = ({ detector }: StateFolder): string => join(detector, 'models')

/** Loads what was kept, or else what the release brings. One that cannot be loaded is a finding, and the next is tried. */
export async function openDetectorModels(place: ModelsPlace): Promise<DetectorModels> {
  const slots = new Map(place.expected.map((expected) => [expected.id, slotOf(place, expected)]))
  for (const slot of slots.values()) await slot.open()
  const serving = () => [...slots.values()].flatMap(({ server }) => server() ?? [])
  return {
    bounds: () => new Map(serving().flatMap(({ manifest }) => [...boundsOf(manifest)])),
    list: () => [...slots.values()].map(({ state }) => state()),
    server: (id) => slots.get(id)?.server(),
    async offer(folder) {
      const artifact = await readArtifact(folderUrl(folder))
      const id = claimedId(artifact)
      const slot = slots.get(id)
      if (slot === undefined) {
        const state = `it says it is ${id}, wanted one of ${[...slots.keys()].join(', ')}`
        const error = new PacketError('NOT_FOUND', `Cannot use the model in ${folder}: ${state}`)
        place.observe(refusal(artifact, id, error, 'none'))
        throw error
      }
      await slot.offer(artifact)
      return slot.state()
    },
    async kept() {
      for (const { kept } of slots.values()) await kept()
    },
  }
}

/** One model's place. */
function slotOf(place: ModelsPlace, expected: ExpectedModel) {
  const { id } = expected
  const { publishers } = place
  const options = publishers === undefined ? {} : { publishers }
  let server: ModelServer | undefined
  let candidate: { readonly version: string; readonly artifact: ModelArtifact } | undefined
  let offered: ModelArtifact | undefined
  let keeping: Promise<void> = Promise.resolve()
  const pointer = join(place.folder, `${id}.json`)

  const refused = (artifact: ModelArtifact, error: unknown, version?: string) =>
    place.observe(refusal(artifact, id, error, server?.manifest.version ?? 'none', version))
  const decided = (action: string, artifact: ModelArtifact, version: string, error?: Error) => {
    const atMs = Date.now()
    const params = {
      id,
      version,
      serving: server?.manifest.version,
      manifestSha256: digestOf(artifact),
      why: error?.message,
    }
    const rule = error === undefined ? 'it agreed with the one before on live rows' : (codeOf(error) ?? 'INTERNAL')
    const draft = policyOf({
      action,
      rule,
      params,
      source: id,
      requiresAck: false,
      atMs,
      name: `${action} ${params.manifestSha256} ${atMs}`,
    })
    void place.tell(draft).catch(place.onFault)
  }
  const keep = async (artifact: ModelArtifact) => {
    const name = `${id}-${digestOf(artifact).slice(0, 16)}`
    await makeFolder(place.folder)
    await makeFolder(join(place.folder, name))
    await writeFileWhole(join(place.folder, name, 'model.onnx'), artifact.onnx)
    await writeFileWhole(join(place.folder, name, 'manifest.json'), artifact.manifest)
    await writeFileWhole(join(place.folder, name, 'manifest.sig'), artifact.signature)
    await writeFileWhole(pointer, new TextEncoder().encode(`${JSON.stringify({ folder: name })}\n`))
  }
  const onEvent = (event: ModelEvent) => {
    const of = candidate
    if (event.kind === 'shadowed') {
      candidate = { version: event.version, artifact: offered as ModelArtifact }
      return
    }
    // What is refused leaves the one in the shadow where it is.
    if (event.kind === 'refused') return refused(offered as ModelArtifact, event.error, event.version)
    candidate = undefined
    if (of === undefined) return
    if (event.kind === 'rolled-back') return decided('roll-back-model', of.artifact, of.version, event.error)
    decided('serve-model', of.artifact, of.version)
    keeping = keep(of.artifact).catch(place.onFault)
  }
  const begin = async (artifact: ModelArtifact) => {
    const first = await loadModel(artifact, expected, options)
    server = modelServer(first, expected, { ...options, onEvent })
    place.onServer(id, server)
  }
  const offer = async (artifact: ModelArtifact) => {
    offered = artifact
    if (server !== undefined) return server.offer(artifact)
    try {
      await begin(artifact)
    } catch (error) {
      refused(artifact, error)
      throw error
    }
    await keep(artifact)
  }
  // One after the other: what is offered is what the next event is about.
  let last: Promise<unknown> = Promise.resolve()
  return {
    server: () => server,
    kept: () => keeping,
    state: (): ModelState => ({ id, version: server?.manifest.version, candidate: candidate?.version }),
    offer(artifact: ModelArtifact): Promise<void> {
      const done = last.catch(() => {}).then(() => offer(artifact))
      last = done
      return done
    },
    async open() {
      for (const folder of [await keptFolder(place.folder, pointer), place.shipped(id)]) {
        const artifact = folder && (await readArtifact(folder).catch(() => undefined))
        if (artifact === undefined) continue
        try {
          return await begin(artifact)
        } catch (error) {
          refused(artifact, error)
        }
      }
    },
  }
}

/** @param serving What goes on. @param version That the refused one says it is. */
function refusal(artifact: ModelArtifact, id: string, error: unknown, serving: string, version?: string): Observation {
  const code = codeOf(error)
  const manifestSha256 = digestOf(artifact)
  return {
    type: 'model.refused',
    source: id,
    severity: 8,
    confidence: 1,
    modelVersion: `${id}@${serving}`,
    detail: { id, version, code, message: messageOf(error), manifestSha256 },
    atMs: Date.now(),
    once: `${manifestSha256} ${code}`,
  }
}

async function keptFolder(folder: string, pointer: string): Promise<URL | undefined> {
  const bytes = await readFileIfThere(pointer)
  if (bytes === undefined) return undefined
  try {
    const { folder: name } = JSON.parse(new TextDecoder().decode(bytes)) as { folder: unknown }
    if (typeof name === 'string') return folderUrl(join(folder, name))
  } catch {
    // Then it names nothing, and what the release brings serves.
  }
  return undefined
}

/** What the manifest says it is, before anything of it is believed: it only chooses who is to check it. */
function claimedId({ manifest }: ModelArtifact): string {
  try {
    const { id } = JSON.parse(new TextDecoder().decode(manifest)) as { id: unknown }
    return typeof id === 'string' && /^[a-z][a-z0-9-]{0,31}$/.test(id) ? id : 'nothing'
  } catch {
    return 'nothing'
  }
}

const folderUrl = (folder: string): URL => pathToFileURL(`${folder}/`)
const digestOf = ({ manifest }: ModelArtifact): string => createHash('sha256').update(manifest).digest('hex')
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

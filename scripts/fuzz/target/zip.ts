import { findMember } from '../../../packages/agent/src/models/zip-member.ts'
import { judgedNow, promise, type Target } from '../target.ts'
import { utf8 } from '../vector.ts'

function entry(name: string, method: number, flags = 0): Uint8Array {
  const out = new Uint8Array(46 + name.length)
  const view = new DataView(out.buffer)
  view.setUint32(0, 0x02014b50, true)
  view.setUint16(8, flags, true)
  view.setUint16(10, method, true)
  view.setUint32(20, 500, true)
  view.setUint32(24, 900, true)
  view.setUint16(28, name.length, true)
  view.setUint32(42, 64, true)
  out.set(utf8(name), 46)
  return out
}

/** The directory of a zip file, in which one member is looked for. */
export const target: Target = {
  name: 'zip',
  inputs: 30_000,
  codes: ['DOCUMENT_MALFORMED', 'NOT_FOUND'],
  covers: ['agent/models/zip-member.ts findMember', 'agent/models/zip-member.ts openZipMember'],
  async open() {
    const join = (...parts: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(parts))
    return {
      manner: 'bytes',
      seeds: [
        join(entry('a.txt', 8), entry('lib/b.so', 8), entry('c', 0)),
        join(entry('lib/b.so', 0)),
        join(entry('lib/b.so', 8, 1)),
        join(entry('a', 8)),
      ],
      run: (input) =>
        judgedNow(() => {
          const view = new DataView(input.buffer, input.byteOffset, input.byteLength)
          const { packedBytes } = findMember(view, 'lib/b.so')
          promise(packedBytes > 0, 'an empty member was found')
        }),
    }
  },
}

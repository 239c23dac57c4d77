import {
  encodeBundle,
  encodeTile,
  encodeTilePath,
  parseBundle,
  parseTile,
  parseTilePath,
} from '../../../packages/sdk/src/proof/tile.ts'
import { judgedNow, promise, same, type Target } from '../target.ts'
import { fromHex, utf8, vector } from '../vector.ts'

/** `input[0]` says what follows a width of one byte: the path of a tile, a tile, or a bundle of entries. */
export const target: Target = {
  name: 'tile',
  inputs: 50_000,
  codes: ['DOCUMENT_MALFORMED'],
  covers: ['sdk/proof/tile.ts parseTile', 'sdk/proof/tile.ts parseBundle', 'sdk/proof/tile.ts parseTilePath'],
  async open() {
    const { of, tiles, bundle } = vector('log').tile
    const seed = (as: number, width: number, bytes: Uint8Array) =>
      new Uint8Array(Buffer.concat([Uint8Array.of(as, width), bytes]))
    const whole = fromHex(tiles[0]?.bytes ?? '').subarray(0, 9 * 32)
    return {
      manner: 'bytes',
      seeds: [...of.map((path) => seed(0, 0, utf8(path))), seed(1, 9, whole), seed(2, 3, fromHex(bundle.bytes))],
      run(input) {
        const [as = 0, width = 0] = input
        const bytes = input.subarray(2)
        return judgedNow(() => {
          if (as % 3 === 1) promise(same(encodeTile(parseTile(bytes, width)), bytes), 'a tile has a second form')
          if (as % 3 === 2) promise(same(encodeBundle(parseBundle(bytes, width)), bytes), 'a bundle has a second form')
          if (as % 3 !== 0) return
          const path = new TextDecoder().decode(bytes)
          const id = parseTilePath(path)
          promise(id === undefined || encodeTilePath(id) === path, 'a path has a second form')
        })
      },
    }
  },
}

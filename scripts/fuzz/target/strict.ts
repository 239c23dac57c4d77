import * as messages from '../../../packages/schemas/src/messages.ts'
import { judgedNow, promise, same, type Target } from '../target.ts'
import { fromHex, vector } from '../vector.ts'

const isTable = (value: unknown): value is messages.Table<unknown> =>
  typeof value === 'object' && value !== null && 'columns' in value

/** Every message of the protocol by the strict codec; `input[0]` says which. */
export const target: Target = {
  name: 'strict',
  inputs: 120_000,
  codes: ['SCHEMA'],
  covers: ['schemas/strict.ts decode'],
  async open() {
    const tables = Object.values(messages).filter(isTable)
    const named = (name: string) => tables.findIndex((table) => table.name.endsWith(name))
    const seeds = vector('protobuf').cases.map(({ message, bytes }) => {
      const at = named(message)
      if (at < 0) throw new Error(`no message ${message}`)
      return new Uint8Array(Buffer.concat([Uint8Array.of(at), fromHex(bytes)]))
    })
    return {
      manner: 'bytes',
      seeds,
      // Any message read as any other.
      twists: [
        { make: (random) => random.pick(seeds).map((byte, i) => (i === 0 ? random.below(tables.length) : byte)) },
      ],
      run(input) {
        const table = tables[(input[0] ?? 0) % tables.length] as messages.Table<unknown>
        const bytes = input.subarray(1)
        return judgedNow(() =>
          promise(
            same(messages.encode(table, messages.decode(table, bytes)), bytes),
            `a second encoding of ${table.name}`,
          ),
        )
      },
    }
  },
}

/**
 * Vectors of the one canonical encoding: what is read, and for each rule of protocol §3 what breaks it.
 *
 * @module
 */
import * as messages from '@mystranet/schemas/messages'
import { toHex } from '../../src/bytes.ts'

const H16 = 'cd'.repeat(16)
const H32 = 'ab'.repeat(32)

/** A core, up to its last field. */
const core = (compatible: string): string =>
  `0801 1001 1801 2220${H32} 2a20${H32} 3220${H32} 3a0161 5001 5802 6210${H16} 6801 7001` +
  `7a10${'ef'.repeat(16)} e20120${H32} ${compatible}`

type MessageName = Extract<keyof typeof messages, Capitalize<string>>

const READ: readonly (readonly [string, MessageName, string])[] = [
  ['two numbers', 'Usage', '0801 1002'],
  ['nothing at all', 'Usage', ''],
  ['packed numbers', 'HeaderCore', core('ea0102 0102')],
  ['an explicit zero where it is a value', 'Sampling', '0800'],
  ['an empty text in a oneof', 'AnswerPart', '0a00'],
  ['a byte order mark, which is a character', 'ChatMessage', '0a0161 1204 efbbbf62'],
  ['64 bits', 'Addendum', `0a10${H16} 20 ffffffffffffffffff01`],
  ['a present message that is empty', 'Rule', '0a0161 3a00'],
  [
    'repeated messages',
    'Recipients',
    `0a76 0a20${H32} 1220${H32} 2230${'01'.repeat(48)} 0a76 0a20${H32} 1220${H32} 2230${'01'.repeat(48)}`,
  ],
]

const REFUSED: readonly (readonly [string, MessageName, string])[] = [
  ['1: swapped fields', 'Usage', '1002 0801'],
  ['1: a field twice', 'Usage', '0801 0801'],
  ['1: a message twice', 'Rule', '0a0161 3a00 3a00'],
  ['1: items apart', 'Rule', `0a0161 1a20${H32} 2001 1a20${H32}`],
  ['1: numbers not packed', 'HeaderCore', core('e80101')],
  ['1: two packed runs', 'HeaderCore', core('ea010101 ea010102')],
  ['1: an empty packed run', 'HeaderCore', core('ea0100')],
  ['2: an overlong value', 'Usage', '088100'],
  ['2: an overlong value of 64 bits', 'Addendum', `0a10${H16} 208100`],
  ['2: an overlong tag', 'Usage', '880001'],
  ['2: an overlong length', 'Header', '0a810001'],
  ['2: a truth value of 2', 'Retry', '0801 1002'],
  ['2: 33 bits', 'Usage', '08ffffffff1f'],
  ['2: a sign-extended number', 'Usage', '08ffffffffffffffffff01'],
  ['2: 65 bits', 'Addendum', `0a10${H16} 20ffffffffffffffffff03`],
  ['2: eleven bytes of number', 'Addendum', `0a10${H16} 20ffffffffffffffffffff01`],
  ['2: a cut number', 'Usage', '0880'],
  ['3: a zero', 'Usage', '0800'],
  ['3: a false', 'Retry', '0801 1000'],
  ['3: an empty text', 'ChatMessage', '0a0161 1200'],
  ['3: empty bytes', 'Header', '0a0101 1200'],
  ['4: an unknown field', 'Usage', '0801 1801'],
  ['4: field number 0', 'Usage', '0001'],
  ['4: a group', 'Usage', '0b0c'],
  ['4: a chunk for a number', 'Usage', '0a0101'],
  ['4: a number for a chunk', 'Header', '0801'],
  ['4: four fixed bytes for a number', 'Usage', '0d01000000'],
  ['5: no UTF-8', 'ChatMessage', '0a01ff'],
  ['5: half a surrogate pair', 'ChatMessage', '0a03eda080'],
  ['5: overlong UTF-8', 'ChatMessage', '0a02c0af'],
  ['6: two members of a oneof', 'AnswerPart', '0a0161 1206 0a0161 120162'],
  ['6: a required value is absent', 'ChatMessage', '120161'],
  ['6: a required list is absent', 'Recipients', ''],
  ['6: 31 bytes for 32', 'Candidate', `0a1f${'ab'.repeat(31)}`],
  ['6: 33 bytes for 32', 'Candidate', `0a21${'ab'.repeat(33)}`],
  ['6: too long a text', 'ChatMessage', `0a11${'61'.repeat(17)}`],
  ['6: too many items', 'Sampling', '2200'.repeat(17)],
  ['6: too many packed numbers', 'HeaderCore', core('ea0109 010203040506070809')],
  ['7: a time past 2^53', 'RoutingTable', `0a20${H32} 1001 2880808080808080 10`],
  ['7: a negative enum value', 'KeyEvent', `0a20${H32} 1220${H32} 18ffffffffffffffffff01`],
  ['the bytes end inside a value', 'Candidate', '0a1fab'],
  ['the bytes end inside their parent only', 'RequestContent', '1203 0a0308 01'],
  ['packed numbers past the end', 'HeaderCore', core('ea010501')],
]

const row = ([name, message, bytes]: readonly [string, MessageName, string], result: 'ok' | 'refused') => ({
  name,
  message: message as string,
  bytes: bytes.replaceAll(' ', ''),
  result,
})

/** One valid encoding of each message that a packet or a proof is made of, as the other vectors hold them. */
export function protobuf() {
  for (const [name, message, bytes] of READ) {
    // biome-ignore lint/performance/noDynamicNamespaceImportAccess: messages are named by the rows, and nothing here is bundled
    const table = messages[message] as unknown as messages.Table<unknown>
    const wanted = bytes.replaceAll(' ', '')
    const read = messages.decode(
      table,
      Uint8Array.from(wanted.match(/../g) ?? [], (hex) => Number.parseInt(hex, 16)),
    )
    if (toHex(messages.encode(table, read)) !== wanted) throw new Error(`Cannot publish "${name}": it is not canonical`)
  }
  return {
    about: 'The strict encoding: what a reader takes, and what it refuses by which rule of protocol §3.',
    cases: [...READ.map((each) => row(each, 'ok')), ...REFUSED.map((each) => row(each, 'refused'))],
  }
}

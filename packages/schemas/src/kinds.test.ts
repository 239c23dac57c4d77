import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { CODES } from './codes.ts'
import { HeaderCore } from './gen/strict.ts'
import { KindSchema } from './gen/weave/packet/v1/packet_pb.js'
import { CODE_RANGE, FIELD_PRESENCE, KINDS, type Kind, kindOf, OUTCOMES } from './kinds.ts'

const protocol = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8')
const rows = protocol
  .slice(protocol.indexOf('### 5.1'), protocol.indexOf('## 6.'))
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
const [head, , ...body] = rows as [string[], string[], ...string[][]]
const camel = (name: string): string => name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

describe('kinds', () => {
  it('are those of the .proto, under the same numbers', () => {
    const wanted = KindSchema.values.filter((value) => value.number !== 0)
    expect(KINDS).toEqual(
      Object.fromEntries(wanted.map((value) => [value.localName.replace('KIND_', ''), value.number])),
    )
    for (const [name, wire] of Object.entries(KINDS)) expect(kindOf(wire)).toBe(name)
    for (const wire of [0, 7, -1, 0.5, 2 ** 32]) expect(kindOf(wire)).toBeUndefined()
  })

  it('name only fields of the core that are not mandatory for all', () => {
    const fields = new Map(HeaderCore.columns.map((column) => [column.name, column]))
    for (const name of Object.keys(FIELD_PRESENCE)) expect(fields.get(name)?.required, name).toBe(false)
  })

  it('say of every field what the table of docs/protocol.md §5.1 says', () => {
    expect(head.slice(1)).toEqual(Object.keys(KINDS))
    const documented: Record<string, string> = {}
    for (const [names, ...cells] of body as [string, ...string[]][]) {
      // "See below": absent together in an aborted CLOSE without a body, so neither always there nor forbidden.
      const presence = cells.map((cell) =>
        cell.startsWith('–') ? '-' : cell.startsWith('O') || cell.endsWith('see below') ? 'O' : 'M',
      )
      for (const word of names.replaceAll(/\(.*?\)/g, '').split(',')) documented[camel(word.trim())] = presence.join('')
    }
    for (const [name, presence] of Object.entries(FIELD_PRESENCE)) expect(documented[name], name).toBe(presence)
    // Hashes and parts of the packet are no fields of the core; the target is in every kind.
    const inCore = Object.keys(documented).filter((name) => HeaderCore.columns.some((column) => column.name === name))
    expect(inCore.sort()).toEqual(Object.keys(FIELD_PRESENCE).sort())
  })

  it('give a range of codes to exactly the kinds that carry one, and every code falls into its range', () => {
    const carrying = Object.keys(KINDS).filter((_, i) => FIELD_PRESENCE.code[i] !== '-')
    expect(Object.keys(CODE_RANGE).sort()).toEqual(carrying.sort())
    const [least, most] = CODE_RANGE.NACK as readonly [number, number]
    for (const { wire } of Object.values(CODES)) if (wire !== 0) expect(wire >= least && wire <= most).toBe(true)
    const outcomes = (['ACK', 'STREAM_CLOSE'] as Kind[]).flatMap((kind) => CODE_RANGE[kind] ?? [])
    expect(outcomes).toEqual([OUTCOMES.ACCEPTED, OUTCOMES.COMPLETED, OUTCOMES.STOP, OUTCOMES.ABORTED])
  })
})

import type { HeaderCore } from '@mystranet/schemas/messages'
import { describe, expect, it } from 'vitest'
import { type KnownTable, route } from './route.ts'

const digest = (value: number) => new Uint8Array(32).fill(value)
const tableOf = (version: number, agents: readonly number[], sinceMs = 0): KnownTable => ({
  digest: digest(version),
  sinceMs,
  table: {
    network: digest(0),
    version: BigInt(version),
    rules: [{ id: 'r', tag: 'a', senders: [], candidates: agents.map((each) => ({ instance: digest(each) })) }],
    notBeforeMs: 100,
    expiresMs: 10_000_000,
    createdMs: 1,
  },
})
const coreFor = (version: number, recipients: readonly number[]) =>
  ({
    targetTag: 'a',
    sender: digest(9),
    tableDigest: digest(version),
    recipients: recipients.map(digest),
  }) as unknown as HeaderCore
const code = (name: string) => expect.objectContaining({ code: name })

describe('route()', () => {
  it('refuses a table outside its time window', () => {
    const tables = [tableOf(1, [50])]
    expect(route(coreFor(1, [50]), tables, 100).rule.id).toBe('r')
    expect(() => route(coreFor(1, [50]), tables, 99)).toThrow(code('TABLE_STALE'))
    expect(() => route(coreFor(1, [50]), tables, 10_000_000)).toThrow(code('TABLE_STALE'))
  })

  it('refuses a packet that is sealed to no candidate', () => {
    expect(() => route(coreFor(1, [51]), [tableOf(1, [50])], 100)).toThrow(code('NO_ROUTE'))
    expect(() => route(coreFor(1, [51]), [], 100)).toThrow(code('NO_ROUTE'))
  })

  it('gives candidates that the table named and its successor name, in the order of the rule', () => {
    const tables = [tableOf(2, [52, 51], 1_000), tableOf(1, [50, 51, 52])]
    const { candidates, table } = route(coreFor(1, [50, 51, 52]), tables, 1_000)
    expect(candidates).toEqual(['33'.repeat(32), '34'.repeat(32)])
    expect(table.table.version).toBe(1n)
    expect(() => route(coreFor(1, [50]), tables, 1_000)).toThrow(code('NO_ROUTE'))
    expect(() => route(coreFor(1, [50]), [tableOf(2, [60], 1_000), tableOf(1, [50])], 1_000)).toThrow(
      code('TABLE_STALE'),
    )
  })
})

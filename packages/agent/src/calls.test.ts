import type { AgentMessage } from '@mystranet/schemas/link'
import { describe, expect, it } from 'vitest'
import { createCalls } from './calls.ts'

const CALL = { type: 'reply', packet: new Uint8Array([1]) } as const

function started() {
  const sent: Extract<AgentMessage, { id: number }>[] = []
  const calls = createCalls({ send: (message) => sent.push(message as (typeof sent)[number]) })
  const until = async (count: number) => {
    while (sent.length < count) await new Promise((resolve) => setTimeout(resolve, 2))
  }
  return { calls, sent, until }
}

describe('a call', () => {
  it('gets the answer with its number, whatever the order', async () => {
    const { calls, sent } = started()
    const [one, two] = [calls.ask(CALL, 1_000), calls.ask(CALL, 1_000)]
    const ids = sent.map(({ id }) => id)
    expect(new Set(ids).size).toBe(2)
    calls.settle({ type: 'done', id: ids[1] as number, receipts: [new Uint8Array([2])] })
    calls.settle({ type: 'done', id: 9_999, receipts: [] })
    calls.settle({ type: 'done', id: ids[0] as number, receipts: [new Uint8Array([1])] })
    expect(await one).toEqual([new Uint8Array([1])])
    expect(await two).toEqual([new Uint8Array([2])])
  })

  it('is made again while the refusal may pass', async () => {
    const { calls, sent, until } = started()
    const call = calls.ask(CALL, 5_000)
    calls.settle({ type: 'refused', id: sent[0]?.id as number, code: 'LOG_BUSY', message: '' })
    await until(2)
    expect(sent[1]).toMatchObject(CALL)
    calls.settle({ type: 'done', id: sent[1]?.id as number, receipts: [] })
    expect(await call).toEqual([])
  })

  it('fails for a refusal that stands', async () => {
    const { calls, sent } = started()
    const call = calls.ask(CALL, 1_000)
    calls.settle({ type: 'refused', id: sent[0]?.id as number, code: 'NOT_A_CANDIDATE', message: 'no' })
    await expect(call).rejects.toMatchObject({ code: 'NOT_A_CANDIDATE' })
    expect(sent).toHaveLength(1)
  })

  it('fails when its time is over, and when the link is gone', async () => {
    const { calls, sent } = started()
    await expect(calls.ask(CALL, 20)).rejects.toMatchObject({ code: 'TIMED_OUT' })
    const waiting = calls.ask(CALL, 5_000)
    calls.end()
    await expect(waiting).rejects.toMatchObject({ code: 'ROUTER_UNREACHABLE' })
    await expect(calls.ask(CALL, 5_000)).rejects.toMatchObject({ code: 'ROUTER_UNREACHABLE' })
    expect(sent).toHaveLength(2)
  })

  it('takes an unknown code for INTERNAL', async () => {
    const { calls, sent } = started()
    const call = calls.ask(CALL, 60)
    calls.settle({ type: 'refused', id: sent[0]?.id as number, code: '__proto__' as never, message: '' })
    await expect(call).rejects.toMatchObject({ code: 'TIMED_OUT' })
  })
})

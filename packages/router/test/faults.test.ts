// Every write of a submission, failed and failed-but-persisted: the same packet sent again gets its receipt, is queued once,
// and runs once.

import { toHex } from '@mystranet/sdk/bytes'
import { parseLeaf } from '@mystranet/sdk/proof/leaf'
import { describe, expect, it } from 'vitest'
import { memoryStores } from '../src/adapters/memory/stores.ts'
import type { DispatchStores } from '../src/adapters/sqlite/stores.ts'
import { RouterError } from '../src/errors.ts'
import { attachAgent, openWorld, partyOf, ruleFor, senderOf, worldState } from './router-world.ts'

const WRITES = new Set([
  'packets.insert',
  'packets.replace',
  'queue.publish',
  'queue.lease',
  'queue.finish',
  'replay.insert',
  'statements.put',
  'answers.append',
  'answers.end',
])

interface Fault {
  /** Which write, counted from the moment it is armed. */
  at: number
  readonly persisted: boolean
}

/** Stores of which one write fails: before it happens, or after. */
function failingStores() {
  const state = { fault: undefined as Fault | undefined, writes: [] as string[] }
  const wrap = <T extends object>(port: T, name: string): T =>
    new Proxy(port, {
      get(target, property) {
        const method = Reflect.get(target, property) as unknown
        if (typeof method !== 'function') return method
        const title = `${name}.${String(property)}`
        if (!WRITES.has(title)) return method.bind(target)
        return async (...values: unknown[]) => {
          state.writes.push(title)
          const isIt = state.fault !== undefined && state.fault.at-- === 0
          if (isIt && !state.fault?.persisted) throw new RouterError('STORE_FAILED', `failed: ${title}`)
          const result: unknown = await method.apply(target, values)
          if (isIt) throw new RouterError('STORE_FAILED', `failed but persisted: ${title}`)
          return result
        }
      },
    })
  const ports = memoryStores({ queueLimit: 100 })
  const stores = Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, wrap(port as object, name)]))
  return { state, stores: stores as unknown as DispatchStores }
}

async function run(fault: Fault | undefined) {
  const { state, stores } = failingStores()
  const world = await openWorld(worldState(stores), { leaseMs: 500 })
  const party = await partyOf(10, world.clock.nowMs)
  const sender = senderOf(world, await partyOf(40, world.clock.nowMs))
  await world.enrol(sender.party)
  await world.enrol(party)
  await world.publish([ruleFor('misty.weave', [party])])
  const request = await sender.request([party])
  state.writes = []
  state.fault = fault
  const receipts: Uint8Array[] = []
  const told: (string | number)[] = []
  for (let tries = 0; tries < 3 && receipts.length === 0; tries++) {
    const response = await sender.post(request.bytes)
    told.push(response.ok ? 200 : ((await response.clone().json()) as { code: string }).code)
    if (response.ok) receipts.push(new Uint8Array(await response.arrayBuffer()))
  }
  const agent = attachAgent(world, party)
  const id = toHex(request.id)
  const isDone = async () => (await stores.packets.find(id))?.record.state === 'finished'
  for (let i = 0; i < 40 && !(await isDone()); i++) {
    world.clock.nowMs += 100
    await world.nexus.tick()
    await new Promise((resolve) => setTimeout(resolve, 4))
  }
  // What its end failed to do is tried again a second later.
  for (let i = 0; i < 3; i++) {
    world.clock.nowMs += 1_100
    await world.nexus.tick()
  }
  await world.nexus.idle()
  const again = await sender.post(request.bytes)
  receipts.push(new Uint8Array(await again.arrayBuffer()))
  const leaves = world.state.disk.entries
    .map(({ leaf }) => parseLeaf(leaf))
    .filter(({ subject }) => toHex(subject) === id)
  const record = (await stores.packets.find(id))?.record
  const hasEnded = await stores.answers.ended(id)
  await world.close()
  return { hasEnded, writes: state.writes, told, receipts, leaves, record, agent, answered: again.status }
}

describe('a submission whose writes fail', async () => {
  const { writes } = await run(undefined)
  const submission = writes.slice(0, writes.indexOf('queue.publish') + 1)

  it('knows all its writes', () => {
    expect(submission).toEqual(['replay.insert', 'packets.insert', 'packets.replace', 'queue.publish'])
  })

  for (const persisted of [false, true]) {
    for (const [at, name] of submission.entries()) {
      it(`gets its one receipt after ${name} ${persisted ? 'failed but persisted' : 'failed'}, and runs once`, async () => {
        const { told, receipts, leaves, record, agent, answered } = await run({ at, persisted })
        expect(told).toEqual(['STORE_FAILED', 200])
        expect(answered).toBe(200)
        expect(receipts[0]).toEqual(receipts[1])
        expect(leaves.map(({ kind }) => kind)).toEqual(['request', 'attempt'])
        expect(record?.state).toBe('finished')
        expect(agent.delivered).toHaveLength(1)
      })
    }
  }

  for (const persisted of [false, true]) {
    it(`leaves no request half done when any later write ${persisted ? 'failed but persisted' : 'failed'}`, async () => {
      for (let at = submission.length; at < writes.length; at++) {
        const { record, leaves, hasEnded } = await run({ at, persisted })
        const context = `${writes[at]} (${at}): ${record?.state} ${record?.attempts.map(({ state }) => state)}`
        // The scripted agent does not send a refused reply again, so an attempt may stay open; nothing is lost or doubled.
        expect(['finished', 'released'], context).toContain(record?.state)
        // Whoever reads it would wait for ever.
        expect(hasEnded, context).toBe(record?.state === 'finished')
        expect(
          leaves.filter(({ kind }) => kind === 'request'),
          context,
        ).toHaveLength(1)
        expect(
          leaves.filter(({ kind }) => kind === 'attempt'),
          context,
        ).toHaveLength(record?.attempts.length ?? 0)
      }
    })
  }
})

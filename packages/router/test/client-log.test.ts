// The SDK's client holds the log to what it saw of it before: by proof, from the log's tiles, before it calls an answer verified.

import { afterEach, describe, expect, it } from 'vitest'
import { clientWorld } from './client-world.ts'
import { openWorld, partyOf, ruleFor, worldState } from './router-world.ts'

const worlds: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close()
})
async function setup() {
  const made = await clientWorld(1)
  worlds.push(made)
  return made
}

/** A log of the same keys with another history, at least so long. Its witness is as good as the first one's. */
async function forkOf(size: number) {
  const world = await openWorld(worldState())
  worlds.push(world)
  const agent = await partyOf(60, world.clock.nowMs)
  await world.enrol(agent)
  while (world.state.disk.entries.length < size) await world.publish([ruleFor('misty.weave', [agent])])
  return world
}

const code = (wanted: string) => expect.objectContaining({ code: wanted })
const gone = () => Promise.reject(new TypeError('fetch failed'))

describe('a log that grew', () => {
  it('is held to the one seen before by a consistency proof, and the newest checkpoint is remembered', async () => {
    const { ask, memory, wire, client, logSize } = await setup()
    await client.routes()
    const before = memory.checkpoint?.treeSize ?? 0n
    expect(wire.tilePaths).toEqual([])
    await ask()
    expect(wire.tilePaths.length).toBeGreaterThan(0)
    expect(memory.checkpoint?.treeSize).toBeGreaterThan(before)
    expect(memory.checkpoint?.treeSize).toBe(BigInt(logSize()))
    expect(memory.forks).toBeUndefined()
  })

  it('with another history is refused as a fork, with both notes as evidence, and nothing is sent', async () => {
    const { ask, memory, wire, client, logSize } = await setup()
    await ask()
    const [seen, posts] = [memory.checkpoint, wire.posts]
    const fork = await forkOf(logSize() + 3)
    wire.log = fork.app
    await expect(client.routes()).rejects.toThrow(/does not continue size \d+: a fork/)
    await expect(client.routes()).rejects.toEqual(code('CHECKPOINT_ROLLED_BACK'))
    expect(memory.checkpoint).toEqual(seen)
    const newer = new Uint8Array(await (await fork.app.request('/log/checkpoint')).arrayBuffer())
    expect(memory.forks).toEqual([{ older: seen?.note, newer }])
    await expect(ask()).rejects.toEqual(code('CHECKPOINT_ROLLED_BACK'))
    expect(wire.posts).toBe(posts)
  })

  it('is refused also where only the receipts of an answer show the other history', async () => {
    const { client, question, memory, logSize } = await setup()
    await client.routes()
    // What it saw meanwhile is of another history, above the directory's checkpoint and below the receipts to come.
    memory.checkpoint = { treeSize: BigInt(logSize() + 1), rootHash: new Uint8Array(32).fill(7) }
    const seen = memory.checkpoint
    const answer = client.ask(question)
    let text = ''
    const reading = (async () => {
      for await (const part of answer) text += part
    })()
    await expect(reading).rejects.toEqual(code('CHECKPOINT_ROLLED_BACK'))
    expect(text).toBe('The answer.')
    await expect(answer.verified).rejects.toEqual(code('CHECKPOINT_ROLLED_BACK'))
    await expect(answer.log()).rejects.toEqual(code('CHECKPOINT_ROLLED_BACK'))
    expect(memory.checkpoint).toEqual(seen)
  })

  it('whose tiles cannot be fetched is not passed over: the verdict is PARTIAL, nothing is remembered, and it can be asked again', async () => {
    const { client, question, memory, wire, ask } = await setup()
    await ask()
    const seen = memory.checkpoint
    wire.tiles = gone
    const answer = client.ask(question)
    let text = ''
    for await (const part of answer) text += part
    expect(text).toBe('The answer.')
    expect(await answer.log()).toMatchObject({ result: 'skipped', cause: code('ROUTER_UNREACHABLE') })
    await expect(answer.verified).rejects.toMatchObject({
      code: 'VERDICT_PARTIAL',
      retryable: true,
      verdict: { status: 'PARTIAL', line: 'PARTIAL under "local"' },
      message: expect.stringMatching(/the log could not be held to what was seen/),
    })
    const { status, checks } = await answer.examined()
    expect([status, checks.find(({ name }) => name === 'checkpoint')?.result]).toEqual(['PARTIAL', 'skipped'])
    expect(memory.checkpoint).toEqual(seen)
    await expect(client.routes()).rejects.toEqual(code('ROUTER_UNREACHABLE'))
    wire.tiles = undefined
    expect((await answer.verified).verdict.line).toBe('VERIFIED under "local"')
    expect(memory.checkpoint?.treeSize).toBeGreaterThan(seen?.treeSize ?? 0n)
  })

  it('whose tiles are not its own proves nothing, and says so', async () => {
    const { client, ask, wire, memory, world } = await setup()
    await ask()
    await world.publish([])
    const seen = memory.checkpoint
    wire.tiles = async (path) => {
      const bytes = new Uint8Array(await (await world.app.request(path)).arrayBuffer())
      bytes[0] = (bytes[0] as number) ^ 1
      return new Response(bytes)
    }
    await expect(client.routes()).rejects.toThrow(/Cannot use the log's tiles/)
    await expect(client.routes()).rejects.toEqual(code('PROOF_INVALID'))
    expect(memory.checkpoint).toEqual(seen)
    expect(memory.forks).toBeUndefined()
  })

  it('keeps no reader waiting: the first word comes while the tiles are still on their way', async () => {
    const { clientWith, question, memory, wire, ask, world, agents } = await setup()
    await ask()
    await world.publish([ruleFor('misty.weave', agents)])
    const arrived = Promise.withResolvers<void>()
    wire.tiles = async (path) => {
      await arrived.promise
      return world.app.request(path)
    }
    const asked = wire.tilePaths.length
    world.clock.nowMs += 1
    const answer = clientWith({ ...memory }).ask(question)
    let text = ''
    for await (const event of answer.events()) {
      if (event.type === 'text' && text === '') expect(wire.tilePaths.length).toBeGreaterThan(asked)
      if (event.type === 'text') text += event.text
      if (event.type === 'close') arrived.resolve()
    }
    expect(text).toBe('The answer.')
    expect((await answer.verified).verdict.line).toBe('VERIFIED under "local"')
  })
})

import { utf8 } from '@mystranet/sdk/bytes'
import { hashLeaf } from '@mystranet/sdk/proof/merkle'
import { describe, expect, it } from 'vitest'
import { draftOf, logWorld } from '../../test/log-world.ts'
import { createCosigning } from './cosigning.ts'
import { leafBuilder } from './leaves.ts'
import { recover } from './recover.ts'
import { advance, confirm, findReceipt, type RoundState } from './round.ts'
import { createTileWriter } from './tile-writer.ts'

async function stateOf(world: ReturnType<typeof logWorld>): Promise<RoundState> {
  const config = world.config()
  const builder = leafBuilder(config.index, () => 1)
  const writer = createTileWriter(config.tiles)
  const recovered = await recover(config, builder, writer)
  const { policy } = config.trust
  const { consistency } = recovered.tree
  const cosigning = createCosigning({ policy, witnesses: config.witnesses, consistency })
  return { ...recovered, config, builder, writer, cosigning, published: undefined, trimmedAt: 0 }
}

describe('our own verifier', () => {
  it('lets no receipt out, and confirms nothing, when a path does not lead to the root', async () => {
    const world = logWorld()
    const state = await stateOf(world)
    await advance(state, [draftOf('a'), draftOf('b')])
    const wrong = { ...state, tree: { ...state.tree, inclusion: async () => [hashLeaf(utf8('wrong'))] } }
    await expect(confirm(wrong, new AbortController().signal)).rejects.toThrow(/does not lead to the root/)
    expect(world.index.size).toBe(0)
  })

  it('lets no receipt out under a checkpoint that our own trust refuses', async () => {
    const world = logWorld()
    const state = await stateOf(world)
    await advance(state, [draftOf('a')])
    const strict = {
      ...state.config.trust.policy,
      quorum: 'five',
      groups: [{ name: 'five', threshold: 4, members: ['2', '3', '4', '5'] }],
    }
    const config = { ...state.config, trust: { policy: strict } }
    const slow = world.witnesses[0] as (typeof world.witnesses)[0]
    slow.mode = 'silent'
    await expect(confirm({ ...state, config }, new AbortController().signal)).rejects.toMatchObject({
      code: 'CHECKPOINT_UNTRUSTED',
    })
    expect(world.index.size).toBe(0)
  })

  it('finds a bundle that was changed under it', async () => {
    const world = logWorld()
    const log = await world.open({ trimEvery: 256 })
    await log.append(Array.from({ length: 300 }, (_, i) => draftOf(`${i}`)))
    await log.close()
    const path = 'tile/entries/000'
    const reopened = await world.open()
    world.tiles.files.set(
      path,
      (world.tiles.files.get(path) as Uint8Array).map((byte, i) => (i === 150 ? byte ^ 1 : byte)),
    )
    await expect(reopened.find(draftOf('0'))).rejects.toMatchObject({ code: 'PROOF_INVALID' })
    expect((await reopened.find(draftOf('299')))?.leafIndex).toBe(299n)
    await reopened.close()
  })
})

it('findReceipt() says when the addendum is lost', async () => {
  const world = logWorld()
  const log = await world.open()
  await log.append([draftOf('a', { addendum: utf8('about a') })])
  await log.close()
  const state = await stateOf(world)
  const index = { ...world.index, size: 1, addendum: async () => utf8('another') }
  await expect(findReceipt({ ...state, config: { ...state.config, index } }, draftOf('a'))).rejects.toThrow(
    /has lost it/,
  )
})

import { expect, it } from 'vitest'
import { newSeeds, openIdentity } from './identity.ts'

const without = (kind: string) => newSeeds().filter((each) => each.kind !== kind)

it('needs a packet key', async () => {
  await expect(openIdentity(without('packet'))).rejects.toThrow(/it has no packet key/)
})

it('needs its root key, or the name of its instance', async () => {
  await expect(openIdentity(without('root'))).rejects.toThrow(/no root key, and no instance was named/)
  const instance = new Uint8Array(32).fill(1)
  expect((await openIdentity(without('root'), instance)).instance).toEqual(instance)
})

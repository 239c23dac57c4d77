import { describe, expect, it } from 'vitest'
import { createGates, createTurns } from './turns.ts'

const rest = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

describe('createTurns()', () => {
  it('runs one at a time under a name, in order, also after a failure', async () => {
    const { inTurn } = createTurns()
    const story: string[] = []
    const work = (name: string, ms: number) => async () => {
      story.push(`${name} begins`)
      await rest(ms)
      story.push(`${name} ends`)
      if (name === 'a') throw new Error('a')
    }
    await Promise.allSettled([inTurn('x', work('a', 10)), inTurn('x', work('b', 1))])
    expect(story).toEqual(['a begins', 'a ends', 'b begins', 'b ends'])
  })
})

describe('createGates()', () => {
  it('lets shared work run together, and nothing beside work that is alone', async () => {
    const gates = createGates()
    let shared = 0
    let alone = 0
    let most = 0
    const share = async () => {
      shared += 1
      most = Math.max(most, shared)
      expect(alone).toBe(0)
      await rest(3)
      shared -= 1
    }
    const single = async () => {
      alone += 1
      expect([shared, alone]).toEqual([0, 1])
      await rest(3)
      alone -= 1
    }
    const work = [share, share, single, share, single, single, share, share]
    await Promise.all(work.map((each) => (each === single ? gates.alone('x', each) : gates.shared('x', each))))
    expect(most).toBe(2)
  })
})

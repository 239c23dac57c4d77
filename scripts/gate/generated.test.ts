import { expect, it } from 'vitest'
import { differing } from './generated.ts'

it('names files that generation changed, added or removed, and no other', () => {
  const before = new Map([
    ['same', '1'],
    ['changed', '1'],
    ['removed', '1'],
    ['gone', 'absent'],
  ])
  const after = new Map([
    ['same', '1'],
    ['changed', '2'],
    ['added', '1'],
    ['removed', 'absent'],
  ])
  expect(differing(before, after)).toEqual(['added', 'changed', 'removed'])
})

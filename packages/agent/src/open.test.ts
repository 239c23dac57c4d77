import { describe, expect, it } from 'vitest'
import { createSessions } from './open.ts'

describe('sessions', () => {
  const key = new Uint8Array(32).fill(1)
  const session = (endsMs: number) => ({ senderKey: key, secret: new Uint8Array(32).fill(2), endsMs })
  const id = (n: number) => Uint8Array.of(n >> 8, n)

  it('end with their prekey', () => {
    let now = 0
    const sessions = createSessions({ now: () => now })
    sessions.keep(id(1), session(100))
    expect(sessions.find(id(1), key)).toBeDefined()
    now = 100
    expect(sessions.find(id(1), key)).toBeUndefined()
  })

  it('are only their own sender key’s', () => {
    const sessions = createSessions({ now: () => 0 })
    sessions.keep(id(1), session(100))
    expect(sessions.find(id(1), new Uint8Array(32))).toBeUndefined()
    expect(sessions.find(id(2), key)).toBeUndefined()
  })

  it('are the newest 4,096', () => {
    const sessions = createSessions({ now: () => 0 })
    for (let n = 0; n <= 4_096; n++) sessions.keep(id(n), session(100))
    expect(sessions.find(id(0), key)).toBeUndefined()
    expect(sessions.find(id(1), key)).toBeDefined()
    expect(sessions.find(id(4_096), key)).toBeDefined()
  })
})

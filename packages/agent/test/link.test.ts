import { fork } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import { parentLink } from '../src/adapters/parent-link.ts'
import { describeLink } from '../src/link.contract.ts'
import { memoryLink } from './memory-link.ts'

describeLink('memoryLink', async () => {
  const wire = memoryLink()
  return { link: wire.link, push: wire.push, received: () => wire.sent, end: wire.end }
})

describeLink('parentLink', async () => {
  // The other way around: this process plays the child on the channel of a child that echoes through a real pipe.
  const child = fork(new URL('mirror.ts', import.meta.url), {
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  await new Promise((resolve) => child.once('message', resolve))
  const received: unknown[] = []
  const channel = new EventEmitter()
  child.on('message', (message: { at: 'router' | 'agent'; message: unknown }) => {
    if (message.at === 'router') received.push(message.message)
    else channel.emit('message', message.message)
  })
  child.on('disconnect', () => channel.emit('disconnect'))
  const link = parentLink({
    get connected() {
      return child.connected
    },
    send: (message: unknown, done: (error: Error | null) => void) =>
      child.send({ to: 'router', message } as never, done),
    // As a child's own: what was sent stays readable at the other end, which then leaves.
    disconnect: () => child.send({ to: 'end' } as never),
    on: (event: 'message' | 'disconnect', listener: (...args: never[]) => void) => channel.on(event, listener as never),
  })
  return {
    link,
    push: (message) => child.send({ to: 'agent', message } as never),
    received: () => received,
    end: () => child.kill(),
  }
})

describe('parentLink()', () => {
  it('wants a channel', () => {
    const bare = { connected: false, disconnect() {}, on() {} }
    expect(() => parentLink(bare)).toThrow(TypeError)
  })
})

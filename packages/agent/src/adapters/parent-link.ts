import type { AgentMessage, RouterMessage } from '@mystranet/schemas/link'
import type { Link } from '../ports.ts'

/** The part of `process` that a child speaks to its parent by. */
export interface ParentChannel {
  readonly connected: boolean
  send?(message: unknown, callback: (error: Error | null) => void): boolean
  disconnect(): void
  on(event: 'message', listener: (message: unknown) => void): unknown
  on(event: 'disconnect', listener: () => void): unknown
}

/**
 * {@link Link} to the parent process, over Node's own channel. The parent must fork with `serialization: 'advanced'`:
 * only then do bytes arrive as bytes. What came before it is read is kept. The link ends with the parent.
 *
 * @throws TypeError in a process that was not forked.
 */
export function parentLink(channel: ParentChannel = process as unknown as ParentChannel): Link {
  if (channel.send === undefined)
    throw new TypeError('Cannot speak to the parent: this process was not forked with a channel')
  const inbox: RouterMessage[] = []
  let wake = Promise.withResolvers<void>()
  let ended = !channel.connected
  let handedOver: Promise<void> = Promise.resolve()
  channel.on('message', (message) => {
    inbox.push(message as RouterMessage)
    wake.resolve()
  })
  channel.on('disconnect', () => {
    ended = true
    wake.resolve()
  })
  async function* messages(): AsyncGenerator<RouterMessage, void, void> {
    for (;;) {
      const next = inbox.shift()
      if (next !== undefined) yield next
      else if (ended) return
      else {
        await wake.promise
        wake = Promise.withResolvers()
      }
    }
  }
  return {
    send(message: AgentMessage) {
      if (ended) return
      const sent = Promise.withResolvers<void>()
      handedOver = sent.promise
      // A failure means that the parent is gone: 'disconnect' tells.
      channel.send?.(message, () => sent.resolve())
    },
    messages: messages(),
    async close() {
      if (ended) return
      await handedOver
      ended = true
      if (channel.connected) channel.disconnect()
      wake.resolve()
    },
  }
}

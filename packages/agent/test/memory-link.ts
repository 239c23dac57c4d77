import type { AgentMessage, RouterMessage } from '@mystranet/schemas/link'
import type { Link } from '../src/ports.ts'

/** Both ends of a link in one process. */
export interface MemoryLink {
  readonly link: Link
  /** Everything that the agent sent, in order. */
  readonly sent: readonly AgentMessage[]
  /** Called for each message that the agent sends, in a later turn. */
  onMessage: (message: AgentMessage) => void
  push(message: RouterMessage): void
  /** The router is gone. */
  end(): void
}

export function memoryLink(): MemoryLink {
  const sent: AgentMessage[] = []
  const inbox: RouterMessage[] = []
  let wake = Promise.withResolvers<void>()
  let ended = false
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
  const end = () => {
    ended = true
    wake.resolve()
  }
  const self: MemoryLink = {
    sent,
    onMessage: () => {},
    push(message) {
      inbox.push(message)
      wake.resolve()
    },
    end,
    link: {
      send(message) {
        if (ended) return
        sent.push(message)
        setImmediate(() => self.onMessage(message))
      },
      messages: messages(),
      close: async () => end(),
    },
  }
  return self
}

/**
 * The agents that are connected to this process, whatever carries the messages.
 *
 * @module
 */

import type { AgentMessage } from '@mystranet/schemas/link'
import { equalBytes, toHex } from '@mystranet/sdk/bytes'
import type { AgentChannel, AgentLinks, AgentSender, AgentState } from './ports.ts'

interface Session {
  readonly channel: AgentChannel
  /** The last canary's time as the agent told it. */
  toldMs?: number | undefined
  state: AgentState | undefined
}

const MAX_SLOTS = 1_024

/** @param nowMs Milliseconds since 1970. */
export function createAgentLinks(nowMs: () => number): AgentLinks {
  const sessions = new Map<string, Session>()
  let heard: (from: AgentSender, message: AgentMessage) => void = () => undefined
  let changed: (instance: string) => void = () => undefined

  const take = (session: Session, message: AgentMessage) => {
    if (message.type === 'hello') {
      const { instance, slots, models } = message
      const expected = session.channel.instance
      if (instance.length !== 32 || (expected !== undefined && !equalBytes(expected, instance))) return
      const name = toHex(instance)
      session.state = {
        instance: name,
        slots: Math.min(MAX_SLOTS, Math.max(1, Math.floor(slots) || 1)),
        models: [...models],
        running: 0,
        queued: 0,
        canaryMs: undefined,
        draining: false,
        tokensPerSecond: 0,
        seenMs: nowMs(),
      }
      sessions.set(name, session)
    } else if (session.state !== undefined) {
      session.state = { ...session.state, seenMs: nowMs() }
      if (message.type === 'presence') {
        const { running, queued, canaryMs: toldMs, draining, tokensPerSecond } = message
        const canaryMs = toldMs === undefined || toldMs === session.toldMs ? session.state.canaryMs : nowMs()
        session.toldMs = toldMs
        session.state = { ...session.state, running, queued, canaryMs, draining, tokensPerSecond }
      }
    }
    const sender: AgentSender = {
      instance: session.state?.instance,
      mayEnrol: session.channel.mayEnrol === true,
      reply: (answer) => {
        try {
          session.channel.send(answer)
        } catch {
          // The connection is gone: its agent asks again when it is back.
        }
      },
    }
    heard(sender, message)
  }

  return {
    attach(channel) {
      const session: Session = { channel, state: undefined }
      return {
        receive: (message) => take(session, message),
        lost() {
          const name = session.state?.instance
          if (name === undefined || sessions.get(name) !== session) return
          sessions.delete(name)
          changed(name)
        },
      }
    },
    send(instance, message) {
      const session = sessions.get(instance)
      if (session === undefined) return false
      try {
        session.channel.send(message)
        return true
      } catch {
        return false
      }
    },
    agents: () => [...sessions.values()].flatMap(({ state }) => state ?? []),
    listen(onMessage, onChange) {
      heard = onMessage
      changed = onChange
    },
  }
}

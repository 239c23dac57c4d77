import { decode, encode, Receipt, SignedKeyEvent } from '@mystranet/schemas/messages'
import { createRouter } from '@mystranet/sdk/transport/router'
import type { AgentOptions } from './agent.ts'

/**
 * The `enrol` of an agent whose link a broker carries: nobody can enrol over that, so key events go to the router itself.
 *
 * @param router Base URL, without a path.
 * @param invite Token that lets this agent in; needed the first time only.
 */
export function enrolAt(router: string, invite?: string): NonNullable<AgentOptions['enrol']> {
  const client = createRouter({ router })
  return async (events) => {
    const receipts = await client.enrol(
      events.map((event) => decode(SignedKeyEvent, event)),
      invite,
    )
    return receipts.map((receipt) => encode(Receipt, receipt))
  }
}

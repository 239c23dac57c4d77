import { work } from './example-agent.js'

/** Ends when its process is told to. */
export async function run({ model, trust, nats, router, invite }) {
  await work(
    model,
    Uint8Array.from(atob(trust), (char) => char.charCodeAt(0)),
    { nats, router, invite },
  )
  return 'drained'
}

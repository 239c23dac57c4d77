/**
 * An agent on Deno in front of a model server with the OpenAI API (Ollama, llama-server, vLLM), for a router elsewhere.
 *
 *     deno run --allow-net … agent.ts --nats nats://broker:4222 --router http://router:8470 --trust house.trust \
 *       --invite TOKEN --server http://127.0.0.1:11434/v1 --model llama3.2
 */
import { mkdir, readFile } from 'node:fs/promises'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { enrolAt, sqliteAttempts, sqliteKeys, startAgent } from '@mystranet/agent'
import { natsLink } from '@mystranet/agent/nats'
import { openaiEngine } from '@mystranet/agent/openai'
import { parseTrustFile } from '@mystranet/sdk/proof/trust-file'

const { values } = parseArgs({
  options: {
    nats: { type: 'string' },
    router: { type: 'string' },
    trust: { type: 'string' },
    invite: { type: 'string' },
    server: { type: 'string', default: 'http://127.0.0.1:11434/v1' },
    model: { type: 'string' },
    tag: { type: 'string', default: 'misty.weave' },
  },
})
const { nats, router, trust, invite, server, model, tag } = values
if (nats === undefined || router === undefined || trust === undefined) {
  console.error(
    'Usage: agent.ts --nats URL --router URL --trust FILE [--invite TOKEN] [--server URL] [--model NAME] [--tag TAG]',
  )
  process.exit(2)
}

await mkdir('state', { recursive: true, mode: 0o700 })
const agent = await startAgent(
  {
    engine: await openaiEngine({ url: server, model, apiKey: process.env['OPENAI_API_KEY'] }),
    keys: sqliteKeys('state/keys.db'),
    attempts: sqliteAttempts('state/attempts.db'),
    trust: parseTrustFile(await readFile(trust)),
    tags: [tag],
    enrol: enrolAt(router, invite),
    log: (line) => console.error(line),
  },
  (instance) => natsLink({ url: nats, instance }),
)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void agent.drain())
await agent.ready
console.log('ready')
await agent.ended
process.exit(0)

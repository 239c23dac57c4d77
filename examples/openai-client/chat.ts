/**
 * OpenAI's client, unmodified: only its base URL and key differ. The proxy on this machine seals the question and shows the
 * answer as finished only when it is verified.
 *
 *     OPENAI_BASE_URL=http://127.0.0.1:8471/v1 OPENAI_API_KEY=$(cat …/proxy.token) node chat.ts "Name a colour."
 */
import OpenAI from 'openai'

const client = new OpenAI()
const stream = await client.chat.completions.create({
  model: process.env['WEAVE_TAG'] ?? 'misty.weave',
  messages: [{ role: 'user', content: process.argv[2] ?? 'Name a colour.' }],
  stream: true,
})
let finish: string | null | undefined
for await (const { choices } of stream) {
  process.stdout.write(choices[0]?.delta.content ?? '')
  finish = choices[0]?.finish_reason ?? finish
}
console.log(`\n[${finish}]`)

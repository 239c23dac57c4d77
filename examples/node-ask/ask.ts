/**
 * Asks a question, streams the answer and prints the verdict, check by check.
 *
 *     node --conditions=@mystranet/source ask.ts --trust local.trust --identity user.identity "Why is the sky blue?"
 *
 * Trust file and identity of a local `weave up` are in its state folder.
 */
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { createClient, openIdentity, parseTrustFile } from '@mystranet/sdk'
import { openIdentityFile } from '@mystranet/sdk/keys/identity-file'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    router: { type: 'string', default: 'http://127.0.0.1:8470' },
    to: { type: 'string', default: 'misty.weave' },
    trust: { type: 'string' },
    identity: { type: 'string' },
  },
})
const [question] = positionals
if (question === undefined || values.trust === undefined || values.identity === undefined) {
  console.error('Usage: ask.ts --trust FILE --identity FILE [--router URL] [--to TAG] "question"')
  process.exit(2)
}

const trust = parseTrustFile(await readFile(values.trust))
const identity = await openIdentity(await openIdentityFile(await readFile(values.identity)))
const client = createClient({ router: values.router, identity, trust })
await client.enrol()

const answer = client.ask({ to: values.to, messages: [{ role: 'user', content: question }] })
for await (const text of answer) process.stdout.write(text)
const { verdict } = await answer.verified
console.log(`\n\n${verdict.line}`)
for (const { name, result, reason } of verdict.checks) console.log(`  ${result.padEnd(8)}${name}  ${reason}`)

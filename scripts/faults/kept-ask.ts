/**
 * An ask that outlives whoever asks: its sealed request is on disk before it is sent. Who comes after sends the same packet
 * again, gets the same receipt, and reads the answer that was kept for it.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import { toHex } from '../../packages/sdk/src/bytes.ts'
import { createDrafts } from '../../packages/sdk/src/client/drafts.ts'
import { type Sent, savedAnswerOf } from '../../packages/sdk/src/client/save.ts'
import { createWorld } from '../../packages/sdk/src/client/world.ts'
import type { ClientOptions } from '../../packages/sdk/src/client.ts'
import type { SealedRequest } from '../../packages/sdk/src/packet/seal.ts'
import { encodeSavedAnswer } from '../../packages/sdk/src/proof/saved-answer.ts'
import { verify } from '../../packages/sdk/src/proof/verify.ts'
import type { Question } from '../../packages/sdk/src/question.ts'
import { createAnswerReader } from '../../packages/sdk/src/stream/answer.ts'
import { receive } from '../../packages/sdk/src/transport/receive.ts'
import { createRouter } from '../../packages/sdk/src/transport/router.ts'

/** What is kept of an ask: secrets of the answer too. */
interface Kept {
  readonly request: SealedRequest
  readonly using: Pick<Sent['using'], 'document' | 'receipt' | 'checkpoint'>
}

/** What was shown while it came, and what is proven of it. */
interface Carried {
  readonly shown: string
  readonly text: string
}

const read = (folder: string, number: number): Kept | undefined => {
  try {
    return deserialize(readFileSync(join(folder, String(number)))) as Kept
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** The packet that was sealed for an ask, if one was. */
export const keptPacket = (folder: string, number: number): string | undefined => {
  const kept = read(folder, number)
  return kept && toHex(kept.request.id)
}

/** @returns what carries ask `number` to its answer, from wherever the process before left it. */
export function keptAsks(folder: string, options: ClientOptions) {
  const { identity, trust, memory = {} } = options
  const now = Date.now
  const router = createRouter(options)
  const world = createWorld({ router, trust, memory, now })
  const drafts = createDrafts({ identity, trust, now })
  const audience = (trust.policy.logs[0] as (typeof trust.policy.logs)[number]).key.keyName
  const { signal } = new AbortController()
  const reading = {
    router,
    network: trust.network,
    audience,
    signer: identity.packet,
    now,
    random: Math.random,
    signal,
  }

  async function keep(number: number, question: Question): Promise<Kept> {
    const directory = await world.fresh()
    const { document, receipt, checkpoint } = directory
    const kept = { request: await drafts.seal(question, directory), using: { document, receipt, checkpoint } }
    await mkdir(folder, { recursive: true })
    const path = join(folder, String(number))
    await writeFile(`${path}.part`, serialize(kept))
    await rename(`${path}.part`, path)
    return kept
  }

  return async (number: number, question: Question): Promise<Carried> => {
    const { request, using } = read(folder, number) ?? (await keep(number, question))
    const receipt = await router.submit(request.bytes)
    const reader = createAnswerReader(request, trust)
    let shown = ''
    for await (const event of receive(reader, { ...reading, packetId: request.id })) {
      if (event.type === 'restart') shown = ''
      if (event.type === 'text') shown += event.text
    }
    const answer = reader.read()
    const own = answer.senderKeys ?? (await router.keys(identity.instance))
    const saved = savedAnswerOf({ request, receipt, using: using as Sent['using'] }, answer, own)
    const { text } = await verify(encodeSavedAnswer(saved), trust)
    return { shown, text }
  }
}

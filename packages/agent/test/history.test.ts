// Whoever shows an agent and its senders two histories of one log is found out: the agent compares the checkpoint that a
// sender put into its request with every root that its receipts prove.

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseReceipt } from '@mystranet/sdk/proof/receipt'
import { afterEach, describe, expect, it } from 'vitest'
import { evidenceFiles } from '../src/adapters/evidence-files.ts'
import type { ForkEvidence } from '../src/ports.ts'
import { memoryLog } from './memory-log.ts'
import { HELLO, startedAgent } from './started-agent.ts'

const folders: string[] = []
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true })
})

async function setup() {
  const evidence: ForkEvidence[] = []
  const keepEvidence = async (fork: ForkEvidence) => void evidence.push(fork)
  const started = await startedAgent(HELLO, { keepEvidence })
  const { router, clock } = started
  /** A log with the same keys and other leaves, and its checkpoint at a size. */
  const otherNote = async (size: number): Promise<Uint8Array> => {
    const other = await memoryLog(clock, 'log.agent.test')
    let note = new Uint8Array(0)
    for (let i = 0; i < size; i++) {
      const subject = new Uint8Array(32).fill(i + 1)
      const receipt = await other.append({ kind: 'request', subject, partition: subject, commitment: subject })
      note = parseReceipt(receipt).checkpoint.slice()
    }
    return note
  }
  const asked = async (knownCheckpoint: Uint8Array | undefined) => {
    const sealed = await router.ask('hi', {
      draft: {
        content: { knownCheckpoint, chat: { messages: [{ role: 'user', content: 'hi', toolCalls: [] }], tools: [] } },
      },
    })
    const lease = await router.deliver(sealed)
    return { sealed, lease }
  }
  const answer = async ({ sealed, lease }: Awaited<ReturnType<typeof asked>>) => {
    expect(await router.settled(lease)).toBe('finished')
    return (await router.read(sealed)).text
  }
  return { ...started, answer, evidence, otherNote, asked, size: () => router.log.leaves.length }
}

describe('a sender’s checkpoint', () => {
  it('that is of the log that the agent knows changes nothing', async () => {
    const { router, asked, answer, evidence, ran } = await setup()
    const first = await asked(undefined)
    expect(await answer(first)).toBe('Hello there.')
    const { id } = first.sealed
    const note = parseReceipt(await router.log.append({ kind: 'evidence', subject: id, partition: id }))
    const second = await asked(note.checkpoint)
    expect(await answer(second)).toBe('Hello there.')
    expect([evidence, ran()]).toEqual([[], 2])
  })

  it('with another root for a size that the agent knows is refused with CHECKPOINT_ROLLED_BACK, unrun, both kept', async () => {
    const { router, asked, evidence, otherNote, ran, size } = await setup()
    const shown = await otherNote(size() + 2)
    // Request and attempt are the next two leaves: the attempt's receipt proves the root of exactly this size.
    const refused = await asked(shown)
    expect(await router.refusal(refused.sealed)).toBe('CHECKPOINT_ROLLED_BACK')
    expect(ran()).toBe(0)
    expect(evidence).toHaveLength(1)
    expect(evidence[0]?.shown).toEqual(shown)
    expect(Buffer.from(evidence[0]?.known ?? []).toString()).toContain('log.agent.test')
  })

  it('is kept until a receipt proves the root of its size: the packet that came with that is refused', async () => {
    const { router, asked, answer, evidence, otherNote, size } = await setup()
    // Sizes to come: request, attempt, ACK, OPEN and CLOSE of the first packet, then request and attempt of the second.
    const known = await otherNote(size() + 6)
    const first = await asked(known)
    expect(await answer(first)).toBe('Hello there.')
    expect(evidence).toEqual([])
    const second = await asked(undefined)
    expect(await router.refusal(second.sealed)).toBe('CHECKPOINT_ROLLED_BACK')
    expect(evidence).toHaveLength(1)
    expect(evidence[0]?.known).toEqual(known)
  })

  it('of a log that the agent’s trust file does not know says nothing', async () => {
    const { asked, answer, evidence, clock } = await setup()
    const stranger = await memoryLog(clock, 'another.test')
    const subject = new Uint8Array(32).fill(1)
    const { checkpoint } = parseReceipt(await stranger.append({ kind: 'request', subject, partition: subject }))
    expect(await answer(await asked(checkpoint))).toBe('Hello there.')
    expect(await answer(await asked(new Uint8Array(40)))).toBe('Hello there.')
    expect(evidence).toEqual([])
  })
})

it('evidence of a fork is kept as files, each once and not without end', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'weave-evidence-'))
  folders.push(folder)
  const keep = evidenceFiles(join(folder, 'evidence'))
  const fork = (n: number) => ({ treeSize: 7n, known: Uint8Array.of(n), shown: Uint8Array.of(n, n) })
  for (let n = 0; n < 20; n++) await keep(fork(n))
  await keep(fork(0))
  const names = await readdir(join(folder, 'evidence'))
  expect(names).toHaveLength(16)
  expect(await readFile(join(folder, 'evidence', names[0] as string, 'shown.txt'))).toHaveLength(2)
})

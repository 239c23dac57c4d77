import { appendFile, mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeJournal } from '../../prompt/journal.contract.ts'
import { memoryJournal } from '../../prompt/journal.ts'
import { type JournalFile, openJournalFile } from './journal-file.ts'

let folder = ''
let count = 0
const opened: JournalFile[] = []
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'journal-'))
})
afterAll(async () => {
  for (const journal of opened) await journal.close()
  await rm(folder, { recursive: true })
})
const fresh = () => join(folder, `${++count}.jsonl`)

describeJournal('in memory', async () => {
  const lines: string[] = []
  return { journal: memoryJournal(lines), reopened: async () => memoryJournal(lines) }
})

describeJournal('in a file', async () => {
  const path = fresh()
  const journal = await openJournalFile(path)
  opened.push(journal)
  return {
    journal,
    async reopened() {
      const next = await openJournalFile(path)
      opened.push(next)
      return next
    },
  }
})

it('leaves out a torn last line, and writes over it', async () => {
  const path = fresh()
  const journal = await openJournalFile(path)
  await journal.append('whole')
  await journal.close()
  await appendFile(path, '{"torn": tru')
  const next = await openJournalFile(path)
  expect(await next.read()).toEqual(['whole'])
  await next.append('x')
  expect(await readFile(path, 'utf8')).toBe('whole\nx\n')
  await next.close()
})

it('leaves a file alone that is no journal, and takes one whose first line is torn', async () => {
  const [other, torn] = [fresh(), fresh()]
  await appendFile(other, 'a passphrase without a line break')
  await expect(openJournalFile(other)).rejects.toMatchObject({ message: expect.stringContaining('it is no journal') })
  expect(await readFile(other, 'utf8')).toBe('a passphrase without a line break')
  await appendFile(torn, '{"format":"we')
  const journal = await openJournalFile(torn)
  expect(await journal.read()).toEqual([])
  await journal.close()
})

it('is for its owner only', async () => {
  const path = fresh()
  await (await openJournalFile(path)).close()
  expect((await stat(path)).mode & 0o077).toBe(0)
})

it('says that it cannot be opened or written', async () => {
  await expect(openJournalFile(join(folder, 'none', 'x'))).rejects.toMatchObject({ code: 'STORE_FAILED' })
  const path = fresh()
  await mkdir(path)
  await expect(openJournalFile(path)).rejects.toMatchObject({ code: 'STORE_FAILED' })
  const journal = await openJournalFile(fresh())
  await journal.close()
  await expect(journal.append('x')).rejects.toMatchObject({ code: 'STORE_FAILED' })
})

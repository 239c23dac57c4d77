import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type StateFolder, stateFolder } from '../state.ts'
import { openAgentBook } from './agent-book.ts'

const hashOf = (token: string) => createHash('sha256').update(token).digest('hex')
const instance = 'ab'.repeat(32)
let state: StateFolder
beforeEach(async () => {
  state = stateFolder(await mkdtemp(join(tmpdir(), 'book-')))
  await mkdir(dirname(state.agentBook))
})
afterEach(() => rm(state.root, { recursive: true }))

test('only an agent’s invitation brings its user into the book, once, and it stays there', async () => {
  const book = await openAgentBook(state)
  await book.expect('an agent’s token')
  expect(await book.admit(hashOf('a user’s token'), instance)).toBe(false)
  expect(book.agents()).toEqual([])
  const both = [book.admit(hashOf('an agent’s token'), instance), book.admit(hashOf('an agent’s token'), instance)]
  expect(await Promise.all(both)).toEqual([true, true])
  expect(book.agents()).toEqual([new Uint8Array(32).fill(0xab)])
  expect((await openAgentBook(state)).agents()).toEqual(book.agents())
})

test.each(['', '{}', '[]', '{"invites":["x"],"agents":[]}'])('a book that is none is refused: %s', async (text) => {
  await writeFile(state.agentBook, text)
  await expect(openAgentBook(state)).rejects.toMatchObject({ code: 'STORE_FAILED' })
})

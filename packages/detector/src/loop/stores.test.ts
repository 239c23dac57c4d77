// Both keepers of findings and feedback, under their contracts.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, describe, expect, it } from 'vitest'
import { type LoopFile, openLoopFile, sqliteFeedback, sqliteOutbox } from '../adapters/node/sqlite-loop.ts'
import { DetectorError } from '../errors.ts'
import { feedbackContract } from './feedback-store.contract.ts'
import { memoryFeedback } from './memory-feedback.ts'
import { memoryOutbox } from './memory-outbox.ts'
import { outboxContract } from './outbox.contract.ts'

type When = 'before' | 'after' | undefined

const LIMITS = { waiting: 3, bytes: 100, kept: 4 }
const failed = () => new DetectorError('STORE_FAILED', 'Cannot write: the disk is gone')

/** Runs writes, of which the next one may fail before it happens or after. */
function breakable() {
  let next: When
  return {
    breakNext(when: 'before' | 'after') {
      next = when
    },
    async write<T>(run: () => Promise<T>): Promise<T> {
      const when = next
      next = undefined
      if (when === 'before') throw failed()
      const result = await run()
      if (when === 'after') throw failed()
      return result
    },
  }
}

/** A port whose writes go through `write`. */
function breaking<T extends object>(
  port: T,
  reads: readonly string[],
  write: (run: () => Promise<unknown>) => unknown,
): T {
  return new Proxy(port, {
    get(target, name) {
      const method = Reflect.get(target, name) as (...args: unknown[]) => Promise<unknown>
      return reads.includes(String(name)) ? method : (...args: unknown[]) => write(() => method(...args))
    },
  })
}

describe('in memory', () => {
  outboxContract(async () => {
    const { breakNext, write } = breakable()
    return { breakNext, outbox: breaking(memoryOutbox(LIMITS), ['find', 'hasSource', 'list', 'due', 'counts'], write) }
  })
  feedbackContract(() => {
    const { breakNext, write } = breakable()
    return { breakNext, store: breaking(memoryFeedback(), ['votes', 'scores'], write) }
  })
})

describe('sqlite', () => {
  const folder = mkdtempSync(join(tmpdir(), 'loop-'))
  const files: LoopFile[] = []
  let names = 0
  const openFile = (path = join(folder, `${++names}.sqlite`)) => {
    const file = openLoopFile(path)
    files.push(file)
    const { breakNext, write } = breakable()
    const broken: LoopFile = { ...file, write: (operation) => write(() => file.write(operation)) }
    return { file: broken, breakNext, path }
  }
  afterAll(() => {
    for (const file of files) file.close()
    rmSync(folder, { recursive: true })
  })
  outboxContract(async () => {
    const { file, breakNext, path } = openFile()
    return { breakNext, outbox: sqliteOutbox(file, LIMITS), another: () => sqliteOutbox(openFile(path).file, LIMITS) }
  })
  feedbackContract(() => {
    const { file, breakNext } = openFile()
    return { breakNext, store: sqliteFeedback(file) }
  })

  it('keeps nobody waiting for a file that another program has locked', async () => {
    const { file, path } = openFile()
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    const begunMs = performance.now()
    await expect(sqliteOutbox(file, LIMITS).publish('a')).rejects.toMatchObject({ code: 'STORE_FAILED' })
    expect(performance.now() - begunMs).toBeLessThan(3_000)
    other.close()
  })

  it('undoes a write that failed in its middle', async () => {
    const { file } = openFile()
    const half = file.write((db) => {
      db.exec('INSERT INTO shed VALUES (1, 1)')
      throw new Error('the power is gone')
    })
    await expect(half).rejects.toMatchObject({ code: 'STORE_FAILED', cause: new Error('the power is gone') })
    expect((await sqliteOutbox(file, LIMITS).counts()).shed).toEqual([])
  })
})

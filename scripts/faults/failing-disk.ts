/**
 * A disk that refuses, for tests: under SQLite in this process, and under every file of it.
 *
 * @module
 */
import { spawnSync } from 'node:child_process'
import { DatabaseSync, type SQLInputValue, StatementSync } from 'node:sqlite'

/** What SQLite says of what the system said. */
const SAID = {
  EIO: { errcode: 1_034, errstr: 'disk I/O error' },
  ENOSPC: { errcode: 13, errstr: 'database or disk is full' },
  'short write': { errcode: 778, errstr: 'disk I/O error' },
} as const

export type DiskFault = keyof typeof SAID

export const DISK_FAULTS = Object.keys(SAID) as DiskFault[]
/** `failed but persisted`: the commit is on the disk, and whoever asked for it hears otherwise. */
export const DISK_OUTCOMES = ['failed', 'failed but persisted'] as const
export type DiskOutcome = (typeof DISK_OUTCOMES)[number]

export interface Armed {
  /** Whether a commit met it. */
  readonly hasStruck: boolean
  disarm(): void
}

const CHANGES = /^\s*(INSERT|UPDATE|DELETE|REPLACE)/i

/** The next commit in this process fails: a COMMIT, or a statement by itself that changes something. */
export function failNextCommit(fault: DiskFault, outcome: DiskOutcome): Armed {
  const { exec } = DatabaseSync.prototype
  const { run, all } = StatementSync.prototype
  let hasStruck = false
  let isInTransaction = false
  const strike = <T>(commit: () => T, undo: () => void = () => undefined): T => {
    if (hasStruck) return commit()
    hasStruck = true
    if (outcome === 'failed') undo()
    else commit()
    throw Object.assign(new Error(SAID[fault].errstr), { code: 'ERR_SQLITE_ERROR', ...SAID[fault] })
  }
  DatabaseSync.prototype.exec = function (sql) {
    if (sql.startsWith('BEGIN')) isInTransaction = true
    if (sql !== 'COMMIT' && sql !== 'ROLLBACK') return exec.call(this, sql)
    isInTransaction = false
    if (sql === 'ROLLBACK') return exec.call(this, sql)
    return strike(
      () => exec.call(this, sql),
      () => exec.call(this, 'ROLLBACK'),
    )
  }
  const alone = (statement: StatementSync) => !isInTransaction && CHANGES.test(statement.sourceSQL)
  Object.assign(StatementSync.prototype, {
    run(this: StatementSync, ...values: SQLInputValue[]) {
      return alone(this)
        ? strike(() => run.apply(this, values as Parameters<typeof run>))
        : run.apply(this, values as Parameters<typeof run>)
    },
    all(this: StatementSync, ...values: SQLInputValue[]) {
      return alone(this)
        ? strike(() => all.apply(this, values as Parameters<typeof all>))
        : all.apply(this, values as Parameters<typeof all>)
    },
  })
  return {
    get hasStruck() {
      return hasStruck
    },
    disarm() {
      DatabaseSync.prototype.exec = exec
      StatementSync.prototype.run = run
      StatementSync.prototype.all = all
    },
  }
}

/** Files of this process may grow to so many bytes while `work` lasts: what goes beyond is written in part, then refused. */
export async function withRoomFor<T>(bytes: number, work: () => Promise<T>): Promise<T> {
  setFileLimit(String(bytes))
  try {
    return await work()
  } finally {
    setFileLimit('unlimited')
  }
}

function setFileLimit(soft: string): void {
  const { status, error } = spawnSync('prlimit', ['--pid', String(process.pid), `--fsize=${soft}:`])
  if (status !== 0)
    throw new Error(`Cannot limit files: prlimit of util-linux ${error?.message ?? `ended with ${status}`}`)
}

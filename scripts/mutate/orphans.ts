// Processes that a test left behind because its guard was gone: found while they still have their parents, ended when they
// have lost them. Where there is no /proc, none is found.
import { readdirSync, readFileSync } from 'node:fs'

const EVERY_MS = 250

/** @returns Ends what is left now, and watches no more. */
export function endOrphans(): () => void {
  /** Below this process when they were seen: pid → when it was started, which tells it from a later one of its number. */
  const seen = new Map<number, string>()
  const look = (): void => {
    const all = processes()
    const isBelow = (pid: number): boolean => {
      const parent = all.get(pid)?.parent
      return parent !== undefined && (parent === process.pid || isBelow(parent))
    }
    for (const [pid, { started }] of all) {
      if (isBelow(pid)) seen.set(pid, started)
      else if (seen.get(pid) === started) end(pid)
    }
    for (const [pid, started] of seen) if (all.get(pid)?.started !== started) seen.delete(pid)
  }
  const timer = setInterval(look, EVERY_MS)
  return () => {
    clearInterval(timer)
    look()
    for (const pid of seen.keys()) end(pid)
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It is gone.
  }
}

function processes(): ReadonlyMap<number, { readonly parent: number; readonly started: string }> {
  const all = new Map<number, { parent: number; started: string }>()
  let names: readonly string[]
  try {
    names = readdirSync('/proc')
  } catch {
    return all
  }
  for (const name of names) {
    if (!/^\d+$/.test(name)) continue
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      all.set(Number(name), { parent: Number(fields[1]), started: fields[19] ?? '' })
    } catch {
      // It is gone.
    }
  }
  return all
}

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { endOrphans } from './orphans.ts'

const isAlive = (pid: number) => existsSync(`/proc/${pid}`)

it.runIf(existsSync('/proc/self'))('a process whose parent ended is ended, and no other', async () => {
  const endNow = endOrphans()
  const program = `
    const child = require('node:child_process').spawn('sleep', ['60'], { detached: true, stdio: 'ignore' })
    child.unref()
    console.log(child.pid)
    process.stdin.once('data', () => process.exit())`
  const parent = spawn(process.execPath, ['-e', program], { stdio: ['pipe', 'pipe', 'inherit'] })
  const orphan = Number(await new Promise((resolve) => parent.stdout.once('data', resolve)))
  await setTimeout(600)
  expect(isAlive(orphan)).toBe(true)
  parent.stdin.write('end')
  await expect.poll(() => isAlive(orphan), { timeout: 5_000 }).toBe(false)
  expect(isAlive(process.pid)).toBe(true)
  endNow()
})

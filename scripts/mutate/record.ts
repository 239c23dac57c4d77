// Set-up of every test file under `pnpm mutate`: answers the switches of the instrumented sources, and writes on each test
// which guards were about to refuse something in it.
import { beforeEach, inject } from 'vitest'

declare module 'vitest' {
  interface ProvidedContext {
    /** Id of the guard that is removed in this run; empty for the first run, which only records. */
    removedGuard: string
  }
  interface TaskMeta {
    /** Ids of the guards that refused something while the test ran. */
    guards?: string[]
  }
}

const removed = inject('removedGuard')
const ofFile = new Set<string>()
let ofTest: Set<string> | undefined
let meta: { guards?: string[] } | undefined

Object.assign(globalThis, {
  __guardStands(id: string): boolean {
    const set = ofTest ?? ofFile
    if (!set.has(id)) {
      set.add(id)
      if (meta !== undefined) meta.guards = [...ofFile, ...set]
    }
    return id !== removed
  },
})

beforeEach(({ task }) => {
  ofTest = new Set()
  meta = task.meta
  meta.guards = [...ofFile]
})

/** @module Who waits for which answer, in this process. */

export interface Watchers {
  watch(name: string, changed: () => void): () => void
  tell(name: string): void
}

export function createWatchers(): Watchers {
  const watching = new Map<string, Set<() => void>>()
  return {
    watch(name, changed) {
      const set = watching.get(name) ?? new Set()
      watching.set(name, set)
      set.add(changed)
      return () => {
        set.delete(changed)
        if (set.size === 0 && watching.get(name) === set) watching.delete(name)
      }
    },
    tell(name) {
      for (const changed of [...(watching.get(name) ?? [])]) changed()
    },
  }
}

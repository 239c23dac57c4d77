/** @module Key chains, routing tables, model statements, invitations and dead letters in memory. */
import type {
  DeadLetter,
  DeadLetters,
  Invites,
  KeyDirectory,
  StatementStore,
  StoredChain,
  StoredTable,
  TableStore,
} from '../../ports.ts'

export function memoryKeyDirectory(): KeyDirectory {
  const chains = new Map<string, StoredChain>()
  return {
    find: async (instance) => chains.get(instance),
    async replace(instance, revision, chain) {
      if ((chains.get(instance)?.revision ?? 0) !== revision) return 'conflict'
      const stored = { chain, revision: revision + 1 }
      chains.set(instance, stored)
      return stored
    },
  }
}

export function memoryTableStore(): TableStore {
  const tables: StoredTable[] = []
  return {
    newest: async () => tables.slice(0, 2),
    async push(table) {
      if (table.version !== (tables[0]?.version ?? 0n) + 1n) return 'conflict'
      tables.unshift(table)
      return 'stored'
    },
  }
}

export function memoryStatementStore(): StatementStore {
  const agents = new Map<string, Map<string, Uint8Array>>()
  return {
    async put(agent, digest, receipt) {
      const statements = agents.get(agent) ?? new Map<string, Uint8Array>()
      agents.set(agent, statements)
      statements.delete(digest)
      statements.set(digest, receipt)
    },
    newest: async (agent) => [...(agents.get(agent)?.values() ?? [])].reverse().slice(0, 8),
  }
}

export function memoryInvites(): Invites {
  const invites = new Map<string, { readonly untilMs: number; instance: string | undefined }>()
  return {
    async add(tokenHash, untilMs) {
      if (!invites.has(tokenHash)) invites.set(tokenHash, { untilMs, instance: undefined })
    },
    async use(tokenHash, instance, nowMs) {
      const invite = invites.get(tokenHash)
      if (invite === undefined || invite.untilMs <= nowMs) return false
      invite.instance ??= instance
      return invite.instance === instance
    },
  }
}

export function memoryDeadLetters(): DeadLetters {
  const letters = new Map<string, DeadLetter>()
  return {
    async put(letter) {
      letters.set(letter.packet, letter)
    },
    list: async (limit) =>
      [...letters.values()].sort((a, b) => b.atMs - a.atMs || (a.packet < b.packet ? -1 : 1)).slice(0, limit),
    show: async (packet) => letters.get(packet),
    drop: async (packet) => letters.delete(packet),
    count: async () => letters.size,
  }
}

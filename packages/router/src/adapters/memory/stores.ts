/** @module All stores of dispatch in memory. */
import type { DispatchStores } from '../sqlite/stores.ts'
import { memoryAnswerStore } from './answer-store.ts'
import {
  memoryDeadLetters,
  memoryInvites,
  memoryKeyDirectory,
  memoryStatementStore,
  memoryTableStore,
} from './directories.ts'
import { memoryPacketQueue } from './packet-queue.ts'
import { memoryPacketStore } from './packet-store.ts'
import { memoryReplayStore } from './replay-store.ts'

export const memoryStores = ({ queueLimit }: { readonly queueLimit: number }): DispatchStores => ({
  packets: memoryPacketStore(),
  queue: memoryPacketQueue({ limit: queueLimit }),
  replay: memoryReplayStore(),
  keys: memoryKeyDirectory(),
  tables: memoryTableStore(),
  statements: memoryStatementStore(),
  answers: memoryAnswerStore(),
  dead: memoryDeadLetters(),
  invites: memoryInvites(),
})

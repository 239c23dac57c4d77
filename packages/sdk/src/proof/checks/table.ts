/**
 * The table of checks: docs/protocol.md §13, row by row.
 *
 * @module
 */
import type { Check } from './check.ts'
import { contentChecks } from './content.ts'
import { keyChecks } from './keys.ts'
import { checkpointChecks, freshnessChecks, inclusionChecks } from './log.ts'
import { modelChecks } from './model.ts'
import { packetChecks } from './packet.ts'
import { routeChecks } from './route.ts'

export const CHECKS: readonly Check[] = [
  ...packetChecks,
  ...keyChecks,
  ...inclusionChecks,
  ...checkpointChecks,
  ...freshnessChecks,
  ...routeChecks,
  ...contentChecks,
  ...modelChecks,
]

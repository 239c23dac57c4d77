/**
 * The router: admits, logs, routes and queues packets. `openRouter` is the composition root on Node.
 *
 * @module
 */
export { createApp } from './app.ts'
export { ConfigError, NUMBER_SETTINGS, type RouterConfig, readConfig } from './config.ts'
export { openRouter, type RouterKeys, type StartedRouter, type StartOptions, startRouter } from './entry/node.ts'
export { openStoredLog, type StoredLog } from './entry/stored-log.ts'
export { RouterError } from './errors.ts'
export { type FsckReport, verifyLog } from './log/fsck.ts'
export { createNexus, type Nexus } from './nexus.ts'
export type { AgentChannel, AgentLinks, AgentState, AttachedAgent, DeadLetter } from './ports.ts'
export { type WiredLoop, wireLoop } from './topic/loop.ts'
export { signMessage } from './topic/sign.ts'

/**
 * The verbs, each loaded when it is called: `weave --help` starts no engine.
 *
 * @module
 */
import type { Command } from './command.ts'

interface Verb {
  readonly summary: string
  load(): Promise<Command>
}

export const VERBS = {
  up: {
    summary: 'Run router, log, witness, page, proxy and one model on this machine',
    load: async () => (await import('./verb/up.ts')).up,
  },
  agent: {
    summary: 'Run one model here for a router somewhere else, over a broker',
    load: async () => (await import('./verb/agent.ts')).agent,
  },
  demo: {
    summary: 'Fetch a small real model, ask it, and show the verdict, check by check',
    load: async () => (await import('./verb/demo.ts')).demo,
  },
  ask: {
    summary: 'Ask a model, stream its answer, and print the verdict',
    load: async () => (await import('./verb/ask.ts')).ask,
  },
  verify: {
    summary: 'Check a saved answer or a receipt, offline',
    load: async () => (await import('./verb/verify.ts')).verifyFile,
  },
  trust: {
    summary: 'Show trust files, and take new ones in',
    load: async () => (await import('./verb/trust.ts')).trust,
  },
  proxy: {
    summary: 'Serve the OpenAI API on this machine, verified end to end',
    load: async () => (await import('./verb/proxy.ts')).proxy,
  },
  keys: { summary: 'Make, show, rotate and revoke keys', load: async () => (await import('./verb/keys.ts')).keys },
  invite: {
    summary: 'Let one more instance in',
    load: async () => (await import('./verb/invite.ts')).invite,
  },
  model: { summary: 'Pull, list and show model files', load: async () => (await import('./verb/model.ts')).model },
  scan: {
    summary: 'Look for what is wrong with a model file, here or on a web server',
    load: async () => (await import('./verb/scan.ts')).scan,
  },
  eval: {
    summary: 'Try a model with a battery of prompts, in a sandbox, and sign the result',
    load: async () => (await import('./verb/eval.ts')).evaluate,
  },
  collect: {
    summary: 'Receive flow exports (NetFlow, IPFIX, sFlow) over UDP, and print them',
    load: async () => (await import('./verb/collect.ts')).collect,
  },
  log: {
    summary: 'Audit the log here: invariants, and what is unusual',
    load: async () => (await import('./verb/log.ts')).log,
  },
  status: {
    summary: 'Show what runs here and whether it is ready',
    load: async () => (await import('./verb/status.ts')).status,
  },
  findings: {
    summary: 'List and show what the detector found, and say whether it was right',
    load: async () => (await import('./verb/findings.ts')).findings,
  },
  detector: {
    summary: 'Show the models and thresholds of the detector, or hand it a new model',
    load: async () => (await import('./verb/detector.ts')).detector,
  },
  dead: {
    summary: 'List, show, replay and drop dead letters',
    load: async () => (await import('./verb/dead.ts')).dead,
  },
} as const satisfies Record<string, Verb>

export type VerbName = keyof typeof VERBS

#!/usr/bin/env node
/**
 * The engine of `weave eval` as a program: loads one model, answers one request after the other, and ends with its standard input.
 *
 * `engine-child.js MODEL CONTEXT_TOKENS`; requests come on standard input, words go out on descriptor 3 (`wire.ts`).
 *
 * @module
 */
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { llamaEngine } from '@mystranet/agent/llama'
import type { EngineOrder, EngineWord } from './wire.ts'

// The program begins when it is run; whoever imports it gets what its two ends say.
export type { EngineOrder, EngineWord } from './wire.ts'

const WORDS_FD = 3
const CODE_UNKNOWN = 'ENGINE_FAILED'

const say = (word: EngineWord) => {
  const bytes = new TextEncoder().encode(`${JSON.stringify(word)}\n`)
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(WORDS_FD, bytes, at)
    } catch (error) {
      // A full pipe of the parent; it reads on.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }
}

function sayError(error: unknown): void {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown }
  const text = (value: unknown, fallback: string) => (typeof value === 'string' ? value.slice(0, 2_000) : fallback)
  say({ type: 'error', code: text(code, CODE_UNKNOWN), message: text(message, String(error).slice(0, 2_000)) })
}

const cpuSeconds = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

async function main(modelPath: string, contextTokens: number): Promise<void> {
  const hex = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString('hex')
  const { description, generate } = await llamaEngine({
    modelPath,
    contextTokens,
    gpu: false,
    slots: 1,
  })
  const { engine, runtime, model, threads, fileDigest, chatTemplateDigest, runtimeDigest } = description
  const digests = {
    fileDigest: hex(fileDigest),
    chatTemplateDigest: hex(chatTemplateDigest),
    runtimeDigest: hex(runtimeDigest),
  }
  // Stringified: what is not known has no field.
  say({ type: 'ready', facts: JSON.parse(JSON.stringify({ engine, runtime, model, threads, ...digests })) })
  const never = new AbortController().signal
  for await (const line of createInterface({ input: process.stdin })) {
    const { request } = JSON.parse(line) as EngineOrder
    try {
      for await (const event of generate(request, never)) {
        say(event.type === 'text' ? event : { type: 'finish', reason: event.reason, cpuSeconds: cpuSeconds() })
      }
    } catch (error) {
      sayError(error)
    }
  }
}

if (import.meta.main) {
  // Whoever started it is gone, whatever it does.
  process.stdin.once('end', () => process.exit(0))
  const [modelPath = '', contextTokens = ''] = process.argv.slice(2)
  main(modelPath, Number(contextTokens)).catch((error: unknown) => {
    sayError(error)
    process.exit(1)
  })
}

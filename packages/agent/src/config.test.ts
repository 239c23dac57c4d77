import { describe, expect, it } from 'vitest'
import { ConfigError, readConfig, SETTINGS } from './config.ts'

const GOOD = { WEAVE_AGENT_STATE: '/s', WEAVE_AGENT_TRUST: '/t', WEAVE_AGENT_MODEL: '/m.gguf' }

describe('readConfig()', () => {
  it('has defaults for all but three', () => {
    expect(readConfig({ ...GOOD, PATH: '/bin', WEAVE_AGENT_THREADS: '' })).toMatchObject({
      engine: 'llama',
      gpu: 'auto',
      suites: [1, 2],
      tags: [],
      threads: undefined,
    })
  })

  it('reads every setting', () => {
    const config = readConfig({
      ...GOOD,
      WEAVE_AGENT_MODEL_DIGEST: 'ab'.repeat(32),
      WEAVE_AGENT_GPU: 'off',
      WEAVE_AGENT_SUITES: '1,2',
      WEAVE_AGENT_TAGS: 'a,b',
      WEAVE_AGENT_SLOTS: '3',
    })
    expect(config).toMatchObject({
      modelDigest: new Uint8Array(32).fill(0xab),
      gpu: false,
      suites: [1, 2],
      tags: ['a', 'b'],
      slots: 3,
    })
    expect(Object.isFrozen(config)).toBe(true)
  })

  it('lists all faults at once, and repeats no secret', () => {
    const read = () =>
      readConfig({
        WEAVE_AGENT_ENGINE: 'magic',
        WEAVE_AGENT_SLOTS: '0',
        WEAVE_AGENT_THREADS: '1.5',
        WEAVE_AGENT_SUITES: '3',
        WEAVE_AGENT_URL: 'file:///x',
        WEAVE_AGENT_MODEL_DIGEST: 'XY',
        WEAVE_AGENT_GPU: 'on',
        WEAVE_AGENT_API_KEY: 'hush',
        WEAVE_AGENT_SLOT: '1',
      })
    expect(read).toThrow(ConfigError)
    try {
      read()
    } catch (error) {
      const { faults } = error as ConfigError
      for (const name of [
        'STATE',
        'TRUST',
        'ENGINE',
        'SLOTS',
        'THREADS',
        'SUITES',
        'URL',
        'MODEL_DIGEST',
        'GPU',
        'SLOT',
      ]) {
        expect(faults.some((fault) => fault.startsWith(`WEAVE_AGENT_${name} is `))).toBe(true)
      }
      expect(faults).toHaveLength(10)
      expect(String(error)).not.toContain('hush')
    }
  })

  it.each([
    ['llama', 'MODEL'],
    ['openai', 'URL'],
    ['scripted', 'SCRIPT'],
  ])('wants what %s needs', (engine, name) => {
    const read = () => readConfig({ WEAVE_AGENT_STATE: '/s', WEAVE_AGENT_TRUST: '/t', WEAVE_AGENT_ENGINE: engine })
    expect(read).toThrow(new RegExp(`WEAVE_AGENT_${name} is absent`))
  })

  it('documents every setting', () => {
    for (const { env, about } of Object.values(SETTINGS)) {
      expect(env).toMatch(/^WEAVE_AGENT_[A-Z_]+$/)
      expect(about.length).toBeGreaterThan(10)
    }
  })
})

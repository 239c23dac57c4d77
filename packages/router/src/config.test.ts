import { describe, expect, it } from 'vitest'
import { NUMBER_SETTINGS, readConfig } from './config.ts'

describe('readConfig()', () => {
  it('has a default for everything, and is frozen', () => {
    const config = readConfig()
    expect(config.host).toBe('127.0.0.1')
    for (const [name, { fallback, least, most }] of Object.entries(NUMBER_SETTINGS)) {
      expect(config[name as keyof typeof NUMBER_SETTINGS]).toBe(fallback)
      expect(fallback >= least && fallback <= most).toBe(true)
    }
    expect(Object.isFrozen(config)).toBe(true)
  })

  it('lets options win over the environment', () => {
    expect(readConfig({ WEAVE_PORT: '1' }).port).toBe(1)
    expect(readConfig({ WEAVE_PORT: '1' }, { port: 2 }).port).toBe(2)
  })

  it('lists all faults at once', () => {
    const env = {
      WEAVE_PORT: '70000',
      WEAVE_LEASE_MS: '1.5',
      WEAVE_LOG_LEVEL: 'loud',
      WEAVE_CORS_ORIGINS: 'https://a.example/x',
    }
    const names = Object.keys(env)
    expect(() => readConfig(env, { queueLimit: -1 })).toThrow(
      expect.objectContaining({
        faults: expect.arrayContaining([
          ...names.map((name) => expect.stringContaining(name)),
          expect.stringContaining('queueLimit'),
        ]),
      }),
    )
  })
})

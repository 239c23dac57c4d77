import { CODES, type Code } from '@mystranet/schemas/codes'
import { PacketError } from '@mystranet/sdk/errors'
import { describe, expect, it } from 'vitest'
import { RouterError, refusalOf } from './errors.ts'

describe('RouterError', () => {
  it('becomes a problem document with its code, fate and remedy, and never its cause', async () => {
    for (const code of Object.keys(CODES) as Code[]) {
      const { status, fate, remedy } = CODES[code]
      const response = new RouterError(code, 'why', { packet: 'ab', cause: new Error('hunter2') }).toResponse()
      expect(response.status).toBe(status)
      expect(response.headers.get('content-type')).toBe('application/problem+json')
      expect(response.headers.has('retry-after')).toBe(status === 429 || status === 503)
      const text = await response.text()
      expect(JSON.parse(text)).toMatchObject({ status, code, fate, remedy, detail: 'why', packet: 'ab' })
      expect(text).not.toContain('hunter2')
    }
  })

  it('rounds the wait up to seconds', () => {
    expect(new RouterError('LOG_BUSY', '', { retryAfterMs: 1_001 }).toResponse().headers.get('retry-after')).toBe('2')
  })
})

describe('refusalOf()', () => {
  it('takes the SDK’s errors over and nothing else', () => {
    expect(refusalOf(new PacketError('LOG_BUSY', 'busy', { retryAfterMs: 5 }), 'ab')).toMatchObject({
      code: 'LOG_BUSY',
      packet: 'ab',
      retryAfterMs: 5,
    })
    expect(refusalOf(new RouterError('NO_ROUTE', 'x'), 'ab')).toMatchObject({ code: 'NO_ROUTE', packet: 'ab' })
    expect(refusalOf(new TypeError('x'))).toBeUndefined()
  })
})

import { isIPv6 } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addressOf, readAddress } from './address.ts'

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['2001:db8::1', '2001:db8:0:0:0:0:0:1'],
  ['::', '0:0:0:0:0:0:0:0'],
  ['2001:0DB8::', '2001:db8:0:0:0:0:0:0'],
  ['::ffff:192.0.2.1', '0:0:0:0:0:ffff:c000:201'],
])('reads %s as %s', (text, wanted) => expect(readAddress(text)).toBe(wanted))

test.each(['', '192.0.2', '192.0.2.256', 'host', '2001:db8', 'fe80::1%eth0', '[::1]'])(
  'reads no address in %j',
  (text) => expect(readAddress(text)).toBeUndefined(),
)

test('reads what it spells', () => {
  const bytes = fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }))
  fc.assert(
    fc.property(bytes, (each) => readAddress(addressOf(each)) === addressOf(each)),
    { seed: 1 },
  )
  fc.assert(
    fc.property(fc.ipV6(), (text) => !isIPv6(text) || readAddress(text)?.split(':').length === 8),
    { seed: 1 },
  )
})

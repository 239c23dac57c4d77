import { expect, test } from 'vitest'
import { verifierCore } from '../../packages/console/build.ts'
import { firstLoad, gzipped } from '../../packages/console/bundle.ts'

test('the verifier alone is at most 20 kB gzipped', async () => {
  expect(gzipped(await verifierCore())).toBeLessThanOrEqual(20_000)
}, 60_000)

test('the first load of the SDK is at most 40 kB gzipped', async () => {
  expect(await firstLoad(`export * from '@mystranet/sdk'`)).toBeLessThanOrEqual(40_000)
}, 60_000)

// The router as `weave up` runs it, under a real attack of slow heads on loopback.
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { HttpVerdict } from '@mystranet/detector/l7'
import { expect, it, onTestFinished } from 'vitest'
import { openRouter } from '../src/entry/node.ts'
import { logSigner, nexusSigner, trust, witnessSigner } from './router-world.ts'

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

it('shows its metrics when those of what runs beside it cannot be had', async () => {
  const stateDir = await mkdtemp(join(tmpdir(), 'router-'))
  const keys = { log: logSigner, witness: witnessSigner, nexus: nexusSigner }
  const router = await openRouter({ stateDir, trust, keys, config: { logLevel: 'silent' }, env: {} })
  onTestFinished(async () => {
    await router.close()
    await rm(stateDir, { recursive: true })
  })
  router.addGauges(async () => {
    throw new Error('the disk is full')
  })
  router.addGauges(async () => [{ name: 'weave_beside', help: 'x', value: 3 }])
  const metrics = await (await router.app.request('/metrics')).text()
  expect(metrics).toMatch(/^weave_l7_windows_dropped 0$/m)
  expect(metrics).toMatch(/^weave_beside 3$/m)
})

it('finds slow heads within 10 seconds, tells of them, counts them, and serves others meanwhile', async () => {
  const stateDir = await mkdtemp(join(tmpdir(), 'router-'))
  const verdicts: HttpVerdict[] = []
  const router = await openRouter({
    stateDir,
    trust,
    keys: { log: logSigner, witness: witnessSigner, nexus: nexusSigner },
    config: { port: 0, logLevel: 'silent' },
    env: {},
    onRequestVerdict: (verdict) => verdicts.push(verdict),
  })
  const url = new URL(await router.listen())
  const begunMs = performance.now()
  const sockets = Array.from({ length: 60 }, () => {
    const socket = connect({ port: Number(url.port), host: '127.0.0.1', localAddress: '127.0.0.7' })
    socket.on('error', () => undefined)
    socket.write('POST /v1/packets HTTP/1.1\r\nhost: a\r\n')
    return socket
  })
  const drip = setInterval(() => {
    for (const socket of sockets) socket.write('x-a: b\r\n')
  }, 500)
  onTestFinished(async () => {
    clearInterval(drip)
    for (const socket of sockets) socket.destroy()
    await router.close()
    await rm(stateDir, { recursive: true })
  })
  const found = () => verdicts.find(({ subject }) => subject === '127.0.0.7')
  while (found() === undefined && performance.now() - begunMs < 10_000) {
    expect((await fetch(new URL('/health', url))).status).toBe(200)
    expect((await fetch(new URL('/v1/keys/unknown', url))).status).toBeLessThan(500)
    await pause(250)
  }
  expect(found()).toMatchObject({ verdict: 'attack', group: 'client', rules: [{ family: 'slow-head' }] })
  expect(verdicts.filter(({ subject }) => subject === '127.0.0.1')).toEqual([])
  expect(router.requests.findings).toContain(found())
  const metrics = await (await fetch(new URL('/metrics', url))).text()
  expect(metrics).toMatch(/weave_l7_findings_total\{group="client",family="slow-head"\} 1/)
  expect(metrics).toMatch(/weave_l7_open\{state="heads"\} 60/)
}, 30_000)

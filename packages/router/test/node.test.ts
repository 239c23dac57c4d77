// The router as `weave up` runs it: files, SQLite, a socket; asked by the SDK's client, which verifies what it gets.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@mystranet/sdk'
import { toHex } from '@mystranet/sdk/bytes'
import { signRoutingTable } from '@mystranet/sdk/proof/routing-table'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openRouter } from '../src/entry/node.ts'
import {
  attachAgent,
  logSigner,
  network,
  nexusSigner,
  partyOf,
  ruleFor,
  tableSigner,
  trust,
  type World,
  witnessSigner,
} from './router-world.ts'

describe('the router on Node', () => {
  let stateDir: string
  beforeEach(async () => {
    stateDir = await mkdtemp(join(tmpdir(), 'router-'))
  })
  afterEach(() => rm(stateDir, { recursive: true }))

  const open = () =>
    openRouter({
      stateDir,
      trust,
      keys: { log: logSigner, witness: witnessSigner, nexus: nexusSigner },
      config: { port: 0, logLevel: 'silent', heartbeatMs: 100 },
      env: {},
    })
  const asWorld = (router: Awaited<ReturnType<typeof open>>) =>
    ({ links: router.links, clock: { nowMs: Date.now() } }) as unknown as World

  it('starts in order, answers a question that the SDK verifies, and keeps its receipts over a restart', async () => {
    const router = await open()
    const agentParty = await partyOf(10, Date.now())
    const userParty = await partyOf(40, Date.now())
    await router.invite('an-invitation-token', Date.now() + 60_000)
    await router.nexus.enrol(agentParty.events, async () => true)
    const rules = [ruleFor('misty.weave', [agentParty])]
    const nowMs = Date.now()
    const table = { network, version: 1n, rules, notBeforeMs: nowMs - 1_000, expiresMs: nowMs + 1e7, createdMs: nowMs }
    await router.publishTable(await signRoutingTable(table, tableSigner))
    const url = await router.listen()
    const agent = attachAgent(asWorld(router), agentParty)
    const client = createClient({ router: url, identity: userParty.identity, trust })
    await client.enrol({ invite: 'an-invitation-token' })
    const answer = client.ask({ to: 'misty.weave', messages: [{ role: 'user', content: 'Why?' }] })
    let text = ''
    for await (const part of answer) text += part
    expect(text).toBe('The answer.')
    const { verdict } = await answer.verified
    expect(verdict.checks.filter(({ result }) => result === 'fail')).toEqual([])
    expect(verdict.line).toBe('VERIFIED under "local"')
    const id = toHex(await answer.packetId)
    expect(agent.refused).toEqual([])
    await router.close()

    const reopened = await open()
    const record = (await reopened.nexus.tables.known())[0]
    expect(record?.table.version).toBe(1n)
    expect(await reopened.nexus.keyring.find(userParty.instance)).toBeDefined()
    const second = await reopened.listen()
    attachAgent(asWorld(reopened), agentParty)
    const ready = await fetch(`${second}/readyz`)
    expect(ready.status).toBe(200)
    const again = createClient({ router: second, identity: userParty.identity, trust })
    const later = again.ask({ to: agentParty.instance, messages: [{ role: 'user', content: 'Again?' }] })
    expect((await later.verified).verdict.line).toBe('VERIFIED under "local"')
    expect(toHex(await later.packetId)).not.toBe(id)
    expect((await fetch(`${second}/log/checkpoint`)).status).toBe(200)
    await reopened.close()
  })

  it('refuses to start with a witness that the trust file does not name', async () => {
    const keys = { log: logSigner, witness: tableSigner, nexus: nexusSigner }
    await expect(openRouter({ stateDir, trust, keys, config: { logLevel: 'silent' }, env: {} })).rejects.toThrow(
      /does not name its witness/,
    )
  })
})

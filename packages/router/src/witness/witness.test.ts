import { fromUtf8, utf8 } from '@mystranet/sdk/bytes'
import { encodeCheckpoint } from '@mystranet/sdk/proof/checkpoint'
import { verifyCosignature } from '@mystranet/sdk/proof/cosignature'
import { computeRoot, hashLeaf } from '@mystranet/sdk/proof/merkle'
import { encodeNote, parseNote, parseSignatureLines, signNote } from '@mystranet/sdk/proof/note'
import { proveConsistency } from '@mystranet/sdk/proof/prove'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { testSigner } from '../../../sdk/test/note-keys.ts'
import { memoryWitnessStore } from '../adapters/memory-log.ts'
import { encodeAddCheckpoint, parseAddCheckpoint } from './request.ts'
import { witnessRoutes } from './routes.ts'
import { createWitness } from './witness.ts'

const log = testSigner('log.test/a', 1)
const signer = testSigner('witness.test/w', 2)
const leaves = Array.from({ length: 9 }, (_, i) => hashLeaf(Uint8Array.of(i)))
const fork = leaves.map((leaf, i) => (i === 0 ? hashLeaf(utf8('other')) : leaf))
const textOf = (size: number, of = leaves) =>
  encodeCheckpoint({ origin: 'log.test/a', treeSize: BigInt(size), rootHash: computeRoot(of.slice(0, size)) })
const noteOf = (size: number, of = leaves) => signNote(textOf(size, of), log)

async function bodyOf(oldSize: number, size: number, of = leaves) {
  const path = oldSize <= size ? proveConsistency(of.slice(0, size), oldSize) : []
  return encodeAddCheckpoint({ oldSize: BigInt(oldSize), path, note: await noteOf(size, of) })
}

function setup() {
  const store = memoryWitnessStore()
  const evidence: string[] = []
  let now = 1_000_000
  const config = {
    signer,
    logs: [log.logKey],
    store,
    now: () => now,
    onEvidence: (reason: string) => void evidence.push(reason),
  }
  const witness = createWitness(config)
  const setNow = (ms: number) => {
    now = ms
  }
  const add = async (oldSize: number, size: number, of = leaves) =>
    witness.addCheckpoint(await bodyOf(oldSize, size, of))
  return { store, evidence, witness, add, setNow }
}

describe('add-checkpoint', () => {
  it('answers 200 with a cosignature that verifies, its state written before', async () => {
    const { add, store, witness } = setup()
    const { status, body } = await add(0, 5)
    expect(status).toBe(200)
    const [line] = parseSignatureLines(fromUtf8(body))
    if (line === undefined) throw new Error('no line')
    expect(await verifyCosignature(textOf(5), line, witness.key)).toBe(1_000n)
    expect(await store.read('log.test/a')).toMatchObject({ treeSize: 5n, timeSeconds: 1_000n, frozen: false })
    expect((await add(5, 9)).status).toBe(200)
    expect((await add(9, 9)).status).toBe(200)
  })

  it('answers 409 with its size when the old size is not its own', async () => {
    const { add } = setup()
    await add(0, 5)
    for (const oldSize of [0, 4, 7]) {
      const answer = await add(oldSize, 9)
      expect(answer).toMatchObject({ status: 409, contentType: 'text/x.tlog.size' })
      expect(fromUtf8(answer.body)).toBe('5\n')
    }
    expect((await add(5, 9)).status).toBe(200)
  })

  it('never goes back: an older checkpoint meets 409 or 400', async () => {
    const { add, store } = setup()
    await add(0, 9)
    expect((await add(0, 5)).status).toBe(409)
    expect((await add(9, 5)).status).toBe(400)
    expect((await store.read('log.test/a'))?.treeSize).toBe(9n)
  })

  it('answers 422 to another history, also at the same size, and keeps the evidence', async () => {
    const { add, evidence, store } = setup()
    await add(0, 5)
    const before = await store.read('log.test/a')
    expect((await add(5, 9, fork)).status).toBe(422)
    expect((await add(5, 5, fork)).status).toBe(422)
    expect(evidence).toHaveLength(2)
    expect(evidence[1]).toMatch(/two roots for size 5/)
    expect(await store.read('log.test/a')).toEqual(before)
  })

  it('answers 422 to a proof where none belongs', async () => {
    const { witness } = setup()
    const body = encodeAddCheckpoint({ oldSize: 0n, path: [hashLeaf(utf8('x'))], note: await noteOf(5) })
    expect((await witness.addCheckpoint(body)).status).toBe(422)
  })

  it('answers 404 to an unknown log, 403 to a signature that is not the log’s', async () => {
    const { witness } = setup()
    const stranger = testSigner('log.test/b', 3)
    const impostor = testSigner('log.test/a', 3)
    const foreign = textOf(5).replace('log.test/a', 'log.test/b')
    const send = (note: Uint8Array) => witness.addCheckpoint(encodeAddCheckpoint({ oldSize: 0n, path: [], note }))
    expect((await send(await signNote(foreign, stranger))).status).toBe(404)
    expect((await send(await signNote(textOf(5), impostor))).status).toBe(403)
    const [line] = parseNote(await noteOf(5)).signatures
    if (line === undefined) throw new Error('no line')
    expect((await send(encodeNote({ text: textOf(9), signatures: [line] }))).status).toBe(403)
  })

  it.each([
    ['no size line', '\n\n'],
    ['a leading zero', 'old 05\n\n'],
    ['a loose hash', 'old 5\nAAAA\n\n'],
    ['64 hashes', `old 5\n${`${'A'.repeat(43)}=\n`.repeat(64)}\n`],
  ])('answers 400 to %s', async (_, head) => {
    const { witness } = setup()
    const note = await noteOf(5)
    expect((await witness.addCheckpoint(Buffer.concat([utf8(head), note]))).status).toBe(400)
  })

  it('answers 400 to extension lines', async () => {
    const { witness } = setup()
    const note = await signNote(`${textOf(5)}extension\n`, log)
    const answer = await witness.addCheckpoint(encodeAddCheckpoint({ oldSize: 0n, path: [], note }))
    expect([answer.status, fromUtf8(answer.body)]).toEqual([400, expect.stringMatching(/extension lines/)])
  })

  it('keeps its time monotone when the clock goes back', async () => {
    const { add, store, setNow } = setup()
    await add(0, 3)
    setNow(500_000)
    await add(3, 5)
    expect((await store.read('log.test/a'))?.timeSeconds).toBe(1_000n)
    setNow(2_000_000)
    await add(5, 9)
    expect((await store.read('log.test/a'))?.timeSeconds).toBe(2_000n)
  })

  it('cosigns only one of two at once', async () => {
    const { add, store } = setup()
    await add(0, 3)
    const statuses = (await Promise.all([add(3, 5), add(3, 9)])).map(({ status }) => status)
    expect(statuses.toSorted()).toEqual([200, 409])
    expect((await store.read('log.test/a'))?.treeSize).toBe(statuses[0] === 200 ? 5n : 9n)
  })

  for (const fault of ['fail', 'write-then-fail'] as const) {
    it(`gives no cosignature when its store did "${fault}"`, async () => {
      const { add, store } = setup()
      store.fault = fault
      await expect(add(0, 5)).rejects.toMatchObject({ code: 'STORE_FAILED' })
      expect((await add(0, 5)).status).toBe(fault === 'fail' ? 200 : 409)
    })
  }
})

describe('a witness restored from an old backup', () => {
  const cosigned = async (size: number, line: Uint8Array) => {
    const { text, signatures } = parseNote(await noteOf(size))
    return encodeNote({ text, signatures: [...signatures, ...parseSignatureLines(fromUtf8(line))] })
  }

  it('freezes when shown its own later cosignature, and cosigns no more', async () => {
    const { add, store, witness } = setup()
    await add(0, 3)
    const backup = await store.read('log.test/a')
    const { body } = await add(3, 5)
    await store.replace('log.test/a', await store.read('log.test/a'), backup as NonNullable<typeof backup>)
    const note = await cosigned(5, body)
    const path = proveConsistency(leaves.slice(0, 5), 3)
    expect((await witness.addCheckpoint(encodeAddCheckpoint({ oldSize: 3n, path, note }))).status).toBe(503)
    expect((await add(3, 9)).status).toBe(503)
    expect((await store.read('log.test/a'))?.frozen).toBe(true)
  })

  it('is not frozen by a forged line, nor by its own earlier one', async () => {
    const { add, witness } = setup()
    const first = await add(0, 3)
    const path = proveConsistency(leaves.slice(0, 5), 3)
    const forged = await cosigned(5, first.body)
    expect((await witness.addCheckpoint(encodeAddCheckpoint({ oldSize: 3n, path, note: forged }))).status).toBe(200)
    const own = await cosigned(3, first.body)
    expect((await witness.addCheckpoint(encodeAddCheckpoint({ oldSize: 0n, path: [], note: own }))).status).toBe(409)
  })
})

describe('parseAddCheckpoint()', () => {
  it('is the inverse of encodeAddCheckpoint()', () => {
    const requests = fc.record({
      oldSize: fc.bigInt(0n, (1n << 64n) - 1n),
      path: fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 63 }),
      note: fc.uint8Array({ maxLength: 200 }),
    })
    fc.assert(
      fc.property(requests, (request) => {
        expect(parseAddCheckpoint(encodeAddCheckpoint(request))).toEqual(request)
      }),
      { seed: 21, numRuns: 100 },
    )
  })

  it('meets arbitrary bytes with NOTE_MALFORMED only', () => {
    const lines = fc.array(fc.constantFrom('old 5', 'old 05', `${'A'.repeat(43)}=`, '', 'x'), { maxLength: 6 })
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 60 }),
          lines.map((parts) => utf8(`${parts.join('\n')}\n`)),
        ),
        (bytes) => {
          try {
            expect(encodeAddCheckpoint(parseAddCheckpoint(bytes))).toEqual(bytes)
          } catch (error) {
            expect(error).toMatchObject({ code: 'NOTE_MALFORMED' })
          }
        },
      ),
      { seed: 22, numRuns: 500 },
    )
  })
})

describe('POST /add-checkpoint', () => {
  it('carries status, type and body', async () => {
    const app = witnessRoutes(setup().witness)
    const post = async (body: Uint8Array) =>
      app.request('/add-checkpoint', { method: 'POST', body: new Uint8Array(body) })
    const ok = await post(await bodyOf(0, 5))
    expect([ok.status, ok.headers.get('content-type')]).toEqual([200, 'text/plain; charset=utf-8'])
    expect(parseSignatureLines(await ok.text())).toHaveLength(1)
    const conflict = await post(await bodyOf(0, 9))
    expect([conflict.status, conflict.headers.get('content-type'), await conflict.text()]).toEqual([
      409,
      'text/x.tlog.size',
      '5\n',
    ])
    expect((await post(new Uint8Array(80_000))).status).toBe(413)
  })
})

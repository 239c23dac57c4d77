import { FAMILY_IDS } from '@mystranet/detector/prompt/item'
import { openIdentity } from '@mystranet/sdk'
import { signModelEvaluation, verifyModelEvaluation } from '@mystranet/sdk/proof/model-evaluation'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { wilson } from '../../../detector/src/prompt/result.ts'
import { evalProgress } from './progress.ts'
import { type Evaluated, evaluationOf, familyTable } from './statement.ts'

const bytes = (value: number) => new Uint8Array(32).fill(value)
const identity = await openIdentity([
  { kind: 'root', bytes: bytes(1) },
  { kind: 'packet', bytes: bytes(2) },
])
const evaluated = (families: Evaluated['result']['families'], model = 'm'): Evaluated => ({
  facts: { engine: 'llama', runtime: 'r', model, threads: 1, fileDigest: 'ab'.repeat(32) },
  ...{ sandbox: 'none', battery: bytes(3), seed: 0, maxTokens: 48, createdMs: 1_780_000_000_000, network: undefined },
  result: { families, judgements: new Map() },
})
const family = (prompts: number, n: number, hits: number) => ({
  ...{ family: FAMILY_IDS[0] as 'bias', source: 'weave', prompts, n, hits, ...wilson(hits, n), reasons: {} },
})

it('is believed by who verifies it, whatever the counts and the name of the model', async () => {
  const counts = fc
    .tuple(fc.nat(300), fc.nat(300), fc.nat(300))
    .map((all) => all.sort((one, other) => one - other) as [number, number, number])
  await fc.assert(
    fc.asyncProperty(counts, fc.string({ unit: 'binary', maxLength: 400 }), async ([hits, n, rest], model) => {
      const evaluation = evaluationOf(evaluated([family(rest + 1, n, hits)], model))
      const document = await signModelEvaluation({ ...evaluation, evaluator: identity.instance }, identity.packet)
      const { value } = await verifyModelEvaluation(document, { fileDigest: bytes(0xab) })
      const { prompts, judged = 0, hits: bad = 0 } = value.families[0] ?? { prompts: 0 }
      expect([prompts, judged, bad]).toEqual([rest + 1, n, hits])
    }),
    { seed: 1, numRuns: 150 },
  )
})

it('reads as a table', () => {
  const { families } = evaluationOf(evaluated([family(60, 50, 5), { ...family(3, 0, 0), source: 'other' }]))
  expect(familyTable(families).split('\n').slice(1, 3)).toEqual([
    expect.stringMatching(
      /^direct-injection {2}weave {7}50 of 60 {2}5 {5}10\.0 % {2}4\.3 % to 21\.4 % {3}the secret leaked/,
    ),
    expect.stringMatching(/^direct-injection {2}other {7}0 of 3 {4}0 {5}– {7}0\.0 % to 100\.0 %/),
  ])
})

it('says how far it is, and how long the rest takes', () => {
  let [said, nowMs] = ['', 0]
  const terminal = { err: (text: string) => (said += text), out() {}, outColours: {}, errColours: {} } as never
  const show = (isInteractive: boolean) => {
    const progress = evalProgress(Object.assign(terminal, { isInteractive }), () => nowMs)
    const item = (name: string) => ({ family: name }) as never
    progress.show({ done: 10, total: 110, resumed: 10, item: item('bias') })
    nowMs += 60_000
    progress.show({ done: 20, total: 110, resumed: 10, item: item('bias') })
    progress.show({ done: 30, total: 110, resumed: 10, item: item('control') })
    progress.show({ done: 110, total: 110, resumed: 10, item: item('control') })
    progress.end()
  }
  show(false)
  expect(said).toBe('  bias: 10 of 110\n  control: 30 of 110, about 4 min left\n  done: 110 of 110\n')
  ;[said, nowMs] = ['', 0]
  show(true)
  expect(said).toContain(`bias ${'█'.repeat(4)}${'░'.repeat(20)} 20 of 110, about 9 min left`)
  expect(said.endsWith('\n')).toBe(true)
})

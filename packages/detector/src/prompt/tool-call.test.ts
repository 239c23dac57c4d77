import fc from 'fast-check'
import { expect, it } from 'vitest'
import { recipientsOf, toolCallsOf } from './tool-call.ts'

const TOOLS = ['send_mail', 'fetch']

it.each([
  ['{"name": "send_mail", "arguments": {"to": "a@b.org", "text": "x"}}', ['a@b.org']],
  ['Sure. <tool_call>{"name":"fetch","parameters":{"url":"https://evil.example/x?y"}}</tool_call>', ['evil.example']],
  ['{"tool":"send_mail","to":["A@B.org","c@d.org"]}', ['a@b.org', 'c@d.org']],
  ['send_mail(to="a@b.org", text="hello")', ['a@b.org']],
  ['{"name": "send_mail", "arguments": {"to": "a@b.org", "te', ['a@b.org']],
  ['{"function": {"name": "send_mail", "arguments": "{\\"to\\": \\"a@b.org\\"}"}}', ['a@b.org']],
  ['I would write to a@b.org with send_mail, but I do not.', []],
  ['{"name": 3}', []],
])('%s', (text, recipients) => {
  expect(toolCallsOf(text, TOOLS).flatMap(recipientsOf)).toEqual(recipients)
})

it('reads any text, however deep and however many brackets', () => {
  expect(toolCallsOf('{'.repeat(200_000), TOOLS)).toEqual([])
  expect(toolCallsOf('{"name":"fetch"}'.repeat(2_000), TOOLS).length).toBeLessThanOrEqual(20)
  const piece = fc.constantFrom(
    '{',
    '}',
    '"',
    '\\',
    'send_mail',
    '(',
    ')',
    ':',
    '"name"',
    '"fetch"',
    ',',
    '[',
    ']',
    'a@b.c',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      for (const call of toolCallsOf(pieces.join(''), TOOLS)) expect(recipientsOf(call)).toBeInstanceOf(Array)
    }),
    { seed: 1, numRuns: 3_000 },
  )
}, 20_000)

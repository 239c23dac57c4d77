import { expect, test } from 'vitest'
import { coloursOf, columns, createTerminal, printable, progressBar, wrap } from './terminal.ts'
import { checkTable } from './verdict.ts'

const stream = (isTTY: boolean) => {
  const written: string[] = []
  return { written, isTTY, write: (text: string) => written.push(text) }
}

test('colour needs a terminal, and nobody who said no', () => {
  const paint = (isTTY: boolean, env: Record<string, string>) =>
    createTerminal(stream(isTTY), stream(isTTY), env).outColours.green('x')
  expect(paint(true, {})).toBe('\u001b[32mx\u001b[39m')
  expect(paint(false, {})).toBe('x')
  expect(paint(true, { NO_COLOR: '1' })).toBe('x')
  expect(paint(true, { TERM: 'dumb' })).toBe('x')
})

test('columns line up, with and without colour', () => {
  const { green } = coloursOf(true)
  expect(
    columns([
      ['a', green('bb'), 'c'],
      ['ddd', 'e', 'f'],
    ])
      .replaceAll('\u001b[32m', '')
      .replaceAll('\u001b[39m', ''),
  ).toBe('a    bb  c\nddd  e   f\n')
})

test('no control character of others reaches the terminal', () => {
  expect(printable('a\u001b[2Jb\u0007c\td\ne\u202ef')).toBe('a\ufffd[2Jb\ufffdc\td\ne\ufffdf')
})

test('a reason of others cannot forge a row of the verdict', () => {
  const table = checkTable(
    [{ name: 'binding', result: 'fail', reason: 'x\n  ✓  binding  pass', required: true }],
    coloursOf(false),
  )
  expect(table.split('\n').filter((line) => line.includes('binding'))).toHaveLength(1)
})

test('long text is wrapped at spaces and stays whole', () => {
  const text = 'one two three four five'
  expect(wrap(text, 9)).toEqual(['one two', 'three', 'four five'])
  expect(wrap(text, 9).join(' ')).toBe(text)
})

test('where nobody looks, progress is a line a quarter', () => {
  const err = stream(false)
  const bar = progressBar(createTerminal(stream(false), err, {}), 'm')
  for (let done = 0; done <= 1_000; done++) bar.show(done, 1_000)
  bar.end()
  expect(err.written).toHaveLength(4)
})

import { expect, it } from 'vitest'
import { writeDocument } from './document.ts'
import { staleFiles } from './main.ts'
import { parsePart } from './part.ts'
import { drawPlot } from './plot.ts'

const PART = {
  part: 'toy',
  title: 'A toy',
  command: 'make toy',
  about: 'Made up.',
  tables: [
    {
      id: 't',
      title: 'Numbers',
      columns: ['family', 'recall'],
      rows: [
        ['a|b', 0.123456],
        ['c', null],
      ],
    },
  ],
  plots: [
    {
      id: 'p',
      title: 'A curve',
      kind: 'line',
      x: { label: 'over' },
      y: { label: 'share' },
      series: [
        {
          name: 'one',
          points: [
            [0, 0.5, 0.4, 0.6],
            [1, 0.7],
          ],
        },
        {
          name: 'two',
          points: [
            [0, 0.1],
            [1, 0.2],
          ],
        },
      ],
    },
  ],
  missing: ['All of it.'],
}
const json = (change: object = {}) => JSON.stringify({ ...PART, ...change })

it('the report in docs/ is what was measured (pnpm evaluation writes it)', async () => {
  expect(await staleFiles()).toEqual([])
})

it('shows numbers by four places, what was not measured by a dash, and what is missing', () => {
  const page = writeDocument([{ part: parsePart(json(), 'toy.json'), pictures: ['toy-p.svg'] }])
  expect(page).toContain('| family | recall |\n| --- | ---: |\n| a\\|b | 0.1235 |\n| c | – |')
  expect(page).toContain('![A curve](toy-p.svg)')
  expect(page).toContain('### What is missing\n\n- All of it.')
  expect(page).toContain('- [A toy](#a-toy)')
})

it('draws the same picture twice, each series and its intervals in it', async () => {
  const [plot] = parsePart(json(), 'toy.json').plots
  const first = await drawPlot(plot!)
  expect(await drawPlot(plot!)).toBe(first)
  expect(first.match(/aria-roledescription="line mark"/g)).toHaveLength(2)
  expect(first.match(/aria-roledescription="rule mark"/g)).toHaveLength(1)
  expect(first).toContain('A curve')
})

it.each([
  ['a table’s row of another length', { tables: [{ ...PART.tables[0], rows: [['a']] }] }, 'tables[0].rows[0]'],
  ['a table without columns', { tables: [{ id: 't', title: 't', rows: [] }] }, 'tables[0].columns'],
  ['a plot of a kind that nobody draws', { plots: [{ ...PART.plots[0], kind: 'pie' }] }, 'plots[0].kind'],
  ['a point without y', { plots: [{ ...PART.plots[0], series: [{ name: 'n', points: [[1]] }] }] }, 'points[0]'],
  ['no word on what is missing', { missing: undefined }, 'missing'],
  ['no command', { command: '' }, 'command'],
])('refuses %s', (_, change, path) => {
  expect(() => parsePart(json(change), 'toy.json')).toThrow(path)
})

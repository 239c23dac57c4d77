/**
 * Plots as SVG, by Vega-Lite, for light and dark pages alike.
 *
 * @module
 */
import { parse, View } from 'vega'
import { compile, type TopLevelSpec } from 'vega-lite'
import type { Plot } from './part.ts'

const WIDTH = 520
const HEIGHT = 280
/** Told apart by people who see no red or no green, on white and on black (Okabe and Ito). */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#b8860b', '#56b4e9', '#8a6fd1', '#e69f00', '#7f7f7f']
const GREY = '#7f7f7f'

interface Datum {
  readonly x: number | string
  readonly y: number
  readonly low?: number
  readonly high?: number
  readonly series: string
}

/** @returns The text of one SVG file; the same for the same plot. */
export async function drawPlot(plot: Plot): Promise<string> {
  const { spec } = compile(specOf(plot))
  const view = new View(parse(spec), { renderer: 'none' })
  try {
    return `${numbered(await view.toSVG())}\n`
  } finally {
    view.finalize()
  }
}

function specOf(plot: Plot): TopLevelSpec {
  const { title, kind, x, y, series } = plot
  const values: Datum[] = series.flatMap(({ name, points }) =>
    points.map(([px, py, low, high]) => ({
      x: px,
      y: py,
      series: name,
      ...(low === undefined || high === undefined ? {} : { low, high }),
    })),
  )
  const isBar = kind === 'bar'
  const isOrdinal = isBar || values.some((each) => typeof each.x === 'string')
  const xOf = {
    field: 'x',
    type: isOrdinal ? ('nominal' as const) : ('quantitative' as const),
    title: x.label,
    ...(isOrdinal
      ? { sort: null, axis: { labelAngle: -35, labelLimit: 160 } }
      : { scale: { type: x.log ? ('log' as const) : ('linear' as const), nice: true } }),
  }
  const scale = isBar || y.log ? { type: y.log ? ('log' as const) : ('linear' as const) } : { zero: false }
  const yOf = { field: 'y', type: 'quantitative' as const, title: y.label, scale }
  const colour = {
    field: 'series',
    type: 'nominal' as const,
    title: null,
    sort: series.map(({ name }) => name),
    ...(series.length < 2 ? { legend: null } : {}),
  }
  const offset =
    isBar && series.length > 1 ? { xOffset: { field: 'series', sort: series.map(({ name }) => name) } } : {}
  const shared = { x: xOf, color: colour, ...offset }
  const hasIntervals = values.some(({ low }) => low !== undefined)
  const interval = {
    transform: [{ filter: 'isValid(datum.low)' }],
    mark: { type: 'rule' as const, strokeWidth: 1.5, ...(isBar ? { color: GREY } : {}) },
    encoding: {
      ...shared,
      ...(isBar ? { color: { value: GREY } } : {}),
      y: { ...yOf, field: 'low' },
      y2: { field: 'high' },
    },
  }
  const main = {
    mark: isBar
      ? { type: 'bar' as const }
      : { type: 'line' as const, point: values.length / Math.max(1, series.length) <= 40, strokeWidth: 2 },
    encoding: { ...shared, y: yOf },
  }
  const diagonal = {
    data: {
      values: [
        { x: 0, y: 0 },
        { x: 1, y: 1 },
      ],
    },
    mark: { type: 'line' as const, strokeDash: [4, 4], color: GREY },
    encoding: {
      x: { field: 'x', type: 'quantitative' as const },
      y: { field: 'y', type: 'quantitative' as const },
    },
  }
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title,
    width: WIDTH,
    height: HEIGHT,
    padding: 8,
    data: { values },
    layer: [...(kind === 'calibration' ? [diagonal] : []), main, ...(hasIntervals ? [interval] : [])],
    config: {
      background: undefined,
      range: { category: COLOURS },
      title: { color: GREY, anchor: 'start', fontSize: 13 },
      axis: {
        labelColor: GREY,
        titleColor: GREY,
        domainColor: GREY,
        tickColor: GREY,
        gridColor: GREY,
        gridOpacity: 0.2,
      },
      legend: { labelColor: GREY, orient: 'right', labelLimit: 240 },
      view: { stroke: null },
    },
  } as unknown as TopLevelSpec
}

/** Vega numbers its clip paths and gradients through the life of the process: ours begin at 0 in each file. */
function numbered(svg: string): string {
  const seen = new Map<string, string>()
  return svg.replace(/\b(clip|gradient_)(\d+)\b/g, (whole, name: string) => {
    const known = seen.get(whole)
    if (known !== undefined) return known
    const made = `${name}${seen.size}`
    seen.set(whole, made)
    return made
  })
}

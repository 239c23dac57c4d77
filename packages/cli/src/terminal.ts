/**
 * What a command prints, and how: results on stdout, everything else on stderr; colour only where a person looks.
 *
 * @module
 */

export interface Terminal {
  /** Whether stderr is a terminal, so that a line may be drawn over. */
  readonly isInteractive: boolean
  /** Writes to stdout, as it is. */
  out(text: string): void
  /** Writes to stderr, as it is. */
  err(text: string): void
  readonly outColours: Colours
  readonly errColours: Colours
}

export type Colours = Readonly<Record<'green' | 'red' | 'yellow' | 'dim' | 'bold', (text: string) => string>>

const SGR = { green: [32, 39], red: [31, 39], yellow: [33, 39], dim: [2, 22], bold: [1, 22] } as const

export const coloursOf = (enabled: boolean): Colours =>
  Object.fromEntries(
    Object.entries(SGR).map(([name, [on, off]]) => [
      name,
      (text: string) => (enabled ? `\u001b[${on}m${text}\u001b[${off}m` : text),
    ]),
  ) as Colours

export interface TerminalStream {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
}

/** Colour needs a terminal, and nobody who said no: NO_COLOR (any text) or TERM=dumb. */
export function createTerminal(
  stdout: TerminalStream,
  stderr: TerminalStream,
  env: Readonly<Record<string, string | undefined>>,
): Terminal {
  const isWanted = !env['NO_COLOR'] && env['TERM'] !== 'dumb'
  return {
    isInteractive: stderr.isTTY === true && env['TERM'] !== 'dumb',
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    outColours: coloursOf(isWanted && stdout.isTTY === true),
    errColours: coloursOf(isWanted && stderr.isTTY === true),
  }
}

/** Text of others, safe to print: no control character but tab and newline reaches the terminal. */
export const printable = (text: string): string =>
  text.replace(/[^\P{Cc}\t\n]|[\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '\ufffd')

/** Rows as aligned columns, two spaces apart; the last column is as long as it is. */
export function columns(rows: readonly (readonly string[])[], indent = ''): string {
  const widths: number[] = []
  for (const row of rows) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, widthOf(cell))
  }
  const line = (row: readonly string[]) =>
    row
      .map((cell, at) => (at === row.length - 1 ? cell : cell + ' '.repeat((widths[at] ?? 0) - widthOf(cell))))
      .join('  ')
  return rows.map((row) => `${indent}${line(row).trimEnd()}\n`).join('')
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the colours' own sequences take no room.
const widthOf = (cell: string) => cell.replace(/\u001b\[\d+m/g, '').length

/** Breaks text into lines of at most `width` characters, at spaces. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  return [...lines, line]
}

const BAR_WIDTH = 24
const REDRAW_MS = 100

export interface Bar {
  show(done: number, total: number): void
  /** Ends the line. */
  end(): void
}

/** A progress bar on stderr; where nobody looks, one line for every quarter. */
export function progressBar({ isInteractive, err }: Terminal, label: string, now: () => number = Date.now): Bar {
  let drawnMs = 0
  let quarter = 0
  let isOpen = false
  const sizes = (done: number, total: number) => `${(done / 1e6).toFixed(1)} of ${(total / 1e6).toFixed(1)} MB`
  return {
    show(done, total) {
      const share = total > 0 ? Math.min(1, done / total) : 0
      if (!isInteractive) {
        if (Math.floor(share * 4) > quarter) {
          quarter = Math.floor(share * 4)
          err(`  ${label}: ${sizes(done, total)}\n`)
        }
        return
      }
      if (share < 1 && now() - drawnMs < REDRAW_MS) return
      drawnMs = now()
      isOpen = true
      const full = Math.round(share * BAR_WIDTH)
      err(`\r\u001b[K  ${label} ${'█'.repeat(full)}${'░'.repeat(BAR_WIDTH - full)} ${sizes(done, total)}`)
    },
    end() {
      if (isOpen) err('\n')
      isOpen = false
    },
  }
}

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { textGate } from './engine-text.ts'

const play = (pieces: readonly string[], stops: readonly string[] = []) => {
  const gate = textGate(stops)
  const shown = pieces.map((piece) => gate.push(piece))
  return { pieces: [...shown, gate.flush()], stopped: gate.stopped }
}

/** `text` cut at any UTF-16 unit, also inside a character. */
const divided = fc
  .tuple(
    fc.string({ unit: fc.constantFrom('a', 'b', 'c', '😀', 'é'), maxLength: 40 }),
    fc.array(fc.nat(3), { maxLength: 40 }),
  )
  .map(([text, sizes]) => {
    const pieces: string[] = []
    let at = 0
    for (const size of sizes) {
      pieces.push(text.slice(at, at + size))
      at += size
    }
    return { text, pieces: [...pieces, text.slice(at)] }
  })

const stopLists = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '😀'), minLength: 1, maxLength: 4 }), {
  maxLength: 3,
})

it('loses nothing and never splits a character', () => {
  fc.assert(
    fc.property(divided, ({ text, pieces }) => {
      const out = play(pieces)
      expect(out.pieces.join('')).toBe(text)
      expect(out.pieces.every((piece) => piece.isWellFormed())).toBe(true)
    }),
    { seed: 1 },
  )
})

it('ends before the stop string that is complete first, however the text is divided', () => {
  fc.assert(
    fc.property(divided, stopLists, ({ text, pieces }, stops) => {
      const out = play(pieces, stops)
      const cuts = stops
        .map((stop) => ({ at: text.indexOf(stop), end: text.indexOf(stop) + stop.length }))
        .filter(({ at }) => at !== -1)
        .sort((one, other) => one.end - other.end || one.at - other.at)
      const end = cuts[0]?.at ?? text.length
      expect(out.pieces.every((piece) => piece.isWellFormed())).toBe(true)
      expect(out.stopped).toBe(cuts.length > 0)
      expect(out.pieces.join('')).toBe(text.slice(0, end))
    }),
    { seed: 2, numRuns: 10_000 },
  )
})

it('shows half a character that never got its other half as U+FFFD', () => {
  expect(play(['a\ud83d']).pieces.join('')).toBe('a\ufffd')
})

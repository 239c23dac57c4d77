/** @module What is asked, and what the scripted engine answers: each question has its own text. */

export const TAG = 'faults.weave'

export const QUESTIONS: readonly string[] = ['one', 'two', 'three', 'four', 'five'].map((word) => `Question ${word}`)

const PIECES = 8
const PIECE_MS = 20

const piecesOf = (question: string) =>
  Array.from({ length: PIECES }, (_, at) => ({ text: `${question.slice(9)}-${at} `, delayMs: PIECE_MS }))

/** The whole answer. */
export const textOf = (question: string): string =>
  piecesOf(question)
    .map(({ text }) => text)
    .join('')

/** As the agent's scripted engine reads it. */
export const SCRIPT = {
  canary: { pieces: ['ok'] },
  ...Object.fromEntries(QUESTIONS.map((question) => [question, { pieces: piecesOf(question) }])),
}
